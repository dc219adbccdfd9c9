//! What can go wrong with a store, said so that the reader knows what to do.
//!
//! SQLite's own codes are translated here and only here; every message names the file.

use std::io;
use std::path::{Path, PathBuf};

use atom_operators::spec::SpecError;
use rusqlite::ErrorCode;
use thiserror::Error;

/// A store that could not be opened, written or read, or a query that makes no sense.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder the store should stand in is not there.
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
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The path names a folder.
    #[error("store {path:?} is a folder. Name a file, for example \"atom.db\" in that folder")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is no SQLite file.
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
    /// Someone else wrote for longer than we wait.
    #[error(
        "store {path:?} is locked by another process. Wait until that has ended, or stop it, and try again"
    )]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// A standing query has a name that cannot be one.
    #[error(
        "a query cannot be named {name:?}; expected 1 to 100 letters, digits, spaces, dots, _ and -"
    )]
    QueryName {
        /// The name as given.
        name: String,
    },
    /// A standing query asks for something that makes no sense.
    #[error("query {name:?} was refused")]
    Query {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: SpecError,
    },
    /// There is no room for another query.
    #[error(
        "the store has {most} standing queries already, the most there can be. Remove some with `atom query remove NAME`"
    )]
    TooManyQueries {
        /// So many there can be.
        most: u64,
    },
    /// A standing query has the name of another one, which somebody else keeps.
    #[error(
        "query {name:?} is kept by {} and asks for something else. Choose another name, or first: atom query remove {name:?}",
        owner.as_ref().map_or("hand".to_owned(), |owner| format!("pipeline {owner:?}"))
    )]
    QueryTaken {
        /// Its name.
        name: String,
        /// The pipeline whose it is; nothing of one that was added by hand.
        owner: Option<String>,
    },
    /// There is no such query.
    #[error("there is no query {name:?}. There {}", listed(known))]
    UnknownQuery {
        /// The name as given.
        name: String,
        /// Those that are there.
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
    /// The file does not hang together.
    #[error("store {path:?} is damaged. Restore a copy, or remove the file and index again")]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file could not be opened at all.
    #[error("cannot open store {path:?}. See that you may read and write the file and its folder")]
    CannotOpen {
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file could not be read before opening.
    #[error("cannot read store {path:?}")]
    Unreadable {
        /// The store.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other failure of SQLite.
    #[error("cannot {attempt} store {path:?}")]
    Sqlite {
        /// What was attempted, as the beginning of a sentence about the store.
        attempt: &'static str,
        /// The store.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// No run of the source under this pack began, or a run with another pack has replaced it.
    #[error(
        "source {name:?} is not being indexed with pack {pack:?}: that never began, or another pack has replaced it"
    )]
    NotBegun {
        /// The source.
        name: String,
        /// The pack it was to be written under.
        pack: String,
    },
    /// The query asks for nothing.
    #[error("query {text:?} holds no word to look for. Write at least one word without a minus")]
    EmptyQuery {
        /// What was asked.
        text: String,
    },
    /// The query wants no hits.
    #[error("a query with limit 0 can find nothing. Ask for at least 1 hit")]
    NoLimit,
    /// The query's span ends before it begins.
    #[error("the span from {from_ms} ms to {to_ms} ms ends before it begins. Swap the two times")]
    InvertedSpan {
        /// Where it begins, in milliseconds.
        from_ms: u64,
        /// Where it ends, in milliseconds.
        to_ms: u64,
    },
    /// What stands beside the store cannot be read.
    #[error(
        "store {path:?} cannot be read where it is: it is read-only and has changes in its log. Copy it with its -wal file to a folder that can be written"
    )]
    Log {
        /// The store.
        path: PathBuf,
    },
    /// A backup would write over something.
    #[error(
        "there is something at {path:?} already, and a backup never overwrites. Name another file"
    )]
    Exists {
        /// Where the backup was to go.
        path: PathBuf,
    },
    /// A backup cannot be put in its place.
    #[error("cannot write the backup {path:?}. See that its folder is there and can be written")]
    Backup {
        /// Where the backup was to go.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The query's span of wall time ends before it begins.
    #[error("the span ends before it begins. Swap the two moments")]
    InvertedMoments,
    /// The token of a page is none, or one of another query.
    #[error(
        "{token:?} is no page of this search: {reason}. Give what `next` of the page before was, with the same query"
    )]
    Page {
        /// The token.
        token: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The query names a source the store does not hold.
    #[error("store {path:?} holds no source {name:?}. It holds: {known}")]
    UnknownSource {
        /// The store.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// Some of the names it has, separated by commas.
        known: String,
    },
}

/// Which names there are, in a few words.
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
    /// Whether waiting may help.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::DiskFull { .. })
    }

    /// A translator of SQLite's errors for one attempt, fit for `map_err`.
    pub(super) fn at<'p>(
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
            let said = StoreError::at(Path::new("a/b.db"), "write to")(raw).to_string();
            assert!(said.contains(words), "code {code}: {said}");
            assert!(said.contains("a/b.db"), "code {code}: {said}");
            assert!(!said.ends_with('.'), "code {code}: {said}");
        }
    }

    #[test]
    fn a_full_file_is_told_apart_from_other_failures() {
        let full = Connection::open_in_memory().unwrap();
        full.execute_batch("CREATE TABLE t(x); PRAGMA max_page_count = 2;")
            .unwrap();
        let raw = full
            .execute("INSERT INTO t VALUES (zeroblob(100000))", [])
            .unwrap_err();
        let told = StoreError::at(Path::new("full.db"), "write to")(raw);
        assert!(matches!(told, StoreError::DiskFull { .. }));
    }
}
