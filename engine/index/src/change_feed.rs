//! Feeds the rows of a store to caches in memory, and later only what changed.
//!
//! The first update reads all current rows; later ones read what changed since, by the table `changes`. Everything is read
//! again if that table does not reach back far enough, or if most of a cache is stale. So a store can be cached while it is
//! written, by this process or another.
//! Invariant: after each update a cache holds exactly the rows that were current at the moment of its transaction.

use std::collections::{BTreeMap, BTreeSet};

use atom_operators::start_time::StartTime;
use rusqlite::{Connection, Result, Row, params};

use crate::column_conversion::{of_segment, segment_key};
use crate::pack_key::pack_id;
use crate::source_state::SourceState;
use crate::source_table::{current_packs, current_states, start_times};

/// Removed sources that keep their number, besides as many as there are present ones.
const MAX_REMOVED: usize = 100;

/// A cache of rows.
pub(crate) trait RowCache {
    /// Selects all rows; the first columns are id, source, pack and start.
    const ALL: &'static str;
    /// Selects the same of one source (?1) and pack (?2).
    const OF_PACK: &'static str;
    /// Selects the same of the row with one id (?1).
    const ONE: &'static str;
    /// True if the cached values depend on the start time of the source.
    const USES_START_TIME: bool;

    /// Adds a row of the source with this number, replacing one with its id.
    fn add(&mut self, source: usize, sources: &[FeedSource], row: &Row) -> Result<()>;
    /// Removes the row with this id, if it is cached.
    fn remove(&mut self, id: i64);
    /// Removes all rows of a source.
    fn remove_source(&mut self, source: usize);
    /// Removes everything; sources get new numbers after it.
    fn clear(&mut self);
    /// Returns true if so much is stale that reading everything again is better.
    fn is_mostly_stale(&self) -> bool {
        false
    }
}

/// A source as caches know it. It keeps its number while it keeps its name.
pub(crate) struct FeedSource {
    pub(crate) state: SourceState,
    /// The current packs, each with the number of its run.
    packs: Vec<(String, i64)>,
    /// Wall time at which its media time was 0, if known.
    pub(crate) start: Option<StartTime>,
    /// Its position among all sources by name.
    pub(crate) order: usize,
    /// False if it was removed from the store; its number is not given again.
    pub(crate) present: bool,
}

impl FeedSource {
    /// Returns the wall time at which its media time was 0, in milliseconds since 1970, if known.
    pub(crate) fn start_utc_ms(&self) -> Option<i64> {
        self.start.map(|start| start.utc_ms)
    }
}

/// The position in the changes of a store up to which a cache is filled.
#[derive(Default)]
pub(crate) struct ChangeFeed {
    version: Option<DataVersion>,
    /// The newest change that is known.
    change: i64,
    sources: Vec<FeedSource>,
}

/// The changes of other connections and of our own; equal versions mean equal rows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct DataVersion {
    foreign: i64,
    own: u64,
}

impl DataVersion {
    fn read(connection: &Connection) -> Result<Self> {
        Ok(Self {
            foreign: connection.pragma_query_value(None, "data_version", |row| row.get(0))?,
            own: connection.total_changes(),
        })
    }
}

impl ChangeFeed {
    /// Returns the sources by number, including those that were removed.
    pub(crate) fn sources(&self) -> &[FeedSource] {
        &self.sources
    }

    /// Returns the ids of the current packs; one may come several times.
    pub(crate) fn pack_ids(&self) -> impl Iterator<Item = &str> {
        let packs = self.sources.iter().flat_map(|source| &source.packs);
        packs.map(|(pack, _)| pack_id(pack))
    }

    /// Returns the newest change that is known.
    pub(crate) fn change(&self) -> i64 {
        self.change
    }

    /// Brings a cache to the moment of the transaction this is called in. Returns true if anything was new.
    pub(crate) fn update(
        &mut self,
        moment: &Connection,
        cache: &mut impl RowCache,
    ) -> Result<bool> {
        // A transaction fixes its moment at its first read; the version asked for afterwards is of that moment.
        let mut newest = moment.prepare_cached("SELECT max(n) FROM changes")?;
        let newest: Option<i64> = newest.query_row([], |row| row.get(0))?;
        let version = DataVersion::read(moment)?;
        if self.version == Some(version) {
            return Ok(false);
        }
        let newest = newest.unwrap_or(0);
        let known = self.version.is_some() && self.reaches_back(moment, newest)?;
        // If anything fails on the way, everything is read again the next time.
        self.version = None;
        match known {
            true => self.apply_changes(moment, cache)?,
            false => self.read_all(moment, cache)?,
        }
        if cache.is_mostly_stale() || self.has_many_removed() {
            self.read_all(moment, cache)?;
        }
        (self.change, self.version) = (newest, Some(version));
        Ok(true)
    }

    /// Visits every current row, as of the transaction of the last update; `all` selects rows as [`RowCache::ALL`] does.
    pub(crate) fn visit(
        &self,
        moment: &Connection,
        all: &str,
        visit: &mut dyn FnMut(usize, &Row) -> Result<()>,
    ) -> Result<()> {
        let by_name = self.by_name();
        let mut all = moment.prepare_cached(all)?;
        let mut all = all.query([])?;
        // Rows of one source mostly come together.
        let mut last = (String::new(), None);
        while let Some(row) = all.next()? {
            let source = row.get_ref(1)?.as_str()?;
            if last.0 != source {
                last = (source.to_owned(), by_name.get(source).copied());
            }
            if let Some(source) = last.1
                && self.is_current(source, row)?
            {
                visit(source, row)?;
            }
        }
        Ok(())
    }

    /// Returns true if the store still lists all changes since the newest known one.
    fn reaches_back(&self, moment: &Connection, newest: i64) -> Result<bool> {
        let mut oldest = moment.prepare_cached("SELECT min(n) FROM changes")?;
        let oldest: Option<i64> = oldest.query_row([], |row| row.get(0))?;
        let known = newest >= self.change;
        Ok(known && (newest == self.change || oldest.is_some_and(|n| n <= self.change + 1)))
    }

    fn has_many_removed(&self) -> bool {
        let removed = self.sources.iter().filter(|source| !source.present).count();
        removed > self.sources.len() - removed + MAX_REMOVED
    }

    fn read_all<C: RowCache>(&mut self, moment: &Connection, cache: &mut C) -> Result<()> {
        cache.clear();
        self.sources.clear();
        self.update_sources(moment, cache)?;
        self.visit(moment, C::ALL, &mut |source, row| {
            add(cache, source, &self.sources, row)
        })
    }

    /// Applies what changed since the newest known change.
    fn apply_changes<C: RowCache>(&mut self, moment: &Connection, cache: &mut C) -> Result<()> {
        let stale = self.update_sources(moment, cache)?;
        for source in &stale {
            self.read_source(moment, *source, cache)?;
        }
        let by_name = self.by_name();
        let mut changed =
            moment.prepare_cached("SELECT DISTINCT segment FROM changes WHERE n > ?1")?;
        let mut one = moment.prepare_cached(C::ONE)?;
        let mut changed = changed.query([self.change])?;
        while let Some(change) = changed.next()? {
            let id: i64 = change.get(0)?;
            let mut found = one.query([id])?;
            let row = found.next()?;
            let source = match row {
                Some(row) => by_name.get(row.get_ref(1)?.as_str()?).copied(),
                None => None,
            };
            if source.is_some_and(|source| stale.contains(&source)) {
                continue;
            }
            match (row, source) {
                (Some(row), Some(source)) if self.is_current(source, row)? => {
                    add(cache, source, &self.sources, row)?;
                }
                _ => cache.remove(id),
            }
        }
        Ok(())
    }

    fn is_current(&self, source: usize, row: &Row) -> Result<bool> {
        let pack = row.get_ref(2)?.as_str()?;
        let mut packs = self.sources[source].packs.iter();
        Ok(packs.any(|(current, _)| current == pack))
    }

    /// Reads the states of all sources. Removes from the cache the rows of sources that were removed or became stale, and returns
    /// the stale and the new ones: another pack is current, a run was restarted, or the start time changed.
    fn update_sources<C: RowCache>(
        &mut self,
        moment: &Connection,
        cache: &mut C,
    ) -> Result<BTreeSet<usize>> {
        let by_name = self.by_name();
        let before: Vec<usize> = by_name.values().copied().collect();
        for source in &mut self.sources {
            source.present = false;
        }
        let mut stale = BTreeSet::new();
        for source in read_sources(moment)? {
            let Some(at) = by_name.get(&source.state.source).copied() else {
                stale.insert(self.sources.len());
                self.sources.push(source);
                continue;
            };
            let old = std::mem::replace(&mut self.sources[at], source);
            let new = &self.sources[at];
            let moved = C::USES_START_TIME && old.start_utc_ms() != new.start_utc_ms();
            if old.packs != new.packs || moved {
                stale.insert(at);
                cache.remove_source(at);
            }
        }
        for at in before {
            if !self.sources[at].present {
                cache.remove_source(at);
            }
        }
        Ok(stale)
    }

    /// Returns the numbers of the sources that are present, by name.
    fn by_name(&self) -> BTreeMap<String, usize> {
        let sources = self.sources.iter().zip(0..);
        sources
            .filter(|(source, _)| source.present)
            .map(|(source, at)| (source.state.source.clone(), at))
            .collect()
    }

    /// Reads the rows of a source's current packs, none of which is cached.
    fn read_source<C: RowCache>(
        &self,
        moment: &Connection,
        source: usize,
        cache: &mut C,
    ) -> Result<()> {
        let FeedSource { state, packs, .. } = &self.sources[source];
        let mut rows = moment.prepare_cached(C::OF_PACK)?;
        for (pack, _) in packs {
            let mut rows = rows.query(params![state.source, pack])?;
            while let Some(row) = rows.next()? {
                add(cache, source, &self.sources, row)?;
            }
        }
        Ok(())
    }
}

/// Adds a row to a cache; an error names it.
fn add(cache: &mut impl RowCache, source: usize, sources: &[FeedSource], row: &Row) -> Result<()> {
    of_segment(
        || segment_key(row, 1, 3),
        || cache.add(source, sources, row),
    )
}

/// Reads all sources, by name.
fn read_sources(moment: &Connection) -> Result<impl Iterator<Item = FeedSource>> {
    let (states, starts) = (current_states(moment)?, start_times(moment)?);
    let mut packs = current_packs(moment)?;
    let source = move |(order, state): (usize, SourceState)| FeedSource {
        start: starts.get(&state.source).copied(),
        packs: packs.remove(&state.source).unwrap_or_default(),
        state,
        order,
        present: true,
    };
    Ok(states.into_iter().enumerate().map(source))
}
