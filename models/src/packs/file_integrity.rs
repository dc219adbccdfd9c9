//! Comparison of a pack's files with its manifest: size and SHA-256.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{FileEntry, Manifest, ModelError};

/// Checks one file of an installed pack and returns its path.
pub(super) fn verified_path(
    manifest: &Manifest,
    folder: &Path,
    file: &str,
) -> Result<PathBuf, ModelError> {
    let entry = manifest
        .files
        .iter()
        .find(|entry| entry.path == file)
        .ok_or_else(|| ModelError::ManifestContent {
            pack: manifest.name.clone(),
            problem: format!("{file:?} is not among [[files]]"),
        })?;
    let path = folder.join(file);
    if !path.is_file() {
        return Err(ModelError::MissingFile {
            pack: manifest.name.clone(),
            path,
        });
    }
    check_file(entry, &path, &mut |_| {})?;
    Ok(path)
}

/// Checks a file against its entry; reports each number of bytes read to `progress`.
pub(super) fn check_file(
    entry: &FileEntry,
    path: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ModelError> {
    let io = |source| ModelError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let wrong = |property, expected, found| ModelError::WrongFile {
        path: path.to_owned(),
        property,
        stated_by: entry.stated_by(),
        expected,
        found,
    };
    let (Some(expected_size), Some(expected)) = (entry.size, &entry.sha256) else {
        return Err(ModelError::UnrecordedFile {
            path: path.to_owned(),
        });
    };
    let size = path.metadata().map_err(io)?.len();
    if size != expected_size {
        return Err(wrong("size", expected_size.to_string(), size.to_string()));
    }
    let found = sha256(path, progress).map_err(io)?;
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(wrong("sha256", expected.clone(), found))
}

/// Returns the checksum of a file in hexadecimal.
pub(super) fn sha256(path: &Path, progress: &mut dyn FnMut(u64)) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        progress(read as u64);
    }
    let digest = hash.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
