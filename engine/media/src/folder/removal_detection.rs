//! Distinguishes files that were removed from files whose disk is not mounted.

use std::{io, path::Path, time::Duration};

/// Time for which a missing recording is waited for, since it may come back under another name.
pub const REMOVAL_GRACE: Duration = Duration::from_secs(5);

/// True if there is no such file; a file whose metadata cannot be read may exist.
pub fn is_missing(path: &Path) -> bool {
    let missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
    path.symlink_metadata().is_err_and(missing)
}

/// True if a missing file was removed. If its folder is missing too, cannot be read, or is empty, the disk may only be away.
pub fn was_removed(path: &Path) -> bool {
    let has_entries = |folder: &Path| {
        let entries = folder.read_dir();
        entries.is_ok_and(|mut entries| entries.next().is_some_and(|entry| entry.is_ok()))
    };
    is_missing(path) && path.parent().is_some_and(has_entries)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn an_empty_folder_may_be_a_disk_that_is_away() {
        let folder = tempdir().unwrap();
        let root = folder.path();
        let removed = |name: &str| was_removed(&root.join(name));
        assert!(!removed("a.mp4"));
        fs::write(root.join("b.mp4"), "x").unwrap();
        assert!(removed("a.mp4") && !removed("b.mp4"));
        fs::create_dir(root.join("day")).unwrap();
        assert!(!removed("day/a.mp4"));
        assert!(!removed("other/a.mp4") && !removed("b.mp4/a.mp4"));
    }
}
