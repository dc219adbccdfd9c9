//! The rows that searches keep in memory, fed by the change feed, so that a store can be searched while it is written.
//!
//! Invariant: a row that was replaced or removed stays at its position, marked as stale, and takes part in nothing.

use rusqlite::{Connection, Result, Row};

use super::row_positions::RowPositions;
use super::vector_scan::VectorTable;
use crate::change_feed::{ChangeFeed, FeedSource, RowCache};
use crate::int8_vector::{Int8Vector, join};
use crate::pack_key::pack_id;

/// Stale rows that are tolerated, besides as many as there are current ones.
const MAX_STALE: usize = 1000;

/// The number of words of a row comes from the full-text index, which has counted them.
macro_rules! select_rows {
    ($which:literal) => {
        concat!(
            "SELECT s.id, source, pack, start_ms, end_ms, embedding, caption_embedding, coalesce(sz, x'')
            FROM segments s LEFT JOIN segments_fts_docsize d ON d.id = s.id ",
            $which
        )
    };
}

/// All current rows as of one moment.
#[derive(Default)]
pub(crate) struct SearchCache {
    feed: ChangeFeed,
    /// Rows in the order in which they were read; the index is a row's position.
    pub(super) rows: Vec<CachedRow>,
    /// Ids of the packs that made rows.
    packs: Vec<String>,
    positions: RowPositions,
    pub(super) vectors: VectorTable,
}

/// A row without its texts and vectors.
pub(super) struct CachedRow {
    pub(super) id: i64,
    pub(super) source: usize,
    /// Index of the pack that made it.
    pack: usize,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    /// Words of its caption, tags and answers.
    pub(super) words: u32,
    /// False if it is stale.
    pub(super) current: bool,
}

impl SearchCache {
    /// Brings the cache to the moment of the transaction this is called in.
    pub(super) fn refresh(&mut self, moment: &Connection) -> Result<()> {
        let mut feed = std::mem::take(&mut self.feed);
        // If this fails, everything is read again the next time.
        feed.update(moment, self)?;
        self.feed = feed;
        Ok(())
    }

    /// Returns the sources by number, including those that were removed.
    pub(super) fn sources(&self) -> &[FeedSource] {
        self.feed.sources()
    }

    /// Returns the position of the row with this id, if the row is current.
    pub(super) fn position(&self, id: i64) -> Option<usize> {
        self.positions.get(id)
    }

    /// Returns the key that breaks ties: the source's name, then time.
    pub(super) fn order(&self, position: usize) -> (usize, u64) {
        let row = &self.rows[position];
        (self.sources()[row.source].order, row.start_ms)
    }

    /// Restricts some rows to those made by the pack of this id.
    pub(super) fn of_pack(&self, id: &str, kept: &[bool]) -> Vec<bool> {
        let wanted = self.packs.iter().position(|known| known == id);
        let rows = self.rows.iter().zip(kept);
        rows.map(|(row, kept)| *kept && Some(row.pack) == wanted)
            .collect()
    }

    fn pack_index(&mut self, id: &str) -> usize {
        let known = self.packs.iter().position(|known| known == id);
        known.unwrap_or_else(|| {
            self.packs.push(id.to_owned());
            self.packs.len() - 1
        })
    }
}

impl RowCache for SearchCache {
    const ALL: &str = select_rows!("");
    const OF_PACK: &str = select_rows!("WHERE source = ?1 AND pack = ?2");
    const ONE: &str = select_rows!("WHERE s.id = ?1");
    const USES_START_TIME: bool = false;

    fn add(&mut self, source: usize, _: &[FeedSource], row: &Row) -> Result<()> {
        let position = self.rows.len();
        let id = row.get(0)?;
        self.remove(id);
        let pack = self.pack_index(pack_id(row.get_ref(2)?.as_str()?));
        self.rows.push(CachedRow {
            id,
            source,
            pack,
            start_ms: row.get(3)?,
            end_ms: row.get(4)?,
            words: word_count(row.get_ref(7)?.as_blob()?),
            current: true,
        });
        self.positions.insert(id, position);
        let frames = Int8Vector::from_column(row, 5)?;
        let joined = join(frames, Int8Vector::from_column(row, 6)?);
        if let Some(vector) = Int8Vector::parse(&joined) {
            self.vectors.push(position, vector);
        }
        Ok(())
    }

    /// Marks the row as stale.
    fn remove(&mut self, id: i64) {
        if let Some(position) = self.positions.remove(id) {
            self.rows[position].current = false;
        }
    }

    fn remove_source(&mut self, source: usize) {
        let rows = self.rows.iter();
        let old: Vec<i64> = rows
            .filter(|row| row.source == source && row.current)
            .map(|row| row.id)
            .collect();
        old.into_iter().for_each(|id| self.remove(id));
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn is_mostly_stale(&self) -> bool {
        self.rows.len() > 2 * self.positions.len() + MAX_STALE
    }
}

/// Sums the words of a row's columns: the full-text index stores them as SQLite's variable-length integers.
fn word_count(sizes: &[u8]) -> u32 {
    let (mut sum, mut number) = (0u32, 0u32);
    for byte in sizes {
        number = number.wrapping_shl(7) | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            sum = sum.saturating_add(number);
            number = 0;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Seal;
    use crate::store::Store;
    use crate::testing::{row, seal, store};

    /// Keys of the current rows, in the order in which ties are broken.
    fn keys(cache: &SearchCache) -> Vec<(String, u64)> {
        let mut positions: Vec<usize> = (0..cache.rows.len())
            .filter(|position| cache.rows[*position].current)
            .collect();
        positions.sort_by_key(|position| cache.order(*position));
        let name = |row: &CachedRow| cache.sources()[row.source].state.source.clone();
        let rows = positions.into_iter().map(|position| &cache.rows[position]);
        rows.map(|row| (name(row), row.start_ms)).collect()
    }

    /// Refreshes the cache, and compares it with one that reads the whole store.
    fn refresh(cache: &mut SearchCache, store: &Store) -> Vec<(String, u64)> {
        cache.refresh(&store.connection).unwrap();
        let refreshed = keys(cache);
        let mut read = SearchCache::default();
        read.refresh(&store.connection).unwrap();
        assert_eq!(refreshed, keys(&read));
        let sums = |cache: &SearchCache| -> u32 {
            let current = cache.rows.iter().filter(|row| row.current);
            current.map(|row| row.words).sum()
        };
        assert_eq!(sums(cache), sums(&read));
        refreshed
    }

    #[test]
    fn follows_rows_that_are_added_changed_and_removed_here_and_elsewhere() {
        let (mut store, folder) = store();
        let mut cache = SearchCache::default();
        assert!(refresh(&mut cache, &store).is_empty());
        seal(&mut store, "door", &[row(0, "one"), row(1000, "two")], 2000);
        assert_eq!(refresh(&mut cache, &store).len(), 2);
        let mut other = Store::open(&folder.path().join("atom.db")).unwrap();
        seal(&mut other, "barn", &[row(500, "a new source")], 2000);
        seal(&mut other, "door", &[row(0, "one, with more words")], 2000);
        assert_eq!(refresh(&mut cache, &store)[0], ("barn".to_owned(), 500));
        assert_eq!(cache.rows.len(), 4, "what did not change was not read");
        store.finish("door", "p", 1000).unwrap();
        assert_eq!(refresh(&mut cache, &store).len(), 2);
    }

    #[test]
    fn forgets_sources_that_were_removed() {
        let (mut store, _folder) = store();
        let mut cache = SearchCache::default();
        for source in ["door", "barn"] {
            seal(&mut store, source, &[row(0, "one")], 2000);
        }
        assert_eq!(refresh(&mut cache, &store).len(), 2);
        crate::testing::remove_source(&mut store, "door");
        assert_eq!(refresh(&mut cache, &store), [("barn".to_owned(), 0)]);
        let there = cache.sources().iter().filter(|source| source.present);
        let names: Vec<_> = there.map(|source| &source.state.source).collect();
        assert_eq!(names, ["barn"]);
    }

    #[test]
    fn follows_a_source_to_another_pack() {
        let (mut store, _folder) = store();
        let mut cache = SearchCache::default();
        seal(&mut store, "door", &[row(0, "one")], 2000);
        refresh(&mut cache, &store);
        store.begin("door", "q").unwrap();
        assert_eq!(refresh(&mut cache, &store).len(), 1);
        store
            .seal("door", "q", Seal::of(&[row(0, "x"), row(1, "y")], 9))
            .unwrap();
        assert_eq!(refresh(&mut cache, &store).len(), 2);
        seal(&mut store, "door", &[], 20_000);
        assert_eq!(refresh(&mut cache, &store).len(), 1);
        store.finish("door", "q", 9).unwrap();
        assert_eq!(refresh(&mut cache, &store).len(), 2);
    }

    #[test]
    fn is_read_again_if_the_list_of_changes_is_too_short_or_most_rows_are_stale() {
        let (mut store, _folder) = store();
        let mut cache = SearchCache::default();
        seal(&mut store, "door", &[row(0, "one")], 2000);
        refresh(&mut cache, &store);
        let many: Vec<_> = (0..2000).map(|n| row(n, "x")).collect();
        seal(&mut store, "door", &many, 2000);
        store
            .connection
            .execute("DELETE FROM changes WHERE n < 1000", [])
            .unwrap();
        assert_eq!(refresh(&mut cache, &store).len(), 2000);
        for _ in 0..3 {
            seal(&mut store, "door", &many, 2000);
            refresh(&mut cache, &store);
            assert!(cache.rows.len() <= 2 * 2000 + MAX_STALE);
        }
    }

    #[test]
    fn words_are_summed_over_all_columns() {
        assert_eq!(word_count(&[3, 0, 2]), 5);
        assert_eq!(word_count(&[0x81, 0x00, 1]), 129);
        assert_eq!(word_count(&[]), 0);
    }
}
