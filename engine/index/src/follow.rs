//! Follows the rows of a store, for who keeps something of them in memory.
//!
//! The first time all current rows are read; later only what changed since, by the list of changes that the store keeps.
//! All is read anew where that list does not reach back far enough, or where most of what is kept is out of date. So a store
//! can be followed while it is written, here or elsewhere.
//! Invariant: after each step exactly the rows are kept that were current at the moment of its transaction.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Result, Row, params};

use super::SourceState;
use super::clock::starts;
use super::packs::{current_packs, id_of};
use super::read::current_states;

/// Sources that are gone and still have their number, besides as many as are there.
const MOST_GONE: usize = 100;

/// Who keeps something of each row.
pub(super) trait Remember {
    /// Reads all rows; their first columns are id, source and pack.
    const ALL: &'static str;
    /// The same of one source (?1) and pack (?2).
    const OF_PACK: &'static str;
    /// The same of the row with one id (?1).
    const ONE: &'static str;
    /// Whether what is kept depends on when a source began.
    const TIMED: bool;

    /// Takes a row of the source with this number; one with its id may be kept already.
    fn push(&mut self, source: usize, sources: &[Source], row: &Row) -> Result<()>;
    /// Lets the row with this id go, if it is kept.
    fn leave(&mut self, id: i64);
    /// Lets all rows of a source go.
    fn leave_source(&mut self, source: usize);
    /// Lets everything go; sources get other numbers after it.
    fn clear(&mut self);
    /// Whether so much is out of date that all is better read anew.
    fn is_worn(&self) -> bool {
        false
    }
}

/// A source as followers know it. Its number stays while its name does.
pub(super) struct Source {
    pub(super) state: SourceState,
    /// The packs whose rows are read, each with the number under which it was begun.
    packs: Vec<(String, i64)>,
    /// When its media time was 0, in milliseconds since 1970, if that is known.
    pub(super) start_utc_ms: Option<i64>,
    /// Its place among all sources by name.
    pub(super) order: usize,
    /// Whether it is in the store; the number of one that is gone is not given again.
    pub(super) there: bool,
}

/// How far the store was followed.
#[derive(Default)]
pub(super) struct Follower {
    /// When that was; see [`Stamp`].
    stamp: Option<Stamp>,
    /// The newest change that is known.
    change: i64,
    sources: Vec<Source>,
}

/// Changes of other connections and of our own: equal stamps mean equal rows.
type Stamp = (i64, u64);

impl Follower {
    /// The sources by number, those that are gone among them.
    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The ids of the packs whose rows are read; one may come several times.
    pub(super) fn packs(&self) -> impl Iterator<Item = &str> {
        let packs = self.sources.iter().flat_map(|source| &source.packs);
        packs.map(|(pack, _)| id_of(pack))
    }

    /// The newest change that is known.
    pub(super) fn change(&self) -> i64 {
        self.change
    }

    /// Brings what is kept to the moment of the transaction it is called in. Tells whether there was anything new.
    pub(super) fn follow(&mut self, moment: &Connection, kept: &mut impl Remember) -> Result<bool> {
        // A transaction fixes its moment at its first read; the version asked for afterwards is of that moment.
        let mut newest = moment.prepare_cached("SELECT max(n) FROM changes")?;
        let newest: Option<i64> = newest.query_row([], |row| row.get(0))?;
        let stamp = stamp(moment)?;
        if self.stamp == Some(stamp) {
            return Ok(false);
        }
        let newest = newest.unwrap_or(0);
        let known = self.stamp.is_some() && self.reaches_back(moment, newest)?;
        // If anything fails on the way, all is read anew the next time.
        self.stamp = None;
        match known {
            true => self.step(moment, kept)?,
            false => self.read(moment, kept)?,
        }
        if kept.is_worn() || self.is_worn() {
            self.read(moment, kept)?;
        }
        (self.change, self.stamp) = (newest, Some(stamp));
        Ok(true)
    }

    /// Whether the store still lists all changes since the newest known one.
    fn reaches_back(&self, moment: &Connection, newest: i64) -> Result<bool> {
        let mut oldest = moment.prepare_cached("SELECT min(n) FROM changes")?;
        let oldest: Option<i64> = oldest.query_row([], |row| row.get(0))?;
        let known = newest >= self.change;
        Ok(known && (newest == self.change || oldest.is_some_and(|n| n <= self.change + 1)))
    }

    fn is_worn(&self) -> bool {
        let gone = self.sources.iter().filter(|source| !source.there).count();
        gone > self.sources.len() - gone + MOST_GONE
    }

    /// Reads everything.
    fn read<K: Remember>(&mut self, moment: &Connection, kept: &mut K) -> Result<()> {
        kept.clear();
        self.sources.clear();
        self.set_sources(moment, kept)?;
        self.visit(moment, K::ALL, &mut |source, row| {
            kept.push(source, &self.sources, row)
        })
    }

    /// Visits every current row, as it stands in the transaction of the last step; `all` reads rows as [`Remember::ALL`] does.
    pub(super) fn visit(
        &self,
        moment: &Connection,
        all: &str,
        visit: &mut dyn FnMut(usize, &Row) -> Result<()>,
    ) -> Result<()> {
        let by_name = self.by_name();
        let mut all = moment.prepare_cached(all)?;
        let mut all = all.query([])?;
        // Most rows stand beside others of their source.
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

    /// Takes in what changed since the newest known change.
    fn step<K: Remember>(&mut self, moment: &Connection, kept: &mut K) -> Result<()> {
        let again = self.set_sources(moment, kept)?;
        for source in &again {
            self.read_again(moment, *source, kept)?;
        }
        let by_name = self.by_name();
        let mut changed =
            moment.prepare_cached("SELECT DISTINCT segment FROM changes WHERE n > ?1")?;
        let mut one = moment.prepare_cached(K::ONE)?;
        let mut changed = changed.query([self.change])?;
        while let Some(change) = changed.next()? {
            let id: i64 = change.get(0)?;
            let mut found = one.query([id])?;
            let row = found.next()?;
            let source = match row {
                Some(row) => by_name.get(row.get_ref(1)?.as_str()?).copied(),
                None => None,
            };
            if source.is_some_and(|source| again.contains(&source)) {
                continue;
            }
            match (row, source) {
                (Some(row), Some(source)) if self.is_current(source, row)? => {
                    kept.push(source, &self.sources, row)?;
                }
                _ => kept.leave(id),
            }
        }
        Ok(())
    }

    fn is_current(&self, source: usize, row: &Row) -> Result<bool> {
        let pack = row.get_ref(2)?.as_str()?;
        Ok(self.sources[source]
            .packs
            .iter()
            .any(|(current, _)| current == pack))
    }

    /// Reads the states of all sources; gives those whose rows have to be read again, because another pack is current now, it was
    /// begun anew, or they began at another time. None of their rows is kept any more.
    fn set_sources<K: Remember>(
        &mut self,
        moment: &Connection,
        kept: &mut K,
    ) -> Result<BTreeSet<usize>> {
        let by_name = self.by_name();
        let (states, starts) = (current_states(moment)?, starts(moment)?);
        let mut packs = current_packs(moment)?;
        let before: Vec<bool> = self.sources.iter().map(|source| source.there).collect();
        for source in &mut self.sources {
            source.there = false;
        }
        let mut again = BTreeSet::new();
        for (order, state) in states.into_iter().enumerate() {
            let source = Source {
                start_utc_ms: starts.get(&state.source).copied(),
                packs: packs.remove(&state.source).unwrap_or_default(),
                state,
                order,
                there: true,
            };
            let at = by_name.get(&source.state.source).copied();
            let at = at.unwrap_or(self.sources.len());
            let before = self.sources.get(at);
            let same = before.is_some_and(|before| {
                let moved = K::TIMED && before.start_utc_ms != source.start_utc_ms;
                before.packs == source.packs && !moved
            });
            if !same {
                again.insert(at);
            }
            if !same && before.is_some() {
                kept.leave_source(at);
            }
            match at < self.sources.len() {
                true => self.sources[at] = source,
                false => self.sources.push(source),
            }
        }
        for (at, _) in before.iter().enumerate().filter(|(_, before)| **before) {
            if !self.sources[at].there {
                kept.leave_source(at);
            }
        }
        Ok(again)
    }

    /// The sources that are there, by name.
    fn by_name(&self) -> BTreeMap<String, usize> {
        let there = self
            .sources
            .iter()
            .zip(0..)
            .filter(|(source, _)| source.there);
        there
            .map(|(source, at)| (source.state.source.clone(), at))
            .collect()
    }

    /// Reads the rows of a source's current packs; none of them is kept.
    fn read_again<K: Remember>(
        &self,
        moment: &Connection,
        source: usize,
        kept: &mut K,
    ) -> Result<()> {
        let Source { state, packs, .. } = &self.sources[source];
        let mut rows = moment.prepare_cached(K::OF_PACK)?;
        for (pack, _) in packs {
            let mut rows = rows.query(params![state.source, pack])?;
            while let Some(row) = rows.next()? {
                kept.push(source, &self.sources, row)?;
            }
        }
        Ok(())
    }
}

fn stamp(connection: &Connection) -> Result<Stamp> {
    let foreign = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
    Ok((foreign, connection.total_changes()))
}
