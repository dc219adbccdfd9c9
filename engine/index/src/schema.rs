//! How the file of a store is opened: what is refused, and that refusing changes nothing.
//!
//! A file that is not ours must come out of an attempt to open it byte for byte as it was, so its header is read as
//! plain bytes before SQLite touches it. For that to be reliable, the application id and the version are written
//! before the file is switched to write-ahead logging: the header on disk always has them.
//!
//! Write-ahead logging lets searches read while an index is written. `synchronous = NORMAL` is enough: a killed
//! process loses nothing; a power cut can lose the last seals, but rows and `sealed_ms` go back together, so the next
//! run writes them again. FULL would cost a wait for the disk per segment and gain no correctness.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Result, TransactionBehavior};

use super::StoreError;
use super::tables::{TABLES, VERSION};

/// "Atom" in ASCII, in the header of every store.
pub(super) const APPLICATION: u32 = 0x4174_6f6d;
/// How long a write waits for another process before it gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What stands at a path before it is opened.
enum Found {
    Nothing,
    EmptyFile,
    Store,
}

/// Opens for writing, and makes the tables if the file is new.
pub(super) fn open(path: &Path) -> std::result::Result<Connection, StoreError> {
    if let Found::Nothing = look(path)? {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            return Err(StoreError::FolderMissing {
                path: path.to_path_buf(),
                folder: folder.to_path_buf(),
            });
        }
    }
    let attempt = StoreError::at(path, "open");
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(&attempt)?;
    if connection.is_readonly("main").map_err(&attempt)? {
        return Err(StoreError::ReadOnly {
            path: path.to_path_buf(),
        });
    }
    prepare(&mut connection).map_err(&attempt)?;
    check_version(&connection, path)?;
    set_journal(&connection).map_err(&attempt)?;
    Ok(connection)
}

/// Opens a store that is there already.
pub(super) fn open_existing(path: &Path) -> std::result::Result<Connection, StoreError> {
    if !matches!(look(path)?, Found::Store) {
        return Err(StoreError::Missing {
            path: path.to_path_buf(),
        });
    }
    let attempt = StoreError::at(path, "open");
    let opened = connect(path, OpenFlags::empty());
    let connection = match opened.and_then(|opened| version(&opened).map(|_| opened)) {
        Err(error) if unwritable(&error) => still(path)?,
        other => other.map_err(&attempt)?,
    };
    check_version(&connection, path)?;
    Ok(connection)
}

/// Whether SQLite wanted to write beside the file, and could not.
fn unwritable(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Opens a store whose folder cannot be written, as one that does not change. What stands only in its log would be missed.
fn still(path: &Path) -> std::result::Result<Connection, StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::Log {
            path: path.to_path_buf(),
        });
    }
    let attempt = StoreError::at(path, "open");
    let place = path.to_string_lossy();
    let place = place
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{place}?immutable=1"), flags).map_err(attempt)
}

/// Reads the header as plain bytes, and refuses what is not ours.
fn look(path: &Path) -> std::result::Result<Found, StoreError> {
    let unreadable = |source| StoreError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
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
        return Ok(Found::EmptyFile);
    }
    let Some((version, application)) = read_header(&header) else {
        return Err(StoreError::NotSqlite {
            path: path.to_path_buf(),
        });
    };
    if application != APPLICATION {
        return Err(StoreError::OtherApplication {
            path: path.to_path_buf(),
            found: application,
        });
    }
    require_version(path, version)?;
    Ok(Found::Store)
}

/// User version and application id, big-endian at the places SQLite's file format gives them.
fn read_header(header: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| {
        let bytes = header.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    header
        .starts_with(b"SQLite format 3\0")
        .then_some((number(60)?, number(68)?))
}

fn require_version(path: &Path, found: u32) -> std::result::Result<(), StoreError> {
    if found == VERSION {
        return Ok(());
    }
    Err(StoreError::OtherVersion {
        path: path.to_path_buf(),
        found,
        known: VERSION,
    })
}

/// Asks SQLite for the version too: another version may still stand in the log beside the file.
fn check_version(connection: &Connection, path: &Path) -> std::result::Result<(), StoreError> {
    let found = version(connection).map_err(StoreError::at(path, "open"))?;
    require_version(path, found).inspect_err(|_| {
        // Closing would move the log into the file: a change. If even this setting fails, that move is harmless.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    })
}

fn connect(path: &Path, more: OpenFlags) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags | more)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn version(connection: &Connection) -> Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Creates the tables of a new file, in one transaction with its application id and version.
fn prepare(connection: &mut Connection) -> Result<()> {
    if version(connection)? != 0 {
        return Ok(());
    }
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&change)? != 0 {
        return Ok(());
    }
    change.execute_batch(TABLES)?;
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.pragma_update(None, "user_version", VERSION)?;
    change.commit()
}

/// Switches to write-ahead logging, if nobody else is at the file just now: SQLite does not wait for this switch. Who
/// is there has done it or will do it, and until then the store works as well, only with readers waiting for writers.
fn set_journal(connection: &Connection) -> Result<()> {
    let switched = connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()));
    match switched {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
        other => other?,
    }
    connection.pragma_update(None, "synchronous", "NORMAL")
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::super::Store;
    use super::*;

    /// Refuses `bytes` in both ways of opening, and checks that the folder holds the same bytes and nothing else.
    fn refusal_of(bytes: &[u8]) -> String {
        let folder = tempdir().unwrap();
        let path = folder.path().join("some.db");
        fs::write(&path, bytes).unwrap();
        let said = Store::open(&path).err().unwrap().to_string();
        assert_eq!(said, Store::open_existing(&path).err().unwrap().to_string());
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        said
    }

    fn foreign(statements: &str) -> Vec<u8> {
        let folder = tempdir().unwrap();
        let path = folder.path().join("foreign.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch(statements)
            .unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn a_file_that_is_not_sqlite_is_refused_unchanged() {
        assert!(refusal_of(b"hello").contains("not an SQLite file"));
        assert!(refusal_of(b"SQLite format 3\0").contains("not an SQLite file"));
    }

    #[test]
    fn a_file_of_another_application_is_refused_unchanged() {
        let marked = foreign("CREATE TABLE t(x); PRAGMA application_id = 7;");
        assert!(refusal_of(&marked).contains("another application (id 0x00000007)"));
        let unmarked = foreign("PRAGMA journal_mode = WAL; CREATE TABLE segments(x);");
        assert!(refusal_of(&unmarked).contains("another application (id 0x00000000)"));
    }

    #[test]
    fn a_store_of_another_version_is_refused_unchanged() {
        for version in [0, 2, 9] {
            let other = foreign(&format!(
                "CREATE TABLE t(x); PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version};"
            ));
            let known = format!("has version {version}, and this Atom reads version {VERSION}");
            assert!(refusal_of(&other).contains(&known));
        }
    }

    #[test]
    fn another_version_that_stands_only_in_the_log_is_refused_with_file_and_log_unchanged() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("atom.db");
        let newer = Store::open(&path).unwrap();
        newer
            .connection
            .pragma_update(None, "user_version", 9)
            .unwrap();
        let copy = folder.path().join("copy.db");
        fs::copy(&path, &copy).unwrap();
        fs::copy(
            folder.path().join("atom.db-wal"),
            folder.path().join("copy.db-wal"),
        )
        .unwrap();
        let before = fs::read(&copy).unwrap();
        let refused = Store::open(&copy).err().unwrap();
        assert!(matches!(refused, StoreError::OtherVersion { found: 9, .. }));
        assert_eq!(fs::read(&copy).unwrap(), before);
    }

    #[test]
    fn a_new_store_is_marked_in_its_header_before_anything_is_written() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("new.db");
        let _store = Store::open(&path).unwrap();
        let header = fs::read(&path).unwrap();
        assert_eq!(read_header(&header), Some((VERSION, APPLICATION)));
    }

    #[test]
    fn an_empty_file_becomes_a_store_but_is_none_for_search() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("empty.db");
        File::create(&path).unwrap();
        let missing = Store::open_existing(&path).err().unwrap();
        assert!(matches!(missing, StoreError::Missing { .. }));
        Store::open(&path).unwrap();
        Store::open_existing(&path).unwrap();
    }

    #[test]
    fn a_missing_file_a_missing_folder_and_a_folder_are_told_apart() {
        let folder = tempdir().unwrap();
        let missing = Store::open_existing(&folder.path().join("no.db"))
            .err()
            .unwrap();
        assert!(missing.to_string().contains("atom index"));
        let nowhere = Store::open(&folder.path().join("no/such/a.db"))
            .err()
            .unwrap();
        assert!(matches!(nowhere, StoreError::FolderMissing { .. }));
        let inside = Store::open(folder.path()).err().unwrap();
        assert!(matches!(inside, StoreError::Folder { .. }));
    }

    #[test]
    fn many_may_make_the_same_store_at_once() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("atom.db");
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Store::open(&path).map(drop)))
                .collect();
            for one in all {
                one.join().unwrap().unwrap();
            }
        });
        let store = Store::open(&path).unwrap();
        let mode: String = store
            .connection
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn a_store_held_by_another_process_is_locked_for_writers_and_open_for_readers() {
        let (mut store, folder) = super::super::testing::store();
        let other = Store::open(&folder.path().join("atom.db")).unwrap();
        other.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        store.connection.busy_timeout(Duration::ZERO).unwrap();
        let locked = store.begin("door", "a").unwrap_err();
        assert!(locked.to_string().contains("locked by another process"));
        assert!(store.sources().unwrap().is_empty());
    }
}
