//! What of all current rows is kept in memory for searches, and how it follows the store.
//!
//! The first search of a process reads all rows. Later ones read what changed since, by the list of changes that the store
//! keeps; all is read anew only where that list does not reach back far enough, or where most of what is in memory is out
//! of date. So an index can be searched while it is written.
//! Invariant: a row that was replaced or removed stays where it was, marked, and takes part in nothing.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Result, Row, params};

use super::SourceState;
use super::clock::starts;
use super::compact;
use super::packs::{current_packs, id_of};
use super::read::current_states;
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

const ALL: &str = entries!("");
const OF_PACK: &str = entries!("WHERE source = ?1 AND pack = ?2");
const ONE: &str = entries!("WHERE s.id = ?1");

/// All current rows as they were at one moment.
#[derive(Default)]
pub(super) struct Index {
    /// When it was read; see [`Stamp`].
    stamp: Option<Stamp>,
    /// The newest change that it knows.
    change: i64,
    /// Sources as they were met first.
    pub(super) sources: Vec<Source>,
    /// Rows as they came; their position is their place.
    pub(super) rows: Vec<Entry>,
    /// Ids of the packs that made rows.
    packs: Vec<String>,
    places: Places,
    pub(super) vectors: Vectors,
}

/// A source with what a search asks of it.
pub(super) struct Source {
    pub(super) state: SourceState,
    /// The packs whose rows are read.
    packs: Vec<String>,
    /// When its media time was 0, in milliseconds since 1970, if that is known.
    pub(super) start_utc_ms: Option<i64>,
    /// Its place among all sources by name.
    order: usize,
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

/// Changes of other connections and of our own: equal stamps mean equal rows.
type Stamp = (i64, u64);

impl Index {
    /// Brings it to the moment of the transaction it is called in.
    pub(super) fn refresh(&mut self, moment: &Connection) -> Result<()> {
        // A transaction fixes its moment at its first read; the version asked for afterwards is of that moment.
        let newest: Option<i64> =
            moment.query_row("SELECT max(n) FROM changes", [], |row| row.get(0))?;
        let stamp = stamp(moment)?;
        if self.stamp == Some(stamp) {
            return Ok(());
        }
        let newest = newest.unwrap_or(0);
        let follows = self.stamp.is_some()
            && self.reaches_back(moment, newest)?
            && self.all_are_there(moment)?;
        match follows {
            true => self.follow(moment)?,
            false => *self = Self::read(moment)?,
        }
        if self.rows.len() > 2 * self.places.count + MOST_LEFT_OVER {
            *self = Self::read(moment)?;
        }
        self.change = newest;
        self.stamp = Some(stamp);
        Ok(())
    }

    /// The place of the row with this id, if the row is current.
    pub(super) fn place(&self, id: i64) -> Option<usize> {
        self.places.get(id)
    }

    /// What ties are broken by: the source's name, then time.
    pub(super) fn order(&self, place: usize) -> (usize, u64) {
        let row = &self.rows[place];
        (self.sources[row.source].order, row.start_ms)
    }

    /// Those of some rows that the pack of this id made.
    pub(super) fn of_pack(&self, id: &str, kept: &[bool]) -> Vec<bool> {
        let wanted = self.packs.iter().position(|known| known == id);
        let rows = self.rows.iter().zip(kept);
        rows.map(|(row, kept)| *kept && Some(row.pack) == wanted)
            .collect()
    }

    /// Whether the store still lists all changes since the newest known one.
    fn reaches_back(&self, moment: &Connection, newest: i64) -> Result<bool> {
        let oldest: Option<i64> =
            moment.query_row("SELECT min(n) FROM changes", [], |row| row.get(0))?;
        let known = newest >= self.change;
        Ok(known && (newest == self.change || oldest.is_some_and(|n| n <= self.change + 1)))
    }

    /// Whether no source was removed or has another name.
    fn all_are_there(&self, moment: &Connection) -> Result<bool> {
        let states = current_states(moment)?;
        let there: BTreeSet<&str> = states.iter().map(|state| state.source.as_str()).collect();
        let mut known = self.sources.iter();
        Ok(known.all(|known| there.contains(known.state.source.as_str())))
    }

    fn read(moment: &Connection) -> Result<Self> {
        let mut index = Self::default();
        index.set_sources(moment)?;
        let by_name: BTreeMap<String, usize> = index.by_name();
        let mut all = moment.prepare(ALL)?;
        let mut all = all.query([])?;
        let mut last = 0;
        while let Some(row) = all.next()? {
            let source = row.get_ref(1)?.as_str()?;
            // Most rows stand beside others of their source.
            if index
                .sources
                .get(last)
                .is_none_or(|known| known.state.source != source)
            {
                let Some(found) = by_name.get(source) else {
                    continue;
                };
                last = *found;
            }
            if index.sources[last].reads(row.get_ref(2)?.as_str()?) {
                index.push(last, row)?;
            }
        }
        Ok(index)
    }

    /// Takes in what changed since the newest known change.
    fn follow(&mut self, moment: &Connection) -> Result<()> {
        let again = self.set_sources(moment)?;
        for source in &again {
            self.read_again(moment, *source)?;
        }
        let by_name = self.by_name();
        let mut changed = moment.prepare("SELECT DISTINCT segment FROM changes WHERE n > ?1")?;
        let mut one = moment.prepare(ONE)?;
        let mut changed = changed.query([self.change])?;
        while let Some(change) = changed.next()? {
            let id: i64 = change.get(0)?;
            let mut found = one.query([id])?;
            let row = found.next()?;
            let source = match row {
                Some(row) => by_name.get(row.get_ref(1)?.as_str()?),
                None => None,
            };
            if source.is_some_and(|source| again.contains(source)) {
                continue;
            }
            self.leave(id);
            if let (Some(row), Some(source)) = (row, source)
                && self.sources[*source].reads(row.get_ref(2)?.as_str()?)
            {
                self.push(*source, row)?;
            }
        }
        Ok(())
    }

    /// Reads the states of all sources; gives those whose rows have to be read because other packs are current now.
    fn set_sources(&mut self, moment: &Connection) -> Result<Vec<usize>> {
        let by_name = self.by_name();
        let mut changed = Vec::new();
        let states = current_states(moment)?;
        let starts = starts(moment)?;
        let mut packs = current_packs(moment)?;
        for (order, state) in states.into_iter().enumerate() {
            let start_utc_ms = starts.get(&state.source).copied();
            let known = by_name.get(&state.source).copied();
            let packs = packs.remove(&state.source).unwrap_or_default();
            let before = known.map(|at| self.sources[at].packs == packs);
            let at = known.unwrap_or(self.sources.len());
            let source = Source {
                state,
                packs,
                start_utc_ms,
                order,
            };
            match known {
                Some(at) => self.sources[at] = source,
                None => self.sources.push(source),
            }
            if before != Some(true) {
                changed.push(at);
            }
        }
        Ok(changed)
    }

    fn by_name(&self) -> BTreeMap<String, usize> {
        let names = self.sources.iter().map(|source| &source.state.source);
        names.cloned().zip(0..).collect()
    }

    /// Lets all rows of a source go and reads those of its current packs.
    fn read_again(&mut self, moment: &Connection, source: usize) -> Result<()> {
        let old: Vec<i64> = self
            .rows
            .iter()
            .filter(|row| row.source == source && row.current)
            .map(|row| row.id)
            .collect();
        old.into_iter().for_each(|id| self.leave(id));
        let Source { state, packs, .. } = &self.sources[source];
        let (name, packs) = (state.source.clone(), packs.clone());
        let mut rows = moment.prepare(OF_PACK)?;
        for pack in packs {
            let mut rows = rows.query(params![name, pack])?;
            while let Some(row) = rows.next()? {
                self.push(source, row)?;
            }
        }
        Ok(())
    }

    /// Marks the row with this id as out of date, if there is one.
    fn leave(&mut self, id: i64) {
        if let Some(place) = self.places.remove(id) {
            self.rows[place].current = false;
        }
    }

    /// The number of a pack's id.
    fn number_of(&mut self, id: &str) -> usize {
        let known = self.packs.iter().position(|known| known == id);
        known.unwrap_or_else(|| {
            self.packs.push(id.to_owned());
            self.packs.len() - 1
        })
    }

    fn push(&mut self, source: usize, row: &Row) -> Result<()> {
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
}

impl Source {
    fn reads(&self, pack: &str) -> bool {
        self.packs.iter().any(|current| current == pack)
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

fn stamp(connection: &Connection) -> Result<Stamp> {
    let foreign = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
    Ok((foreign, connection.total_changes()))
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
        let name = |row: &Entry| index.sources[row.source].state.source.clone();
        let rows = places.into_iter().map(|place| &index.rows[place]);
        rows.map(|row| (name(row), row.start_ms)).collect()
    }

    /// Follows the store, and holds that against reading it whole.
    fn follow(index: &mut Index, store: &Store) -> Vec<(String, u64)> {
        index.refresh(&store.connection).unwrap();
        let followed = keys(index);
        let read = Index::read(&store.connection).unwrap();
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
        let names: Vec<_> = index.by_name().into_keys().collect();
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
