//! When the media time of a source was 0. Of a live source it is kept for ever, so that its rows of all runs stand on one
//! line of time; of a recording it is what its name or its content tells.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result, params};

use super::{Store, StoreError};

impl Store {
    /// When each source's media time was 0, as far as that is known, in milliseconds since 1970 (UTC).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn starts(&self) -> std::result::Result<BTreeMap<String, i64>, StoreError> {
        starts(&self.connection).map_err(StoreError::at(&self.path, "read"))
    }

    /// Keeps when a live source's media time was 0; what is kept already stays.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_start(
        &mut self,
        source: &str,
        start_utc_ms: i64,
    ) -> std::result::Result<(), StoreError> {
        let kept = self.connection.execute(
            "INSERT OR IGNORE INTO start_times VALUES (?1, ?2)",
            params![source, start_utc_ms],
        );
        kept.map(drop)
            .map_err(StoreError::at(&self.path, "write to"))
    }

    /// Says when a source's media time was 0, whatever was kept before: for recordings whose name or content tells.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn set_start(
        &mut self,
        source: &str,
        start_utc_ms: i64,
    ) -> std::result::Result<(), StoreError> {
        set_start(&self.connection, source, start_utc_ms)
            .map_err(StoreError::at(&self.path, "write to"))
    }
}

pub(super) fn set_start(connection: &Connection, source: &str, start_utc_ms: i64) -> Result<()> {
    let set = "INSERT OR REPLACE INTO start_times VALUES (?1, ?2)";
    connection
        .execute(set, params![source, start_utc_ms])
        .map(drop)
}

pub(super) fn starts(connection: &Connection) -> Result<BTreeMap<String, i64>> {
    let mut starts = connection.prepare_cached("SELECT source, start_utc_ms FROM start_times")?;
    starts
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::store;

    #[test]
    fn the_first_start_of_a_source_stays_until_it_is_set() {
        let (mut store, _folder) = store();
        store.keep_start("door", 1_700_000_000_000).unwrap();
        store.keep_start("door", 1_800_000_000_000).unwrap();
        let starts = store.starts().unwrap();
        assert_eq!(starts["door"], 1_700_000_000_000);
        assert_eq!(starts.len(), 1);
        store.set_start("door", 5).unwrap();
        assert_eq!(store.starts().unwrap()["door"], 5);
    }
}
