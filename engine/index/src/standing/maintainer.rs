//! Keeps the matches of standing queries and the counts of terms in step with the rows of a store.
//!
//! Each step takes in what changed, scores new rows by every query, runs the dataflow ([`atom_operators::standing::dataflow`]), and applies
//! the difference to the stored matches. A new query is scored against all rows in the transaction in which the others are brought
//! up to date, so it misses no row and sees none twice.
//! Invariant: after a step, the state is what a newly started program would reach.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::match_delta::{ApplyOutcome, MatchDelta, MatchVersion};
use super::pack_scorers::{PackScorer, PackScorers, QueryScorers};
use super::queries::{StandingQuery, read_queries, revision};
use super::tracked_segments::TrackedSegments;
use super::watermarks::read_watermarks;
use crate::change_feed::{ChangeFeed, RowCache};
use crate::error::StoreError;
use crate::pack_key::pack_id;
use crate::source_filter::Filter;
use crate::source_table::current_packs;
use crate::stats::TermCount;
use crate::store::Store;

/// Maintains the matches and counts of one store.
pub struct StandingQueryMaintainer {
    store: Store,
    /// `None` if it only counts.
    scorers: Option<PackScorers>,
    feed: ChangeFeed,
    segments: TrackedSegments,
    /// The version of the stored matches, if this maintainer was the last to write them.
    applied: Option<MatchVersion>,
    /// The revision of the queries that are scored; `None` before the first step.
    revision: Option<i64>,
}

/// The changes of queries since the last step.
struct QueryChanges {
    revision: i64,
    /// Ids of all queries.
    all: BTreeSet<u64>,
    new: Vec<(StandingQuery, QueryScorers)>,
    /// True if a pack can score rows now that could not before.
    opened_pack: bool,
}

impl StandingQueryMaintainer {
    /// Creates a maintainer, which reads the store in its first step; `own` scores for a pack that is loaded already.
    pub fn new(store: Store, own: Option<PackScorer>) -> Self {
        Self {
            scorers: Some(PackScorers::new(own)),
            ..Self::counting(store)
        }
    }

    /// Creates a maintainer that only counts.
    pub fn counting(store: Store) -> Self {
        Self {
            segments: TrackedSegments::default(),
            store,
            scorers: None,
            feed: ChangeFeed::default(),
            applied: None,
            revision: None,
        }
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the number of segments.
    pub fn segment_count(&self) -> usize {
        self.segments.segment_count()
    }

    /// Returns the number of queries.
    pub fn query_count(&self) -> usize {
        self.segments.query_count()
    }

    /// Returns the number of segments by source, hour and term, of all hours that a filter touches.
    pub fn counts(&self, filter: &Filter) -> Vec<TermCount> {
        self.segments.counts.by_hour(self.feed.sources(), filter)
    }

    /// Returns the number of segments by source and concept.
    pub fn totals(&self) -> BTreeMap<(String, String), u64> {
        self.segments.counts.totals(self.feed.sources())
    }

    /// Brings everything up to date with the store. Returns true if anything was new.
    ///
    /// # Errors
    /// If the store cannot be read or written; the next step makes up for it.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let updated = self.update();
        if updated.is_err() {
            // Discard a partial update.
            self.reset();
        }
        let new = updated?;
        self.write()?;
        Ok(new)
    }

    /// Forgets everything; the next step reads all rows.
    fn reset(&mut self) {
        self.segments.reset();
        (self.feed, self.revision, self.applied) = (ChangeFeed::default(), None, None);
    }

    /// Takes in rows and queries as they are at one moment.
    fn update(&mut self) -> Result<bool, StoreError> {
        let path = self.store.path.clone();
        let failed = StoreError::at(&path, "read");
        let new = loop {
            if self.revision.is_none() {
                let stored = read_watermarks(&self.store.connection).map_err(&failed)?;
                self.segments.watermarks.restore(stored);
            }
            let now = Timestamp::now().as_millisecond();
            self.segments.watermarks.set_now(now);
            // Queries are embedded before the transaction, which must be short.
            let changes = self.query_changes().map_err(&failed)?;
            if changes.opened_pack && self.revision.is_some() {
                // To that pack all queries are new.
                self.reset();
                continue;
            }
            let Some(new) = self.take_in(changes).map_err(&failed)? else {
                continue;
            };
            if !(new && self.open_new_packs()) {
                break new;
            }
            self.reset();
        };
        self.segments.expire();
        Ok(new)
    }

    /// Opens the packs of new rows. Returns true if one of them can score and could not before.
    fn open_new_packs(&mut self) -> bool {
        let has_queries = self.segments.query_count() > 0;
        let scorers = self.scorers.as_mut().filter(|_| has_queries);
        scorers.is_some_and(|scorers| scorers.open(self.feed.pack_ids()))
    }

    fn query_changes(&mut self) -> rusqlite::Result<QueryChanges> {
        let connection = &self.store.connection;
        let revision = revision(connection)?;
        let mut changes = QueryChanges {
            revision,
            all: BTreeSet::new(),
            new: Vec::new(),
            opened_pack: false,
        };
        let changed = self.revision != Some(revision);
        let Some(scorers) = self.scorers.as_mut().filter(|_| changed) else {
            return Ok(changes);
        };
        let queries = read_queries(connection)?;
        if !queries.is_empty() {
            let packs = current_packs(connection)?;
            let ids = packs.values().flatten().map(|(pack, _)| pack_id(pack));
            changes.opened_pack = scorers.open(ids);
        }
        changes.all = queries.iter().map(|query| query.id).collect();
        let new = queries
            .into_iter()
            .filter(|query| !self.segments.has_query(query.id));
        changes.new = new.map(|query| (query, QueryScorers::new())).collect();
        scorers.add_query_scorers(connection, &mut changes.new)?;
        Ok(changes)
    }

    /// Takes in rows and queries in one transaction; `None` if the queries have changed again by then.
    fn take_in(&mut self, changes: QueryChanges) -> rusqlite::Result<Option<bool>> {
        let Self {
            store,
            feed,
            segments,
            ..
        } = self;
        let moment = store.connection.unchecked_transaction()?;
        if revision(&moment)? != changes.revision {
            return Ok(None);
        }
        if self.revision == Some(changes.revision) {
            return feed.update(&moment, segments).map(Some);
        }
        segments.retain_queries(&changes.all);
        // Before the first read, each row is scored by all queries as it comes.
        if self.revision.is_none() {
            segments.add_queries(changes.new);
            feed.update(&moment, segments)?;
        } else {
            feed.update(&moment, segments)?;
            let added = segments.add_queries(changes.new);
            if !added.is_empty() {
                feed.visit(&moment, TrackedSegments::ALL, &mut |source, row| {
                    segments.score_by_new(&added, feed.sources(), source, row)
                })?;
            }
        }
        self.revision = Some(changes.revision);
        Ok(Some(true))
    }

    /// Applies the changes of the best segments to the stored matches.
    fn write(&mut self) -> Result<(), StoreError> {
        let changed = self.segments.settle();
        let Some(scorers) = &self.scorers else {
            return Ok(());
        };
        let to = MatchVersion {
            change: self.feed.change(),
            revision: self.revision.unwrap_or_default(),
        };
        let watermarks = self.segments.watermarks.moved();
        if self.applied == Some(to) && changed.is_empty() && watermarks.is_empty() {
            return Ok(());
        }
        let mut delta = MatchDelta {
            // If this fails, all matches are applied the next time.
            from: self.applied.take(),
            to,
            states: changed,
            watermarks,
            can_score: &|pack| scorers.can_score(pack_id(pack)),
        };
        let mut outcome = match delta.from {
            Some(_) => self.store.apply_matches(&delta)?,
            None => ApplyOutcome::NeedsFull,
        };
        if outcome == ApplyOutcome::NeedsFull {
            (delta.from, delta.states) = (None, self.segments.all_best());
            outcome = self.store.apply_matches(&delta)?;
        }
        if outcome == ApplyOutcome::Applied {
            self.segments.watermarks.mark_stored();
            self.applied = Some(to);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
