//! Folders, their free space, the default index, and limits. Nothing is opened or changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use atom_models::cache_folder;
use serde::Serialize;

use super::{private_paths::PrivatePaths, time_limit::within_time_limit};
use crate::{args::index_path, descriptor_limit::descriptor_limits};

/// The folders that Atom writes to by default.
#[derive(Debug, Serialize)]
pub(super) struct Storage {
    pub(super) cache: Option<FolderState>,
    pub(super) data: Option<FolderState>,
    pub(super) index: Option<IndexState>,
}

/// A folder.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FolderState {
    pub(super) path: String,
    pub(super) exists: bool,
    /// Free space of its disk; none if it cannot be read.
    pub(super) free_bytes: Option<u64>,
}

/// The default index, as the file system shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct IndexState {
    pub(super) path: String,
    pub(super) exists: bool,
    /// The size of the file, without what SQLite keeps beside it.
    pub(super) bytes: Option<u64>,
    /// Why the file cannot be examined, other than that it does not exist.
    pub(super) error: Option<String>,
}

/// Limits of this process.
#[derive(Debug, Serialize)]
pub(super) struct Limits {
    /// Files that may be open; Atom raises the limit at its start as far as the system allows.
    pub(super) open_files: u64,
    /// The limit up to which it can be raised.
    pub(super) most_open_files: u64,
}

impl Storage {
    /// Examines the folders; a network drive that is gone may hang.
    pub(super) fn collect(paths: &PrivatePaths) -> Self {
        let (cache, index) = (cache_folder().ok(), index_path(None, false).ok());
        let data = index.as_deref().and_then(Path::parent).map(Path::to_owned);
        let folder = |path: Option<PathBuf>| {
            let path = path?;
            let shown = paths.path(&path);
            within_time_limit(move || folder_state(&path, shown)).ok()
        };
        Self {
            cache: folder(cache),
            data: folder(data),
            index: index.and_then(|path| {
                let paths = paths.clone();
                within_time_limit(move || index_state(&path, &paths)).ok()
            }),
        }
    }
}

fn folder_state(path: &Path, shown: String) -> FolderState {
    // The disk of a folder that does not exist is that of the next folder above it.
    let existing = path.ancestors().find(|above| above.exists());
    let disk = existing.and_then(|folder| rustix::fs::statvfs(folder).ok());
    FolderState {
        path: shown,
        exists: path.is_dir(),
        free_bytes: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
    }
}

fn index_state(path: &Path, paths: &PrivatePaths) -> IndexState {
    let found = fs::metadata(path);
    let error = match &found {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Some(paths.shown(&error.to_string()))
        }
        _ => None,
    };
    IndexState {
        path: paths.path(path),
        exists: found.is_ok(),
        bytes: found.ok().map(|file| file.len()),
        error,
    }
}

impl Limits {
    /// Returns the limits of this process.
    pub(super) fn collect() -> Self {
        let (open_files, most_open_files) = descriptor_limits();
        Self {
            open_files,
            most_open_files,
        }
    }
}
