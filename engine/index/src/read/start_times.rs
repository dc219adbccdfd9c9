//! The wall time at which the media time of a source was 0.
//!
//! The start time of a live source never changes, so that the rows of all its runs share one timeline; that of a recording
//! comes from its name or its content.

use std::collections::BTreeMap;

use atom_operators::{start_time::StartTime, utc::utc};
use jiff::Timestamp;
use rusqlite::{Connection, Result, params};

use crate::error::StoreError;
use crate::source_table::start_times;
use crate::store::Store;

impl Store {
    /// Returns the start time of each source that has one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn start_times(&self) -> std::result::Result<BTreeMap<String, StartTime>, StoreError> {
        self.read(start_times)
    }

    /// Returns the wall time at a media time of a source, as JSON has it, if the start time of the source is known.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn wall_time(
        &self,
        source: &str,
        ms: u64,
    ) -> std::result::Result<Option<String>, StoreError> {
        let starts = self.start_times()?;
        let start = starts.get(source);
        Ok(start.and_then(|start| wall_time(start.utc_ms, ms)))
    }

    /// Sets the start time of a live source, unless it has one.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn set_start_once(
        &mut self,
        source: &str,
        start: StartTime,
    ) -> std::result::Result<(), StoreError> {
        let set = "INSERT OR IGNORE INTO start_times VALUES (?1, ?2, ?3)";
        let values = params![source, start.utc_ms, start.origin.name()];
        let set = self.connection.execute(set, values);
        set.map(drop)
            .map_err(StoreError::at(&self.path, "write to"))
    }

    /// Sets the start time of a source, replacing any it had: for recordings whose name or content gives it.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn set_start(
        &mut self,
        source: &str,
        start: StartTime,
    ) -> std::result::Result<(), StoreError> {
        set_start(&self.connection, source, start).map_err(StoreError::at(&self.path, "write to"))
    }
}

/// Formats the wall time at a media time of a source, given its start time.
pub(crate) fn wall_time(start_utc_ms: i64, ms: u64) -> Option<String> {
    let utc_ms = start_utc_ms.checked_add_unsigned(ms)?;
    Some(utc(Timestamp::from_millisecond(utc_ms).ok()?))
}

/// Sets the start time of a source.
pub(crate) fn set_start(connection: &Connection, source: &str, start: StartTime) -> Result<()> {
    let set = "INSERT OR REPLACE INTO start_times VALUES (?1, ?2, ?3)";
    connection
        .execute(set, params![source, start.utc_ms, start.origin.name()])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use atom_operators::start_time::StartOrigin;

    use super::*;
    use crate::testing::{start_at, store};

    #[test]
    fn the_first_start_of_a_live_source_stays_until_it_is_set() {
        let (mut store, _folder) = store();
        let (first, second) = (start_at(1_700_000_000_000), start_at(1_800_000_000_000));
        store.set_start_once("door", first).unwrap();
        store.set_start_once("door", second).unwrap();
        let starts = store.start_times().unwrap();
        assert_eq!(starts["door"], first);
        assert_eq!(starts.len(), 1);
        store.set_start("door", start_at(5)).unwrap();
        assert_eq!(store.start_times().unwrap()["door"], start_at(5));
    }

    #[test]
    fn every_origin_of_a_start_time_is_read_back_and_another_word_is_an_error() {
        let (mut store, _folder) = store();
        for origin in StartOrigin::ALL {
            let start = StartTime {
                origin,
                ..start_at(5)
            };
            store.set_start("door", start).unwrap();
            assert_eq!(store.start_times().unwrap()["door"], start);
        }
        let change = "UPDATE start_times SET origin = 'hearsay'";
        store.connection.execute(change, []).unwrap();
        let error = store.start_times().unwrap_err();
        let chain = atom_models::error_chain(&error);
        assert!(chain.contains("found \"hearsay\""), "{chain}");
    }
}
