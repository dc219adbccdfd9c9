//! File operations of an installation.

use std::{fs, path::Path};

use crate::ModelError;

/// Creates a folder with its parents.
pub(super) fn create_folder(folder: &Path) -> Result<(), ModelError> {
    fs::create_dir_all(folder).map_err(|source| ModelError::Io {
        action: "create",
        path: folder.to_owned(),
        source,
    })
}

/// Copies a file.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), ModelError> {
    let copied = fs::copy(from, to).map_err(|source| ModelError::Io {
        action: "copy",
        path: from.to_owned(),
        source,
    });
    copied.map(drop)
}
