//! Opens the file of a store. Refusing a file leaves it, byte for byte, as it was.
//!
//! Write-ahead logging lets searches read while an index is written. `synchronous = NORMAL` is enough: a killed
//! process loses nothing; a power cut can lose the last seals, but rows and `sealed_ms` go back together, so the next
//! run writes them again. FULL would cost a wait for the disk per segment and gain no correctness.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Result, TransactionBehavior};

use super::file_header::{APPLICATION_ID, FileKind, inspect, require_version};
use super::tables::{TABLES, VERSION};
use crate::error::StoreError;

/// Longest wait of a write for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a store for writing, and creates the tables if the file is new.
pub(crate) fn open(path: &Path) -> std::result::Result<Connection, StoreError> {
    if let FileKind::Nothing = inspect(path)? {
        require_folder(path)?;
    }
    let attempt = StoreError::at(path, "open");
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(&attempt)?;
    if connection.is_readonly("main").map_err(&attempt)? {
        return Err(StoreError::ReadOnly {
            path: path.to_path_buf(),
        });
    }
    create_tables(&mut connection).map_err(&attempt)?;
    check_version(&connection, path)?;
    set_journal(&connection).map_err(&attempt)?;
    Ok(connection)
}

/// Opens a store that exists.
pub(crate) fn open_existing(path: &Path) -> std::result::Result<Connection, StoreError> {
    if !matches!(inspect(path)?, FileKind::Store) {
        return Err(StoreError::Missing {
            path: path.to_path_buf(),
        });
    }
    let attempt = StoreError::at(path, "open");
    let opened = connect(path, OpenFlags::empty());
    let connection = match opened.and_then(|opened| version(&opened).map(|_| opened)) {
        Err(error) if is_unwritable(&error) => open_immutable(path)?,
        other => other.map_err(&attempt)?,
    };
    check_version(&connection, path)?;
    Ok(connection)
}

fn require_folder(path: &Path) -> std::result::Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if folder.is_dir() {
        return Ok(());
    }
    Err(StoreError::FolderMissing {
        path: path.to_path_buf(),
        folder: folder.to_path_buf(),
    })
}

/// Returns true if SQLite wanted to write beside the file, and could not.
fn is_unwritable(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Opens a store whose folder cannot be written, as one that never changes. This ignores the log, so the log must be empty.
fn open_immutable(path: &Path) -> std::result::Result<Connection, StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match fs::metadata(log) {
        Ok(log) if log.len() == 0 => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        _ => {
            return Err(StoreError::Log {
                path: path.to_path_buf(),
            });
        }
    }
    // A file name may be no UTF-8.
    let bytes = path.as_os_str().as_bytes().iter();
    let escaped: String = bytes.map(|byte| format!("%{byte:02x}")).collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
        .map_err(StoreError::at(path, "open"))
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
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn version(connection: &Connection) -> Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Creates the tables of a new file, in one transaction with its application id and version.
fn create_tables(connection: &mut Connection) -> Result<()> {
    if version(connection)? != 0 {
        return Ok(());
    }
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have created them meanwhile.
    if version(&change)? != 0 {
        return Ok(());
    }
    change.execute_batch(TABLES)?;
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.pragma_update(None, "user_version", VERSION)?;
    change.commit()
}

/// Switches to write-ahead logging, unless another process is at the file: SQLite does not wait for this switch. The other
/// process has done it or will do it; until then the store works as well, only with readers waiting for writers.
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

    use super::*;
    use crate::schema::file_header::parse;
    use crate::store::Store;
    use std::fs::File;

    /// Refuses `bytes` in both ways of opening, and checks that the folder holds the same bytes and nothing else.
    fn refusal_of(bytes: &[u8]) -> String {
        let folder = tempdir().unwrap();
        let path = folder.path().join("some.db");
        fs::write(&path, bytes).unwrap();
        let message = Store::open(&path).err().unwrap().to_string();
        assert_eq!(
            message,
            Store::open_existing(&path).err().unwrap().to_string()
        );
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        message
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
        for version in [0, 1, 9] {
            let other = foreign(&format!(
                "CREATE TABLE t(x); PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
            ));
            let known = format!("has version {version}, but this Atom reads version {VERSION}");
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
        assert_eq!(parse(&header), Some((VERSION, APPLICATION_ID)));
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
        let (mut store, folder) = crate::testing::store();
        let other = Store::open(&folder.path().join("atom.db")).unwrap();
        other.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        store.connection.busy_timeout(Duration::ZERO).unwrap();
        let locked = store.begin("door", "a").unwrap_err();
        assert!(locked.to_string().contains("locked by another process"));
        assert!(store.sources().unwrap().is_empty());
    }
}
