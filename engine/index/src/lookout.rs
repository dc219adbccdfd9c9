//! Keeps the matches of standing queries and the counts of what was seen in step with the rows of a store.
//!
//! It follows the store (see `follow`), weighs each row that comes by every query, and puts both into differential dataflow
//! ([`atom_operators::standing::dataflow`]); what comes out goes into the table of matches and becomes events (see `matches`). A
//! query that is new is weighed against all rows in the transaction in which the others are brought up to date, so it misses
//! none and meets none twice.
//! Invariant: after a step, what is kept is what a program that began anew would keep.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::follow::{Follower, Remember};
use super::matches::{Handover, Kept, Settling, newest};
use super::packs::{current_packs, id_of};
use super::queries::{queries, revision};
use super::scales::{Scale, Scales};
use super::segments::{Measures, Segments};
use super::{Filter, StandingQuery, Store, StoreError};
use crate::stats::Seen;

/// Keeps the matches and counts of one store.
pub struct Lookout {
    store: Store,
    /// Nothing if queries are none of its business.
    scales: Option<Scales>,
    follower: Follower,
    segments: Segments,
    /// What the table of matches stands for, if this lookout was the last to write it.
    from: Option<Kept>,
    /// The revision of the queries that are weighed; nothing before the first step.
    revision: Option<i64>,
}

/// What became of the queries since the last step.
struct Queries {
    revision: i64,
    all: BTreeSet<u64>,
    new: Vec<(StandingQuery, Measures)>,
    /// Whether a pack can weigh rows now that was not asked until now.
    met: bool,
}

impl Lookout {
    /// A lookout of this store, which reads it in its first step; `own` is the scale of a pack that is loaded already.
    pub fn new(store: Store, own: Option<Scale>) -> Self {
        Self {
            scales: Some(Scales::new(own)),
            ..Self::counting(store)
        }
    }

    /// One that only counts what is seen.
    pub fn counting(store: Store) -> Self {
        Self {
            segments: Segments::default(),
            store,
            scales: None,
            follower: Follower::default(),
            from: None,
            revision: None,
        }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many segments there are.
    pub fn count(&self) -> usize {
        self.segments.count()
    }

    /// How many queries there are.
    pub fn queries(&self) -> usize {
        self.segments.queries()
    }

    /// What was seen when, in how many segments: of all hours that a filter touches, by source, hour and word.
    pub fn seen(&self, filter: &Filter) -> Vec<Seen> {
        self.segments.counts.seen(self.follower.sources(), filter)
    }

    /// In how many segments of each source each concept was seen.
    pub fn totals(&self) -> BTreeMap<(String, String), u64> {
        self.segments.counts.totals(self.follower.sources())
    }

    /// Brings everything to what the store holds now. Tells whether there was anything new.
    ///
    /// # Errors
    /// When the store cannot be read or written; the next step makes up for it.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let followed = self.follow();
        if followed.is_err() {
            // What was taken in by halves goes.
            self.begin_anew();
        }
        let new = followed?;
        self.write()?;
        Ok(new)
    }

    /// Forgets everything; the next look reads all.
    fn begin_anew(&mut self) {
        self.segments.forget();
        (self.follower, self.revision, self.from) = (Follower::default(), None, None);
    }

    /// Takes in rows and queries as they are at one moment.
    fn follow(&mut self) -> Result<bool, StoreError> {
        let path = self.store.path.clone();
        let told = StoreError::at(&path, "read");
        let new = loop {
            if self.revision.is_none() {
                let newest = newest(&self.store.connection).map_err(&told)?;
                self.segments.lines.take_up(newest);
            }
            let now = Timestamp::now().as_millisecond();
            self.segments.lines.set_now(now);
            // Queries are read by the text encoder before the moment, which is to be short.
            let queries = self.changed_queries().map_err(&told)?;
            if queries.met && self.revision.is_some() {
                // To that pack all queries are new.
                self.begin_anew();
                continue;
            }
            let Some(new) = self.take_in(queries).map_err(&told)? else {
                continue;
            };
            if !(new && self.met_pack()) {
                break new;
            }
            self.begin_anew();
        };
        self.segments.expire();
        Ok(new)
    }

    /// Whether there are rows now of a pack that can weigh them and was not asked until now.
    fn met_pack(&mut self) -> bool {
        let asked = self.segments.queries() > 0;
        let scales = self.scales.as_mut().filter(|_| asked);
        scales.is_some_and(|scales| scales.open(self.follower.packs()))
    }

    fn changed_queries(&mut self) -> rusqlite::Result<Queries> {
        let connection = &self.store.connection;
        let revision = revision(connection)?;
        let (mut all, mut new, mut met) = (BTreeSet::new(), Vec::new(), false);
        if let Some(scales) = self
            .scales
            .as_mut()
            .filter(|_| self.revision != Some(revision))
        {
            let now = queries(connection)?;
            if !now.is_empty() {
                let packs = current_packs(connection)?;
                met = scales.open(packs.values().flatten().map(|(pack, _)| id_of(pack)));
            }
            all = now.iter().map(|query| query.id).collect();
            let unknown = now
                .into_iter()
                .filter(|query| !self.segments.knows(query.id));
            new = unknown.map(|query| (query, Measures::new())).collect();
            scales.measure(connection, &mut new)?;
        }
        Ok(Queries {
            revision,
            all,
            new,
            met,
        })
    }

    /// Takes in what there is at one moment; nothing if the queries are others by then.
    fn take_in(&mut self, queries: Queries) -> rusqlite::Result<Option<bool>> {
        let Self {
            store,
            follower,
            segments,
            ..
        } = self;
        let moment = store.connection.unchecked_transaction()?;
        if revision(&moment)? != queries.revision {
            return Ok(None);
        }
        let same = self.revision == Some(queries.revision);
        if same {
            return follower.follow(&moment, segments).map(Some);
        }
        segments.retain_queries(&queries.all);
        // Of a store that was not read yet, each row is weighed by all queries as it comes.
        if self.revision.is_none() {
            segments.add_queries(queries.new);
            follower.follow(&moment, segments)?;
        } else {
            follower.follow(&moment, segments)?;
            let added = segments.add_queries(queries.new);
            if !added.is_empty() {
                follower.visit(&moment, Segments::ALL, &mut |source, row| {
                    segments.weigh_again(&added, follower.sources(), source, row)
                })?;
            }
        }
        self.revision = Some(queries.revision);
        Ok(Some(true))
    }

    /// Brings the table of matches to what is kept.
    fn write(&mut self) -> Result<(), StoreError> {
        let changed = self.segments.settle();
        let Some(scales) = &self.scales else {
            return Ok(());
        };
        let to = Kept {
            change: self.follower.change(),
            revision: self.revision.unwrap_or_default(),
        };
        let lines = self.segments.lines.moved();
        if self.from == Some(to) && changed.is_empty() && lines.is_empty() {
            return Ok(());
        }
        let mut handover = Handover {
            // Should this fail, all of the matches are handed over the next time.
            from: self.from.take(),
            to,
            stands: changed,
            lines,
            weighed: &|pack| scales.weigh(id_of(pack)),
        };
        let mut settling = match handover.from {
            Some(_) => self.store.settle(&handover)?,
            None => Settling::WantsAll,
        };
        if settling == Settling::WantsAll {
            (handover.from, handover.stands) = (None, self.segments.stands());
            settling = self.store.settle(&handover)?;
        }
        if settling == Settling::Done {
            self.segments.lines.set_kept();
            self.from = Some(to);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
