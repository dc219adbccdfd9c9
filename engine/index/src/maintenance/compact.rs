//! Gives free space of a store back.

use rusqlite::Result;
use serde::Serialize;

use crate::error::StoreError;
use crate::store::Store;

/// The effect of compaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Compaction {
    /// Bytes of the file and its log before.
    pub before_bytes: u64,
    /// Bytes after.
    pub after_bytes: u64,
}

impl Store {
    /// Gives free space back, and merges the full-text index.
    ///
    /// # Errors
    /// If another process is using the store, or it cannot be written.
    pub fn compact(&mut self) -> std::result::Result<Compaction, StoreError> {
        let before_bytes = self.size_bytes()?;
        let compact = || -> Result<()> {
            self.connection.execute(
                "INSERT INTO segments_fts(segments_fts) VALUES ('optimize')",
                [],
            )?;
            self.connection.execute_batch("VACUUM")?;
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        compact().map_err(StoreError::at(&self.path, "compact"))?;
        Ok(Compaction {
            before_bytes,
            after_bytes: self.size_bytes()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{row, seal, store};

    #[test]
    fn compaction_gives_space_back_and_keeps_every_row() {
        let (mut store, _folder) = store();
        let rows: Vec<_> = (0..2000).map(|n| row(n, &format!("word{n}"))).collect();
        seal(&mut store, "door", &rows, 2000);
        store.finish("door", "p", 10).unwrap();
        let done = store.compact().unwrap();
        assert!(done.after_bytes < done.before_bytes / 2, "{done:?}");
        assert_eq!(store.stats().unwrap().segments, 10);
        assert_eq!(store.stats().unwrap().free_pages, 0);
        assert_eq!(store.check().unwrap(), []);
    }
}
