//! A file of the catalog: how it is read, and how it is removed with its sources.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Result, Row, Transaction};

use super::path_text::{path_from_text, path_to_text};
use crate::error::StoreError;
use crate::store::Store;

/// All tables with a column `source` that holds the name of a source.
pub(super) const TABLES_BY_SOURCE: [&str; 6] = [
    "files",
    "played_files",
    "sources",
    "segments",
    "start_times",
    "gaps",
];

/// The timeline of a source without a start time is named after it.
pub(super) const REMOVE_WATERMARK: &str = "DELETE FROM watermarks WHERE timeline = ?1";

/// A file of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogFile {
    /// The source.
    pub source: String,
    /// Its path.
    pub path: PathBuf,
    /// A fingerprint of its content.
    pub content_digest: String,
    /// A value that changes when the file is written to.
    pub change_stamp: String,
}

impl Store {
    /// Returns the files of all sources that have one, by source.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn files(&self) -> std::result::Result<Vec<CatalogFile>, StoreError> {
        self.read(|connection| {
            let mut files = connection
                .prepare("SELECT source, path, content, touched FROM files ORDER BY source")?;
            files.query_map([], catalog_file)?.collect()
        })
    }

    /// Returns the file of a source, if it has one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn file_of(&self, source: &str) -> std::result::Result<Option<CatalogFile>, StoreError> {
        self.read(|connection| file_of(connection, source))
    }

    /// Returns the entries of a file.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn files_at(&self, path: &Path) -> std::result::Result<Vec<CatalogFile>, StoreError> {
        self.read(|connection| files_at(connection, path))
    }

    /// Removes all sources of a file with everything that belongs to them, and returns their names.
    ///
    /// # Errors
    /// If the store cannot be written; nothing changes then.
    pub fn remove_file(&mut self, path: &Path) -> std::result::Result<Vec<String>, StoreError> {
        self.write("remove a source from", |change| {
            let sources = files_at(change, path)?.into_iter().map(|file| file.source);
            let sources: Vec<String> = sources.collect();
            for source in &sources {
                remove_source(change, source)?;
            }
            Ok(sources)
        })
    }
}

/// Reads a row of source, path, content, touched.
pub(super) fn catalog_file(row: &Row) -> Result<CatalogFile> {
    Ok(CatalogFile {
        source: row.get(0)?,
        path: path_from_text(row.get_ref(1)?.as_str()?),
        content_digest: row.get(2)?,
        change_stamp: row.get(3)?,
    })
}

/// Returns the file of a source.
pub(super) fn file_of(connection: &Connection, source: &str) -> Result<Option<CatalogFile>> {
    let one = "SELECT source, path, content, touched FROM files WHERE source = ?1";
    connection.query_row(one, [source], catalog_file).optional()
}

/// Returns the entries of a file, by source.
pub(super) fn files_at(connection: &Connection, path: &Path) -> Result<Vec<CatalogFile>> {
    let mut files = connection.prepare(
        "SELECT source, path, content, touched FROM files WHERE path = ?1 ORDER BY source",
    )?;
    let files = files.query_map([path_to_text(path)], catalog_file)?;
    files.collect()
}

/// Removes a source from all tables, and returns the number of removed rows.
pub(crate) fn remove_source(change: &Transaction, source: &str) -> Result<usize> {
    change.execute(REMOVE_WATERMARK, [source])?;
    let mut removed = 0;
    for table in TABLES_BY_SOURCE {
        removed += change.execute(&format!("DELETE FROM {table} WHERE source = ?1"), [source])?;
    }
    Ok(removed)
}
