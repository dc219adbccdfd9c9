//! The wall time at which the media time of a source was 0.
//!
//! The start time of a live source never changes, so that the rows of all its runs share one timeline; that of a recording
//! comes from its name or its content.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result, params};

use crate::error::StoreError;
use crate::source_table::start_times;
use crate::store::Store;

impl Store {
    /// Returns the start time of each source that has one, in milliseconds since 1970 (UTC).
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn start_times(&self) -> std::result::Result<BTreeMap<String, i64>, StoreError> {
        self.read(start_times)
    }

    /// Sets the start time of a live source, unless it has one.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn set_start_once(
        &mut self,
        source: &str,
        start_utc_ms: i64,
    ) -> std::result::Result<(), StoreError> {
        let set = "INSERT OR IGNORE INTO start_times VALUES (?1, ?2)";
        let set = self.connection.execute(set, params![source, start_utc_ms]);
        set.map(drop)
            .map_err(StoreError::at(&self.path, "write to"))
    }

    /// Sets the start time of a source, replacing any it had: for recordings whose name or content tells it.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn set_start(
        &mut self,
        source: &str,
        start_utc_ms: i64,
    ) -> std::result::Result<(), StoreError> {
        set_start(&self.connection, source, start_utc_ms)
            .map_err(StoreError::at(&self.path, "write to"))
    }
}

/// Sets the start time of a source.
pub(crate) fn set_start(connection: &Connection, source: &str, start_utc_ms: i64) -> Result<()> {
    let set = "INSERT OR REPLACE INTO start_times VALUES (?1, ?2)";
    connection
        .execute(set, params![source, start_utc_ms])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use crate::testing::store;

    #[test]
    fn the_first_start_of_a_live_source_stays_until_it_is_set() {
        let (mut store, _folder) = store();
        store.set_start_once("door", 1_700_000_000_000).unwrap();
        store.set_start_once("door", 1_800_000_000_000).unwrap();
        let starts = store.start_times().unwrap();
        assert_eq!(starts["door"], 1_700_000_000_000);
        assert_eq!(starts.len(), 1);
        store.set_start("door", 5).unwrap();
        assert_eq!(store.start_times().unwrap()["door"], 5);
    }
}
