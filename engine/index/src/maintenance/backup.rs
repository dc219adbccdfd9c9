//! Copies a store to a new file while others write it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Copies the store as it is now to a new file, while others may write it. The copy appears when it is complete.
    ///
    /// # Errors
    /// If there is something at `to` already, it cannot be written, or the store cannot be read.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let exists = || StoreError::Exists {
            path: to.to_path_buf(),
        };
        let failed = |source| StoreError::Backup {
            path: to.to_path_buf(),
            source,
        };
        if to.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let mut partial = to.as_os_str().to_owned();
        partial.push(format!(".{}.part", std::process::id()));
        let partial = PartialFile(PathBuf::from(partial));
        // Created here, so that a folder that cannot be written is reported as that.
        let file = File::create(&partial.0).map_err(failed)?;
        let own = fs::metadata(&self.path).map_err(failed)?;
        file.set_permissions(own.permissions()).map_err(failed)?;
        self.connection
            .execute("VACUUM INTO ?1", [PathText(&partial.0)])
            .map_err(StoreError::at(&self.path, "copy"))?;
        File::open(&partial.0)
            .and_then(|file| file.sync_all())
            .map_err(failed)?;
        // Unlike a rename, a hard link never replaces a file that appeared meanwhile.
        match fs::hard_link(&partial.0, to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists()),
            // A drive may know no hard links, as those with FAT do not.
            Err(_) if to.symlink_metadata().is_ok() => Err(exists()),
            Err(_) => fs::rename(&partial.0, to).map_err(failed),
        }
    }
}

/// A path as text for SQLite, byte for byte: a file name may be no UTF-8.
struct PathText<'p>(&'p Path);

impl ToSql for PathText<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let bytes = self.0.as_os_str().as_bytes();
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(bytes)))
    }
}

/// An incomplete file, removed when this is dropped.
struct PartialFile(PathBuf);

impl Drop for PartialFile {
    fn drop(&mut self) {
        // It may not have been created.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{query, row, seal, store};

    #[test]
    fn a_backup_is_complete_is_made_beside_a_writer_and_never_overwrites() {
        let (mut store, folder) = store();
        seal(&mut store, "door", &[row(0, "a red ball")], 1000);
        let mut writer = Store::open(&folder.path().join("atom.db")).unwrap();
        let copy = folder.path().join("copy.db");
        seal(&mut writer, "door", &[row(1000, "a dog")], 2000);
        store.backup(&copy).unwrap();
        let copied = Store::open_existing(&copy).unwrap();
        assert_eq!(
            copied.rows(None, None, None).unwrap(),
            store.rows(None, None, None).unwrap()
        );
        assert_eq!(copied.check().unwrap(), []);
        assert_eq!(copied.search(&query("dog")).unwrap().hits.len(), 1);
        assert!(matches!(
            store.backup(&copy),
            Err(StoreError::Exists { .. })
        ));
        let nowhere = store.backup(&folder.path().join("no/copy.db"));
        assert!(matches!(nowhere, Err(StoreError::Backup { .. })));
        let partial = fs::read_dir(folder.path()).unwrap();
        let partial = partial
            .filter(|entry| entry.as_ref().unwrap().path().extension() == Some("part".as_ref()));
        assert_eq!(partial.count(), 0);
    }
}
