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
    #[error("cannot make store {path:?}: there is no folder {folder:?}. Make the folder first")]
    FolderMissing {
        /// The store.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// There is no store to read.
    #[error("there is no store at {path:?}. Make one with `atom index PATH --store FILE`")]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The path names a folder.
    #[error("store {path:?} is a folder. Name a file, for example \"atom.db\" in that folder")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is not an SQLite file.
    #[error(
        "{path:?} is not a store: it is not an SQLite file. Name another file; this one was left as it is"
    )]
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to another program.
    #[error(
        "{path:?} is not a store: it is an SQLite file of another application (id {found:#010x}). Name another file; this one was left as it is"
    )]
    OtherApplication {
        /// The file.
        path: PathBuf,
        /// The application id in its header; 0 if its maker set none.
        found: u32,
    },
    /// The store has a schema of another version.
    #[error(
        "store {path:?} has version {found}, and this Atom reads version {known}. Use the Atom that wrote it, or index into another file"
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
        "store {path:?} is locked by another process. Wait until that has ended, or stop it, and try again"
    )]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// A standing query has an invalid name.
    #[error(
        "a query cannot be named {name:?}; expected 1 to 100 letters, digits, spaces, dots, _ and -"
    )]
    QueryName {
        /// The name as given.
        name: String,
    },
    /// A standing query has invalid settings.
    #[error("query {name:?} was refused")]
    Query {
        /// Its name.
        name: String,
        /// The problem with its settings.
        source: SpecError,
    },
    /// There is a standing query of this name.
    #[error(
        "a query {name:?} exists already. Choose another name, replace it with PUT, or remove it"
    )]
    QueryExists {
        /// Its name.
        name: String,
    },
    /// There is no room for another query.
    #[error(
        "the store has {most} standing queries already, the most there can be. Remove some with `atom query remove NAME`"
    )]
    TooManyQueries {
        /// The largest number of queries.
        most: u64,
    },
    /// Another owner has a standing query of this name.
    #[error(
        "query {name:?} is kept by {} and asks for something else. Choose another name, or first: atom query remove {name:?}",
        owner.as_ref().map_or("hand".to_owned(), |owner| format!("pipeline {owner:?}"))
    )]
    QueryNameInUse {
        /// Its name.
        name: String,
        /// The pipeline that owns it; `None` if it was added by hand.
        owner: Option<String>,
    },
    /// There is no such query.
    #[error("there is no query {name:?}. There {}", listed(known))]
    UnknownQuery {
        /// The name as given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The file or its folder cannot be written.
    #[error(
        "store {path:?} is read-only. Make the file and its folder writable, or copy the store elsewhere"
    )]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// There was no room to write.
    #[error(
        "no room left on the disk of store {path:?}; nothing was written. Free some space; a run goes on where it stopped"
    )]
    DiskFull {
        /// The store.
        path: PathBuf,
    },
    /// The file is corrupt.
    #[error("store {path:?} is damaged. Restore a copy, or remove the file and index again")]
    Damaged {
        /// The store.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file could not be opened at all.
    #[error("cannot open store {path:?}. See that you may read and write the file and its folder")]
    CannotOpen {
        /// The store.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file system refused to read the file.
    #[error("cannot read store {path:?}")]
    Unreadable {
        /// The store.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any other failure of SQLite.
    #[error("cannot {attempt} store {path:?}")]
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
        "source {name:?} is not being indexed with pack {pack:?}: that never began, or another pack has replaced it"
    )]
    NotBegun {
        /// The source.
        name: String,
        /// The pack of the run.
        pack: String,
    },
    /// The query asks for nothing.
    #[error("query {text:?} holds no word to look for. Write at least one word without a minus")]
    EmptyQuery {
        /// The text of the query.
        text: String,
    },
    /// The query wants no hits.
    #[error("a query with limit 0 can find nothing. Ask for at least 1 hit")]
    NoLimit,
    /// The query's span ends before it begins.
    #[error("the span from {from_ms} ms to {to_ms} ms ends before it begins. Swap the two times")]
    InvertedSpan {
        /// Beginning, in milliseconds.
        from_ms: u64,
        /// End, in milliseconds.
        to_ms: u64,
    },
    /// The store is on a read-only medium and has changes in its log.
    #[error(
        "store {path:?} cannot be read where it is: it is read-only and has changes in its log. Copy it with its -wal file to a folder that can be written"
    )]
    Log {
        /// The store.
        path: PathBuf,
    },
    /// A backup would overwrite a file.
    #[error(
        "there is something at {path:?} already, and a backup never overwrites. Name another file"
    )]
    Exists {
        /// The path of the backup.
        path: PathBuf,
    },
    /// A backup cannot be written.
    #[error("cannot write the backup {path:?}. See that its folder is there and can be written")]
    Backup {
        /// The path of the backup.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The query's span of wall time ends before it begins.
    #[error("the span ends before it begins. Swap the two times")]
    InvertedWallTimes,
    /// The token of a page is invalid, or belongs to another query.
    #[error(
        "{token:?} is no page of this search: {reason}. Give what `next` of the page before was, with the same query"
    )]
    Page {
        /// The token.
        token: String,
        /// The problem with it.
        reason: &'static str,
    },
    /// The query names a source the store does not hold.
    #[error("store {path:?} holds no source {name:?}. It holds: {known}")]
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
        0 => "are none".to_owned(),
        1 => format!("is only {shown}"),
        more @ 9.. => format!("are {shown} and {} more", more - 8),
        _ => format!("are {shown}"),
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
    fn every_code_a_user_can_meet_has_its_own_words() {
        let cases = [
            (ffi::SQLITE_BUSY, "locked by another process"),
            (ffi::SQLITE_READONLY, "is read-only"),
            (ffi::SQLITE_FULL, "no room left"),
            (ffi::SQLITE_NOTADB, "not an SQLite file"),
            (ffi::SQLITE_CORRUPT, "is damaged"),
            (ffi::SQLITE_CANTOPEN, "cannot open store"),
            (ffi::SQLITE_IOERR, "cannot write to store"),
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
