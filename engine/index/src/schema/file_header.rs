//! Inspects the header of a file as plain bytes, before SQLite touches it.
//!
//! Opening a foreign file with SQLite may change it or leave files beside it. The header is reliable because the application id
//! and the version are written before the file is switched to write-ahead logging: the header on disk always has them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::tables::VERSION;
use crate::error::StoreError;

/// "AtIx" in ASCII, in the header of every store. Stores from before version 0.1 have "Atom" and are refused as foreign files, because
/// their version numbers mean other tables.
pub(super) const APPLICATION_ID: u32 = 0x4174_4978;

/// The kind of file at a path.
pub(super) enum FileKind {
    Nothing,
    Empty,
    Store,
}

/// Reads the header, and refuses everything but a store of this version.
pub(super) fn inspect(path: &Path) -> Result<FileKind, StoreError> {
    let unreadable = |source| StoreError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(FileKind::Nothing),
        Err(error) => return Err(unreadable(error)),
        Ok(data) if data.is_dir() => {
            return Err(StoreError::Folder {
                path: path.to_path_buf(),
            });
        }
        Ok(_) => {}
    }
    let mut header = Vec::with_capacity(100);
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut header))
        .map_err(unreadable)?;
    if header.is_empty() {
        return Ok(FileKind::Empty);
    }
    let Some((version, application)) = parse(&header) else {
        return Err(StoreError::NotSqlite {
            path: path.to_path_buf(),
        });
    };
    if application != APPLICATION_ID {
        return Err(StoreError::OtherApplication {
            path: path.to_path_buf(),
            found: application,
        });
    }
    require_version(path, version)?;
    Ok(FileKind::Store)
}

/// Refuses any version but ours.
pub(super) fn require_version(path: &Path, found: u32) -> Result<(), StoreError> {
    if found == VERSION {
        return Ok(());
    }
    Err(StoreError::OtherVersion {
        path: path.to_path_buf(),
        found,
        known: VERSION,
    })
}

/// Returns user version and application id, big-endian at offsets 60 and 68 of SQLite's file format.
pub(super) fn parse(header: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| {
        let bytes = header.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    header
        .starts_with(b"SQLite format 3\0")
        .then_some((number(60)?, number(68)?))
}
