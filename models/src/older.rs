//! Keeps the version before, when another one is installed: what was indexed with it is searched with it until that is indexed
//! again.
//!
//! The older version moves as it is to a folder of its id, `mini-0.4.0`, so that it is whole there at any moment.

use std::{fs, path::Path};

use crate::{
    error::ModelError,
    install::{copy, make},
    manifest::{Family, FileEntry, Manifest},
};

/// Moves what is installed in `folder` aside if it is another version than `newer`. Files that both have are copied, so that they
/// are neither fetched nor built once more.
pub(crate) fn keep(folder: &Path, newer: &Manifest) -> Result<(), ModelError> {
    let Ok(older) = Manifest::read(&folder.join("pack.toml")) else {
        return Ok(());
    };
    let aside = folder.with_file_name(older.id());
    // Nothing is searched with the library that modules run on.
    if older.id() == newer.id() || older.family != Family::Composed || aside.exists() {
        return Ok(());
    }
    fs::rename(folder, &aside).map_err(|source| ModelError::Io {
        action: "move",
        path: folder.to_owned(),
        source,
    })?;
    let same = |entry: &&FileEntry| {
        let mut files = older.files.iter();
        files.any(|old| (&old.path, &old.sha256) == (&entry.path, &entry.sha256))
    };
    for entry in newer.files.iter().filter(same) {
        let (from, to) = (aside.join(&entry.path), folder.join(&entry.path));
        // What an older version lacks is brought as if it were new.
        if from.is_file() {
            make(to.parent().unwrap_or(folder))?;
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
    fn an_older_version_moves_aside_once_and_what_both_have_is_in_both() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("fake");
        let newer = Manifest::parse(Path::new("x"), &manifest("2")).unwrap();
        keep(&folder, &newer).unwrap();
        assert!(!folder.exists());
        for text in ["same", "changed"] {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("none"), text).unwrap();
            fs::write(folder.join("pack.toml"), manifest("1")).unwrap();
            keep(&folder, &newer).unwrap();
        }
        let aside = cache.path().join("fake-1");
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!(read(&aside.join("none")), "same");
        assert_eq!(read(&aside.join("pack.toml")), manifest("1"));
        assert_eq!(read(&folder.join("none")), "changed");
        fs::write(folder.join("pack.toml"), manifest("2")).unwrap();
        keep(&folder, &newer).unwrap();
        assert!(!cache.path().join("fake-2").exists());
    }
}
