//! Stored summaries of whole minutes, so that no finished minute is summarised again.
//!
//! A summary lasts while the segments under it stay as they are; triggers of the tables delete it otherwise.

use rusqlite::{OptionalExtension, params};

use crate::column_conversion::signed;
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Returns the summary of a stretch of a source under a pack, if there is one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn summary(
        &self,
        source: &str,
        pack: &str,
        start_ms: u64,
        end_ms: u64,
    ) -> Result<Option<String>, StoreError> {
        let text = "SELECT text FROM summaries WHERE source = ?1 AND pack = ?2 AND start_ms = ?3 AND end_ms = ?4";
        let key = params![source, pack, signed(start_ms), signed(end_ms)];
        self.read(|connection| connection.query_row(text, key, |row| row.get(0)).optional())
    }

    /// Stores the summary of a stretch.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn save_summary(
        &mut self,
        source: &str,
        pack: &str,
        (start_ms, end_ms): (u64, u64),
        text: &str,
    ) -> Result<(), StoreError> {
        let row = params![source, pack, signed(start_ms), signed(end_ms), text];
        let save = "INSERT OR REPLACE INTO summaries VALUES (?1, ?2, ?3, ?4, ?5)";
        let saved = self.connection.execute(save, row);
        saved
            .map(drop)
            .map_err(StoreError::at(&self.path, "write to"))
    }
}

#[cfg(test)]
mod tests {
    use crate::row::Seal;
    use crate::testing::{row, store};

    #[test]
    fn a_summary_is_kept_until_a_segment_under_it_changes() {
        let (mut store, _folder) = store();
        store.begin("door", "p").unwrap();
        store
            .seal(
                "door",
                "p",
                Seal::of(&[row(0, "a"), row(60_000, "b")], 70_000),
            )
            .unwrap();
        for span in [(0, 60_000), (60_000, 120_000)] {
            store.save_summary("door", "p", span, "quiet").unwrap();
        }
        store
            .seal("door", "p", Seal::of(&[row(61_000, "c")], 71_000))
            .unwrap();
        assert_eq!(
            store.summary("door", "p", 0, 60_000).unwrap().as_deref(),
            Some("quiet")
        );
        assert_eq!(store.summary("door", "p", 60_000, 120_000).unwrap(), None);
        assert_eq!(store.summary("door", "q", 0, 60_000).unwrap(), None);
    }
}
