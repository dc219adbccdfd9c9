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

/// Copies a file. The target is replaced as a whole at the end: it is never half written, and a link is not followed.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), ModelError> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let partial = to.with_file_name(name);
    // An interrupted copy leaves its file.
    let _ = fs::remove_file(&partial);
    let copied = fs::copy(from, &partial).and_then(|_| fs::rename(&partial, to));
    copied.map_err(|source| {
        let _ = fs::remove_file(&partial);
        ModelError::Io {
            action: "copy",
            path: from.to_owned(),
            source,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_copy_replaces_a_link_and_leaves_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        fs::write(path("linked"), "old").unwrap();
        fs::write(path("from"), "new").unwrap();
        symlink(path("linked"), path("to")).unwrap();
        fs::write(path("to.new"), "left by an interrupted copy").unwrap();
        copy(&path("from"), &path("to")).unwrap();
        assert_eq!(fs::read_to_string(path("linked")).unwrap(), "old");
        assert_eq!(fs::read_to_string(path("to")).unwrap(), "new");
        assert!(!path("to.new").exists());
    }

    #[test]
    fn a_copy_that_fails_leaves_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("to");
        fs::write(&to, "old").unwrap();
        let error = copy(&folder.path().join("missing"), &to).unwrap_err();
        assert!(error.to_string().contains("cannot copy"), "{error}");
        assert_eq!(fs::read_to_string(&to).unwrap(), "old");
    }
}
