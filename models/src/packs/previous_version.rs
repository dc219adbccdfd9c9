//! Keeps the previous version of a pack when another one is installed, because the rows that it indexed are searched with it
//! until they are indexed again.
//!
//! The previous version moves as a whole to a folder of its id, such as `mini-0.4.0`, so it is complete at any moment.

use std::{fs, path::Path};

use crate::{
    FileEntry, Manifest, ModelError,
    packs::{
        file_operations::{copy, create_folder},
        manifest::Family,
        pack_lock::read_installed,
    },
};

/// Moves the pack installed in `folder` aside if its version is not that of `new`. Files that both versions share are copied
/// back, so that they are neither fetched nor built again.
pub(super) fn move_aside(folder: &Path, new: &Manifest) -> Result<(), ModelError> {
    let Ok(previous) = read_installed(folder) else {
        return Ok(());
    };
    let aside = folder.with_file_name(previous.id());
    // No rows depend on the version of the runtime library.
    if previous.id() == new.id() || previous.family == Family::Runtime || aside.exists() {
        return Ok(());
    }
    fs::rename(folder, &aside).map_err(|source| ModelError::Io {
        action: "move",
        path: folder.to_owned(),
        source,
    })?;
    let shared = |entry: &&FileEntry| {
        let mut files = previous.files.iter().filter(|old| old.known());
        files.any(|old| (&old.path, &old.sha256) == (&entry.path, &entry.sha256))
    };
    for entry in new.files.iter().filter(shared) {
        let (from, to) = (aside.join(&entry.path), folder.join(&entry.path));
        // A file that the previous version lacks is fetched like a new one.
        if from.is_file() {
            create_folder(to.parent().unwrap_or(folder))?;
            copy(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn manifest(version: &str) -> String {
        let number = format!("version = \"{version}\"");
        fake::MANIFEST.replacen("version = \"1\"", &number, 1)
    }

    #[test]
    fn moves_the_previous_version_aside_once_and_copies_the_shared_files() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("fake");
        let new = Manifest::parse(Path::new("x"), &manifest("2")).unwrap();
        move_aside(&folder, &new).unwrap();
        assert!(!folder.exists());
        for text in ["same", "changed"] {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("none"), text).unwrap();
            fs::write(folder.join("pack.toml"), manifest("1")).unwrap();
            move_aside(&folder, &new).unwrap();
        }
        let aside = cache.path().join("fake-1");
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!(read(&aside.join("none")), "same");
        assert_eq!(read(&aside.join("pack.toml")), manifest("1"));
        assert_eq!(read(&folder.join("none")), "changed");
        fs::write(folder.join("pack.toml"), manifest("2")).unwrap();
        move_aside(&folder, &new).unwrap();
        assert!(!cache.path().join("fake-2").exists());
    }
}
