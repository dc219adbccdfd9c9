//! What a run needs of an index, wherever that is kept.
//!
//! SQLite in one file is what there is. Another database has to keep what the methods of [`Store`] promise: above all that
//! rows, gaps and the sealed time of a [`Seal`] move together or not at all, and that a claim settles everything in one
//! step. Searching is not part of it: who searches opens the store that was written.

use std::{collections::BTreeMap, path::Path};

use atom_operators::keep::Keep;

use super::{Claim, Found, Place, Progress, Seal, Store, StoreError};

/// An index as a run writes it. Each method does what that of [`Store`] with its name does, wholly or not at all.
pub trait Backend: Send {
    /// See [`Store::claim`].
    ///
    /// # Errors
    /// When nothing can be written.
    fn claim(&mut self, found: &Found) -> Result<Claim, StoreError>;
    /// See [`Store::place`].
    ///
    /// # Errors
    /// When nothing can be read.
    fn place(&self, source: &str) -> Result<Option<Place>, StoreError>;
    /// See [`Store::places`].
    ///
    /// # Errors
    /// When nothing can be read.
    fn places(&self) -> Result<Vec<Place>, StoreError>;
    /// See [`Store::forget_file`].
    ///
    /// # Errors
    /// When nothing can be written.
    fn forget_file(&mut self, path: &Path) -> Result<Vec<String>, StoreError>;
    /// See [`Store::starts`].
    ///
    /// # Errors
    /// When nothing can be read.
    fn starts(&self) -> Result<BTreeMap<String, i64>, StoreError>;
    /// See [`Store::keep_start`].
    ///
    /// # Errors
    /// When nothing can be written.
    fn keep_start(&mut self, source: &str, start_utc_ms: i64) -> Result<(), StoreError>;
    /// See [`Store::begin`].
    ///
    /// # Errors
    /// When nothing can be written.
    fn begin(&mut self, source: &str, pack: &str) -> Result<Progress, StoreError>;
    /// See [`Store::is_expired`].
    ///
    /// # Errors
    /// When nothing can be read.
    fn is_expired(&self, source: &str) -> Result<bool, StoreError>;
    /// See [`Store::restart`].
    ///
    /// # Errors
    /// When nothing can be written, or the run was not begun.
    fn restart(&mut self, source: &str, pack: &str) -> Result<(), StoreError>;
    /// See [`Store::reopen`].
    ///
    /// # Errors
    /// When nothing can be written.
    fn reopen(&mut self, source: &str) -> Result<u64, StoreError>;
    /// See [`Store::seal`].
    ///
    /// # Errors
    /// When nothing can be written, or the run was not begun.
    fn seal(&mut self, source: &str, pack: &str, seal: Seal) -> Result<(), StoreError>;
    /// See [`Store::finish`].
    ///
    /// # Errors
    /// When nothing can be written, or the run was not begun.
    fn finish(&mut self, source: &str, pack: &str, end_ms: u64) -> Result<(), StoreError>;
    /// See [`Store::expire`].
    ///
    /// # Errors
    /// When nothing can be written.
    fn expire(&mut self, keep: &Keep, now_ms: i64) -> Result<usize, StoreError>;
}

impl Backend for Store {
    fn claim(&mut self, found: &Found) -> Result<Claim, StoreError> {
        self.claim(found)
    }

    fn place(&self, source: &str) -> Result<Option<Place>, StoreError> {
        self.place(source)
    }

    fn places(&self) -> Result<Vec<Place>, StoreError> {
        self.places()
    }

    fn forget_file(&mut self, path: &Path) -> Result<Vec<String>, StoreError> {
        self.forget_file(path)
    }

    fn starts(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        self.starts()
    }

    fn keep_start(&mut self, source: &str, start_utc_ms: i64) -> Result<(), StoreError> {
        self.keep_start(source, start_utc_ms)
    }

    fn begin(&mut self, source: &str, pack: &str) -> Result<Progress, StoreError> {
        self.begin(source, pack)
    }

    fn is_expired(&self, source: &str) -> Result<bool, StoreError> {
        self.is_expired(source)
    }

    fn restart(&mut self, source: &str, pack: &str) -> Result<(), StoreError> {
        self.restart(source, pack)
    }

    fn reopen(&mut self, source: &str) -> Result<u64, StoreError> {
        self.reopen(source)
    }

    fn seal(&mut self, source: &str, pack: &str, seal: Seal) -> Result<(), StoreError> {
        self.seal(source, pack, seal)
    }

    fn finish(&mut self, source: &str, pack: &str, end_ms: u64) -> Result<(), StoreError> {
        self.finish(source, pack, end_ms)
    }

    fn expire(&mut self, keep: &Keep, now_ms: i64) -> Result<usize, StoreError> {
        self.expire(keep, now_ms)
    }
}
