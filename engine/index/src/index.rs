//! What of all current rows is kept in memory for searches. It follows the store (see `follow`), so that an index can be
//! searched while it is written.
//!
//! Invariant: a row that was replaced or removed stays where it was, marked, and takes part in nothing.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result, Row};

use super::compact;
use super::follow::{Follower, Remember, Source};
use super::packs::id_of;
use super::vectors::Vectors;
use super::write::unsigned;

/// Rows out of date that are put up with, besides as many as there are current ones.
const MOST_LEFT_OVER: usize = 1000;

/// What is read of a row. The number of its words comes from the full text, which has counted them.
macro_rules! entries {
    ($which:literal) => {
        concat!(
            "SELECT s.id, source, pack, start_ms, end_ms, embedding, caption_embedding, coalesce(sz, x'')
            FROM segments s LEFT JOIN segments_fts_docsize d ON d.id = s.id ",
            $which
        )
    };
}

/// All current rows as they were at one moment.
#[derive(Default)]
pub(super) struct Index {
    follower: Follower,
    /// Rows as they came; their position is their place.
    pub(super) rows: Vec<Entry>,
    /// Ids of the packs that made rows.
    packs: Vec<String>,
    places: Places,
    pub(super) vectors: Vectors,
}

/// Where a row stands in time and in the store.
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) source: usize,
    /// Which pack made it.
    pack: usize,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    /// Words of its caption, tags and answers.
    pub(super) words: u32,
    /// Whether it is still so in the store.
    pub(super) current: bool,
}

impl Index {
    /// Brings it to the moment of the transaction it is called in.
    pub(super) fn refresh(&mut self, moment: &Connection) -> Result<()> {
        let mut follower = std::mem::take(&mut self.follower);
        // Should this fail, all is read anew the next time.
        follower.follow(moment, self)?;
        self.follower = follower;
        Ok(())
    }

    /// The sources by number, those that are gone among them.
    pub(super) fn sources(&self) -> &[Source] {
        self.follower.sources()
    }

    /// The place of the row with this id, if the row is current.
    pub(super) fn place(&self, id: i64) -> Option<usize> {
        self.places.get(id)
    }

    /// What ties are broken by: the source's name, then time.
    pub(super) fn order(&self, place: usize) -> (usize, u64) {
        let row = &self.rows[place];
        (self.sources()[row.source].order, row.start_ms)
    }
}

impl Index {
    /// Those of some rows that the pack of this id made.
    pub(super) fn of_pack(&self, id: &str, kept: &[bool]) -> Vec<bool> {
        let wanted = self.packs.iter().position(|known| known == id);
        let rows = self.rows.iter().zip(kept);
        rows.map(|(row, kept)| *kept && Some(row.pack) == wanted)
            .collect()
    }

    /// The number of a pack's id.
    fn number_of(&mut self, id: &str) -> usize {
        let known = self.packs.iter().position(|known| known == id);
        known.unwrap_or_else(|| {
            self.packs.push(id.to_owned());
            self.packs.len() - 1
        })
    }
}

impl Remember for Index {
    const ALL: &str = entries!("");
    const OF_PACK: &str = entries!("WHERE source = ?1 AND pack = ?2");
    const ONE: &str = entries!("WHERE s.id = ?1");
    const TIMED: bool = false;

    fn push(&mut self, source: usize, _: &[Source], row: &Row) -> Result<()> {
        let place = self.rows.len();
        let id = row.get(0)?;
        self.leave(id);
        let pack = self.number_of(id_of(row.get_ref(2)?.as_str()?));
        self.rows.push(Entry {
            id,
            source,
            pack,
            start_ms: unsigned(row.get(3)?),
            end_ms: unsigned(row.get(4)?),
            words: words(row.get_ref(7)?.as_blob()?),
            current: true,
        });
        self.places.insert(id, place);
        let (pictures, caption) = (row.get_ref(5)?.as_blob()?, row.get_ref(6)?.as_blob()?);
        self.vectors
            .push(place, &compact::joined(pictures, caption));
        Ok(())
    }

    /// Marks the row as out of date.
    fn leave(&mut self, id: i64) {
        if let Some(place) = self.places.remove(id) {
            self.rows[place].current = false;
        }
    }

    fn leave_source(&mut self, source: usize) {
        let old = self.rows.iter();
        let old: Vec<i64> = old
            .filter(|row| row.source == source && row.current)
            .map(|row| row.id)
            .collect();
        old.into_iter().for_each(|id| self.leave(id));
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn is_worn(&self) -> bool {
        self.rows.len() > 2 * self.places.count + MOST_LEFT_OVER
    }
}

/// Where rows are, by id: pages of ids that stand together, since ids do.
#[derive(Default)]
struct Places {
    pages: BTreeMap<i64, Box<[usize]>>,
    count: usize,
}

impl Places {
    const PAGE: usize = 4096;

    fn get(&self, id: i64) -> Option<usize> {
        let page = self.pages.get(&id.div_euclid(Self::PAGE as i64))?;
        // A place is kept plus one; 0 is none.
        page[Self::at(id)].checked_sub(1)
    }

    fn insert(&mut self, id: i64, place: usize) {
        let page = self.pages.entry(id.div_euclid(Self::PAGE as i64));
        let page = page.or_insert_with(|| vec![0; Self::PAGE].into());
        self.count += usize::from(page[Self::at(id)] == 0);
        page[Self::at(id)] = place + 1;
    }

    fn remove(&mut self, id: i64) -> Option<usize> {
        let page = self.pages.get_mut(&id.div_euclid(Self::PAGE as i64))?;
        let place = std::mem::take(&mut page[Self::at(id)]).checked_sub(1)?;
        self.count -= 1;
        Some(place)
    }

    fn at(id: i64) -> usize {
        id.rem_euclid(Self::PAGE as i64) as usize
    }
}

/// The words of a row: the full text keeps those of each column as SQLite's variable-length numbers.
fn words(sizes: &[u8]) -> u32 {
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
    use super::super::testing::{row, seal, store};
    use super::super::{Seal, Store};
    use super::*;

    /// Keys of the current rows, in the order in which ties are broken.
    fn keys(index: &Index) -> Vec<(String, u64)> {
        let mut places: Vec<usize> = (0..index.rows.len())
            .filter(|place| index.rows[*place].current)
            .collect();
        places.sort_by_key(|place| index.order(*place));
        let name = |row: &Entry| index.sources()[row.source].state.source.clone();
        let rows = places.into_iter().map(|place| &index.rows[place]);
        rows.map(|row| (name(row), row.start_ms)).collect()
    }

    /// Follows the store, and holds that against reading it whole.
    fn follow(index: &mut Index, store: &Store) -> Vec<(String, u64)> {
        index.refresh(&store.connection).unwrap();
        let followed = keys(index);
        let mut read = Index::default();
        read.refresh(&store.connection).unwrap();
        assert_eq!(followed, keys(&read));
        let sums = |index: &Index| -> u32 {
            let current = index.rows.iter().filter(|row| row.current);
            current.map(|row| row.words).sum()
        };
        assert_eq!(sums(index), sums(&read));
        followed
    }

    #[test]
    fn it_follows_rows_that_come_change_and_go_here_and_elsewhere() {
        let (mut store, folder) = store();
        let mut index = Index::default();
        assert!(follow(&mut index, &store).is_empty());
        seal(&mut store, "door", &[row(0, "one"), row(1000, "two")], 2000);
        assert_eq!(follow(&mut index, &store).len(), 2);
        let mut other = Store::open(&folder.path().join("atom.db")).unwrap();
        seal(&mut other, "barn", &[row(500, "a new source")], 2000);
        seal(&mut other, "door", &[row(0, "one, with more words")], 2000);
        assert_eq!(follow(&mut index, &store)[0], ("barn".to_owned(), 500));
        assert_eq!(index.rows.len(), 4, "what did not change was not read");
        store.finish("door", "p", 1000).unwrap();
        assert_eq!(follow(&mut index, &store).len(), 2);
    }

    #[test]
    fn it_knows_no_source_that_was_removed() {
        let (mut store, _folder) = store();
        let mut index = Index::default();
        for source in ["door", "barn"] {
            seal(&mut store, source, &[row(0, "one")], 2000);
        }
        assert_eq!(follow(&mut index, &store).len(), 2);
        store.forget("door").unwrap();
        assert_eq!(follow(&mut index, &store), [("barn".to_owned(), 0)]);
        let there = index.sources().iter().filter(|source| source.there);
        let names: Vec<_> = there.map(|source| &source.state.source).collect();
        assert_eq!(names, ["barn"]);
    }

    #[test]
    fn it_follows_a_source_to_another_pack() {
        let (mut store, _folder) = store();
        let mut index = Index::default();
        seal(&mut store, "door", &[row(0, "one")], 2000);
        follow(&mut index, &store);
        store.begin("door", "q").unwrap();
        assert_eq!(follow(&mut index, &store).len(), 1);
        store
            .seal("door", "q", Seal::of(&[row(0, "x"), row(1, "y")], 9))
            .unwrap();
        assert_eq!(follow(&mut index, &store).len(), 2);
        seal(&mut store, "door", &[], 20_000);
        assert_eq!(follow(&mut index, &store).len(), 1);
        store.finish("door", "q", 9).unwrap();
        assert_eq!(follow(&mut index, &store).len(), 2);
    }

    #[test]
    fn it_is_read_anew_where_the_list_of_changes_is_too_short_and_where_most_is_out_of_date() {
        let (mut store, _folder) = store();
        let mut index = Index::default();
        seal(&mut store, "door", &[row(0, "one")], 2000);
        follow(&mut index, &store);
        let many: Vec<_> = (0..2000).map(|n| row(n, "x")).collect();
        seal(&mut store, "door", &many, 2000);
        store
            .connection
            .execute("DELETE FROM changes WHERE n < 1000", [])
            .unwrap();
        assert_eq!(follow(&mut index, &store).len(), 2000);
        for _ in 0..3 {
            seal(&mut store, "door", &many, 2000);
            follow(&mut index, &store);
            assert!(index.rows.len() <= 2 * 2000 + MOST_LEFT_OVER);
        }
    }

    #[test]
    fn words_are_counted_over_all_columns() {
        assert_eq!(words(&[3, 0, 2]), 5);
        assert_eq!(words(&[0x81, 0x00, 1]), 129);
        assert_eq!(words(&[]), 0);
    }
}
