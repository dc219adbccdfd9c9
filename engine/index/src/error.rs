//! Errors of a store, worded so that the reader knows what to do.
//!
//! SQLite's own codes are translated here and only here; every message names the file.

use std::io;
use std::path::{Path, PathBuf};

use atom_operators::spec::SpecError;
use rusqlite::ErrorCode;
use thiserror::Error;

/// Names of known sources that an error lists.
const MAX_LISTED_SOURCES: usize = 8;

/// A store that could not be opened, written or read, or an invalid query.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder for a new store is missing.
    #[error(
        "cannot create index {path:?}: the folder {folder:?} does not exist; create the folder first"
    )]
    FolderMissing {
        /// The store.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// There is no store to read.
    #[error("there is no index at {path:?}; create one with `atom index PATH --store FILE`")]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The path names a folder.
    #[error(
        "{path:?} is a folder, not an index; name a file, for example \"atom.db\" in that folder"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is not an SQLite file.
    #[error(
        "{path:?} is not an index: it is not an SQLite file; name another file (this one is unchanged)"
    )]
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to another program.
    #[error(
        "{path:?} is not an index: it is an SQLite file of another application (id {found:#010x}); name another file (this one is unchanged)"
    )]
    OtherApplication {
        /// The file.
        path: PathBuf,
        /// The application id in its header; 0 if its maker set none.
        found: u32,
    },
    /// The store has a schema of another version.
    #[error(
        "index {path:?} has version {found}, but this Atom reads version {known}; use the Atom that wrote it, or index into another file"
    )]
    OtherVersion {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version this Atom reads.
        known: u32,
    },
    /// Another process wrote for longer than we wait.
    #[error(
        "index {path:?} is locked by another process; wait until that process ends, or stop it, and try again"
    )]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// A standing query has an invalid name.
    #[error(
        "invalid query name {name:?}; expected 1 to 100 letters, digits, spaces, dots, _ and -"
    )]
    QueryName {
        /// The name as given.
        name: String,
    },
    /// A standing query has invalid settings.
    #[error("query {name:?} is invalid")]
    Query {
        /// Its name.
        name: String,
        /// The problem with its settings.
        source: SpecError,
    },
    /// There is a standing query of this name.
    #[error(
        "a query {name:?} already exists; choose another name, replace it with PUT, or remove it"
    )]
    QueryExists {
        /// Its name.
        name: String,
    },
    /// There is no room for another query.
    #[error(
        "the index already has {most} standing queries, which is the maximum; remove some with `atom query remove NAME`"
    )]
    TooManyQueries {
        /// The largest number of queries.
        most: u64,
    },
    /// Another owner has a standing query of this name.
    #[error(
        "query {name:?} already exists with other settings, {}; choose another name, or remove it with: atom query remove {name:?}",
        owner.as_ref().map_or("added by hand".to_owned(), |owner| format!("added by pipeline {owner:?}"))
    )]
    QueryNameInUse {
        /// Its name.
        name: String,
        /// The pipeline that owns it; `None` if it was added by hand.
        owner: Option<String>,
    },
    /// There is no such query.
    #[error("there is no query {name:?}; known queries: {}", listed(known))]
    UnknownQuery {
        /// The name as given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The file or its folder cannot be written.
    #[error(
        "index {path:?} is read-only; make the file and its folder writable, or copy the index elsewhere"
    )]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// There was no room to write.
    #[error(
        "no space left on the disk of index {path:?}, so nothing was written; free some space (a run then continues where it stopped)"
    )]
    DiskFull {
        /// The store.
        path: PathBuf,
    },
    /// The file is corrupt.
    #[error("index {path:?} is damaged; restore a backup, or remove the file and index again")]
    Damaged {
        /// The store.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file could not be opened at all.
    #[error(
        "cannot open index {path:?}; check that you can read and write the file and its folder"
    )]
    CannotOpen {
        /// The store.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file system refused to read the file.
    #[error("cannot read index {path:?}")]
    Unreadable {
        /// The store.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any other failure of SQLite.
    #[error("cannot {attempt} index {path:?}")]
    Sqlite {
        /// The attempted action, as the beginning of a sentence about the store.
        attempt: &'static str,
        /// The store.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// No run of the source under this pack began, or a run with another pack has replaced it.
    #[error(
        "no run is indexing source {name:?} with pack {pack:?}: none has started, or a run with another pack replaced it"
    )]
    NotBegun {
        /// The source.
        name: String,
        /// The pack of the run.
        pack: String,
    },
    /// The query asks for nothing.
    #[error(
        "query {text:?} contains no word to search for; write at least one word without a leading minus"
    )]
    EmptyQuery {
        /// The text of the query.
        text: String,
    },
    /// The query wants no hits.
    #[error("a limit of 0 finds nothing; use a limit of at least 1")]
    NoLimit,
    /// The query's span ends before it begins.
    #[error("the span from {from_ms} ms to {to_ms} ms ends before it begins; swap the two times")]
    InvertedSpan {
        /// Beginning, in milliseconds.
        from_ms: u64,
        /// End, in milliseconds.
        to_ms: u64,
    },
    /// The store is on a read-only medium and has changes in its log.
    #[error(
        "index {path:?} cannot be read in place: it is read-only, and its write-ahead log has changes; copy the file and its -wal file to a writable folder"
    )]
    Log {
        /// The store.
        path: PathBuf,
    },
    /// A backup would overwrite a file.
    #[error("{path:?} already exists, and a backup never overwrites a file; name another file")]
    Exists {
        /// The path of the backup.
        path: PathBuf,
    },
    /// A backup cannot be written.
    #[error("cannot write the backup {path:?}; check that its folder exists and is writable")]
    Backup {
        /// The path of the backup.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The query's span of wall time ends before it begins.
    #[error("the time span ends before it begins; swap the two times")]
    InvertedWallTimes,
    /// The token of a page is invalid, or belongs to another query.
    #[error(
        "{token:?} is not a page of this search: {reason}; pass the value of `next` of the previous page, with the same query"
    )]
    Page {
        /// The token.
        token: String,
        /// The problem with it.
        reason: &'static str,
    },
    /// The query names a source the store does not hold.
    #[error("index {path:?} has no source {name:?}; its sources: {known}")]
    UnknownSource {
        /// The store.
        path: PathBuf,
        /// The name as given.
        name: String,
        /// Some of the names it has, separated by commas.
        known: String,
    },
}

/// Lists names in a few words.
fn listed(known: &[String]) -> String {
    let shown = known.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => "none".to_owned(),
        more @ 9.. => format!("{shown} and {} more", more - 8),
        _ => shown,
    }
}

impl StoreError {
    /// Returns true if waiting may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::DiskFull { .. })
    }

    /// Creates the error for a source that is missing, naming some of those that exist.
    pub(crate) fn unknown_source<'n>(
        path: &Path,
        name: &str,
        sources: impl Iterator<Item = &'n str>,
    ) -> Self {
        let mut known: Vec<&str> = sources.collect();
        if known.len() > MAX_LISTED_SOURCES {
            known.truncate(MAX_LISTED_SOURCES);
            known.push("...");
        }
        Self::UnknownSource {
            path: path.to_path_buf(),
            name: name.to_owned(),
            known: known.join(", "),
        }
    }

    /// Returns a translator of SQLite's errors for one attempted action, for use with `map_err`.
    pub(crate) fn at<'p>(
        path: &'p Path,
        attempt: &'static str,
    ) -> impl Fn(rusqlite::Error) -> Self + use<'p> {
        move |source| {
            let path = path.to_path_buf();
            match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
                Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
                Some(ErrorCode::DiskFull) => Self::DiskFull { path },
                Some(ErrorCode::NotADatabase) => Self::NotSqlite { path },
                Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, source },
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    Self::CannotOpen { path, source }
                }
                _ => Self::Sqlite {
                    attempt,
                    path,
                    source,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, Error, ffi};

    use super::*;

    #[test]
    fn every_code_that_a_user_can_meet_has_its_own_text() {
        let cases = [
            (ffi::SQLITE_BUSY, "locked by another process"),
            (ffi::SQLITE_READONLY, "is read-only"),
            (ffi::SQLITE_FULL, "no space left"),
            (ffi::SQLITE_NOTADB, "not an SQLite file"),
            (ffi::SQLITE_CORRUPT, "is damaged"),
            (ffi::SQLITE_CANTOPEN, "cannot open index"),
            (ffi::SQLITE_IOERR, "cannot write to index"),
        ];
        for (code, words) in cases {
            let raw = Error::SqliteFailure(ffi::Error::new(code), None);
            let message = StoreError::at(Path::new("a/b.db"), "write to")(raw).to_string();
            assert!(message.contains(words), "code {code}: {message}");
            assert!(message.contains("a/b.db"), "code {code}: {message}");
            assert!(!message.ends_with('.'), "code {code}: {message}");
        }
    }

    #[test]
    fn a_full_disk_has_an_error_of_its_own() {
        let full = Connection::open_in_memory().unwrap();
        full.execute_batch("CREATE TABLE t(x); PRAGMA max_page_count = 2;")
            .unwrap();
        let raw = full
            .execute("INSERT INTO t VALUES (zeroblob(100000))", [])
            .unwrap_err();
        let error = StoreError::at(Path::new("full.db"), "write to")(raw);
        assert!(matches!(error, StoreError::DiskFull { .. }));
    }
}
