//! An open store: one SQLite connection, and the caches that searches fill.

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::StoreError;
use crate::schema;
use crate::search::cached_rows::SearchCache;
use crate::search::tokenizer::Tokenizer;

/// An index on disk, opened through one connection.
///
/// Several processes may open the same file: one writes at a time, readers never wait. A `Store` can move to another
/// thread but cannot be shared; open one per thread instead. The first search reads all vectors into memory; later searches
/// read what changed since.
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) search_cache: RefCell<SearchCache>,
    pub(crate) tokenizer: OnceCell<Tokenizer>,
}

impl Store {
    /// Opens the store at `path` for reading and writing, and creates it if there is none.
    ///
    /// # Errors
    /// If the folder is missing, `path` is not a store, has another schema version, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        schema::open(path).map(|connection| Self::new(connection, path))
    }

    /// Opens the store at `path`, which must exist; for commands that read.
    ///
    /// # Errors
    /// The errors of [`Store::open`], and an error if there is no store at `path`.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        schema::open_existing(path).map(|connection| Self::new(connection, path))
    }

    /// Returns the path this store was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn new(connection: Connection, path: &Path) -> Self {
        Self {
            connection,
            path: path.to_path_buf(),
            search_cache: RefCell::default(),
            tokenizer: OnceCell::new(),
        }
    }

    /// Runs `read`, and names the store in its error.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        read(&self.connection).map_err(StoreError::at(&self.path, "read"))
    }

    /// Runs `work` in one transaction that holds the write lock from its start; an error, or a panic, undoes all of it.
    /// `attempt` begins the error message: "write to", "remove from".
    pub(crate) fn write<T>(
        &mut self,
        attempt: &'static str,
        work: impl FnOnce(&Transaction) -> Result<T, Abort>,
    ) -> Result<T, StoreError> {
        let failed = StoreError::at(&self.path, attempt);
        let change = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&failed)?;
        let outcome = work(&change).map_err(|abort| match abort {
            Abort::Sqlite(error) => failed(error),
            Abort::Refused(error) => error,
        })?;
        change.commit().map_err(&failed)?;
        Ok(outcome)
    }
}

/// The reason for rolling a transaction back.
pub(crate) enum Abort {
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// The request is refused.
    Refused(StoreError),
}

impl From<rusqlite::Error> for Abort {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
