//! The segments of a store as standing queries see them: their scores by query, and the terms they contain.
//!
//! Rows come and go by the change feed. Each is scored by every query; those that are likely enough are candidates of the query
//! until they are removed or older than its window. Terms are counted by source and hour.
//! Invariant: the entries that a segment added to the dataflow are recorded with it, and removed again with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use atom_operators::standing::{
    dataflow::{Candidate, Sighting, StandingWorker},
    query::millionths,
};
use rusqlite::{Result, Row};

use super::match_delta::MatchState;
use super::matches::SegmentSpan;
use super::pack_scorers::QueryScorers;
use super::queries::StandingQuery;
use super::segment_counts::SegmentCounts;
use super::watermarks::{TimelinePoint, Watermarks};
use crate::change_feed::{FeedSource, RowCache};
use crate::column_conversion::from_json;
use crate::int8_vector::Int8Vector;
use crate::pack_key::pack_id;
use crate::source_filter::Filter;
use crate::stats::Hour;

macro_rules! select_rows {
    ($which:literal) => {
        concat!(
            "SELECT id, source, pack, start_ms, end_ms, tags, answers, embedding, concepts FROM segments ",
            $which
        )
    };
}

/// A standing query with what scoring needs.
struct ActiveQuery {
    query: StandingQuery,
    /// Segments from this score on are candidates, in millionths.
    stay_score: u32,
    scorers: QueryScorers,
    filter: Filter,
}

/// A segment and its entries in the dataflow.
struct TrackedSegment {
    source: usize,
    start_ms: u64,
    end_ms: u64,
    /// The point of its end.
    end: TimelinePoint,
    sightings: Box<[Sighting]>,
    /// The queries of which it is a candidate, with its scores in millionths.
    scores: Vec<(u64, u32)>,
}

/// All current segments.
#[derive(Default)]
pub(super) struct TrackedSegments {
    dataflow: StandingWorker,
    queries: BTreeMap<u64, ActiveQuery>,
    segments: HashMap<i64, TrackedSegment>,
    /// Names of the sources, by number.
    names: BTreeMap<usize, String>,
    pub(super) counts: SegmentCounts,
    pub(super) watermarks: Watermarks,
    /// The times at which candidates become too old for their query: timeline, time, query, segment.
    expirations: BTreeSet<(usize, i64, u64, i64)>,
    best: BTreeMap<(u64, i64), u32>,
    /// Source and span of segments removed since the dataflow last ran: their row ids may be given to others.
    removed: HashMap<i64, (usize, u64, u64)>,
    /// Row ids that were given to other segments.
    reused: BTreeSet<i64>,
}

impl TrackedSegments {
    /// Forgets everything that comes from rows and queries.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn segment_count(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn query_count(&self) -> usize {
        self.queries.len()
    }

    pub(super) fn has_query(&self, query: u64) -> bool {
        self.queries.contains_key(&query)
    }

    /// Removes all queries but these, with their candidates.
    pub(super) fn retain_queries(&mut self, all: &BTreeSet<u64>) {
        let known = self.queries.keys().copied();
        let removed: BTreeSet<u64> = known.filter(|id| !all.contains(id)).collect();
        if removed.is_empty() {
            return;
        }
        for (id, segment) in &mut self.segments {
            let scores = &mut segment.scores;
            for score in scores.extract_if(.., |(query, _)| removed.contains(query)) {
                let candidate = candidate(&self.queries, *id, score);
                self.dataflow.update_candidate(candidate, -1);
            }
        }
        self.expirations
            .retain(|(.., query, _)| !removed.contains(query));
        self.queries.retain(|id, _| !removed.contains(id));
    }

    /// Adds queries; segments that are tracked already are not scored by them yet. Returns their ids.
    pub(super) fn add_queries(&mut self, new: Vec<(StandingQuery, QueryScorers)>) -> Vec<u64> {
        let ids = new.iter().map(|(query, _)| query.id).collect();
        for (query, scorers) in new {
            let active = ActiveQuery {
                stay_score: query.spec.stay_threshold(),
                filter: Filter {
                    sources: query.spec.sources.clone(),
                    ..Filter::default()
                },
                query,
                scorers,
            };
            self.queries.insert(active.query.id, active);
        }
        ids
    }

    /// Scores a tracked segment by new queries.
    pub(super) fn score_by_new(
        &mut self,
        new: &[u64],
        sources: &[FeedSource],
        source: usize,
        row: &Row,
    ) -> Result<()> {
        let id = row.get(0)?;
        let Some(mut segment) = self.segments.remove(&id) else {
            return Ok(());
        };
        let new = new.iter().map(|id| (id, &self.queries[id]));
        let scores = self.score(new, &sources[source], row)?;
        self.add_candidates(id, &mut segment, scores);
        self.segments.insert(id, segment);
        Ok(())
    }

    /// Returns the queries for which a row is likely enough, with its scores.
    fn score<'q>(
        &self,
        queries: impl Iterator<Item = (&'q u64, &'q ActiveQuery)>,
        source: &FeedSource,
        row: &Row,
    ) -> Result<Vec<(u64, u32)>> {
        if self.queries.is_empty() {
            return Ok(Vec::new());
        }
        let made_by = pack_id(row.get_ref(2)?.as_str()?);
        let embedding = Int8Vector::from_column(row, 7)?;
        let embedding = embedding.map_or_else(Vec::new, |vector| vector.floats().collect());
        let concepts = row.get_ref(8)?.as_blob()?.iter();
        let concepts: Vec<f32> = concepts.map(|byte| f32::from(*byte) / 255.0).collect();
        let mut scores = Vec::new();
        for (id, active) in queries {
            let Some(scorer) = active.scorers.get(made_by) else {
                continue;
            };
            if !active.filter.matches_name(&source.state.source) {
                continue;
            }
            let score = millionths(scorer.probability(&embedding, &concepts).into());
            if score >= active.stay_score {
                scores.push((*id, score));
            }
        }
        Ok(scores)
    }

    /// Makes a segment a candidate of these queries, unless it is too old for them.
    fn add_candidates(&mut self, id: i64, segment: &mut TrackedSegment, scores: Vec<(u64, u32)>) {
        let (timeline, _) = segment.end;
        let watermark = self.watermarks.get(timeline);
        for (query, score) in scores {
            if let Some(expiration) = self.expiration(query, segment) {
                if expiration < watermark {
                    continue;
                }
                self.expirations.insert((timeline, expiration, query, id));
            }
            let candidate = candidate(&self.queries, id, (query, score));
            self.dataflow.update_candidate(candidate, 1);
            segment.scores.push((query, score));
        }
    }

    /// Returns when a segment becomes too old for a query, if it ever does.
    fn expiration(&self, query: u64, segment: &TrackedSegment) -> Option<i64> {
        let seconds = self.queries[&query].query.spec.within_seconds?;
        Some(segment.end.1.saturating_add_unsigned(seconds * 1000))
    }

    /// Removes candidates that are too old for their queries.
    pub(super) fn expire(&mut self) {
        let first = |(timeline, time)| (timeline, time, 0, i64::MIN);
        for (timeline, watermark) in self.watermarks.all() {
            let expired = self
                .expirations
                .range(first((timeline, i64::MIN))..first((timeline, watermark)));
            let expired: Vec<_> = expired.copied().collect();
            for expiration in expired {
                self.expirations.remove(&expiration);
                let (.., query, id) = expiration;
                if let Some(segment) = self.segments.get_mut(&id) {
                    for score in segment.scores.extract_if(.., |(other, _)| *other == query) {
                        let candidate = candidate(&self.queries, id, score);
                        self.dataflow.update_candidate(candidate, -1);
                    }
                }
            }
        }
    }

    /// Runs the dataflow, and returns the states that changed among the best of the queries.
    pub(super) fn settle(&mut self) -> Vec<MatchState> {
        let changes = self.dataflow.advance();
        self.counts.update(changes.counts);
        let mut best = changes.matches;
        // Removals first: a candidate with another score leaves and enters.
        best.sort_by_key(|(_, change)| *change);
        let mut changed = BTreeSet::new();
        for (candidate, change) in best {
            let key = (candidate.query, candidate.segment.cast_signed());
            match change {
                1.. => drop(self.best.insert(key, candidate.score)),
                _ => drop(self.best.remove(&key)),
            }
            changed.insert(key);
        }
        self.removed.clear();
        // The dataflow cannot see that a row id with an equal score is another segment now.
        let reused = std::mem::take(&mut self.reused);
        if !reused.is_empty() {
            let best = self.best.keys();
            changed.extend(best.filter(|(_, segment)| reused.contains(segment)));
        }
        self.states(changed.into_iter())
    }

    /// Returns the states of all of the best of all queries.
    pub(super) fn all_best(&self) -> Vec<MatchState> {
        self.states(self.best.keys().copied())
    }

    /// Returns states by time, those that left first.
    fn states(&self, keys: impl Iterator<Item = (u64, i64)>) -> Vec<MatchState> {
        let end = |segment: &i64| self.segments.get(segment).map(|segment| segment.end.1);
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(|key| (self.best.contains_key(key), end(&key.1), *key));
        keys.into_iter().map(|key| self.state(key)).collect()
    }

    fn state(&self, (query, segment): (u64, i64)) -> MatchState {
        let score = self.best.get(&(query, segment)).copied();
        let span = self.segments.get(&segment).map(|segment| SegmentSpan {
            source: self.names.get(&segment.source).cloned().unwrap_or_default(),
            start_ms: segment.start_ms,
            end_ms: segment.end_ms,
        });
        let active = self.queries.get(&query);
        let enter_score = active.map(|active| active.query.spec.match_threshold());
        MatchState {
            query,
            segment,
            best: score.zip(span),
            enter_score: enter_score.unwrap_or(u32::MAX),
        }
    }

    /// Reads a row, and adds its terms to the dataflow.
    fn track(&mut self, source: usize, at: &FeedSource, row: &Row) -> Result<TrackedSegment> {
        let (start_ms, end_ms) = (row.get(3)?, row.get(4)?);
        let hour = Hour::of(at.start_utc_ms(), start_ms).number();
        let answers: Vec<(String, String)> = from_json(row, 6)?;
        let terms = self.counts.terms.add(row.get_ref(5)?.as_str()?, &answers);
        let sightings: Box<[Sighting]> = terms
            .into_iter()
            .map(|concept| Sighting {
                source: source as u32,
                hour,
                concept,
            })
            .collect();
        for sighting in &sightings {
            self.dataflow.update_sighting(*sighting, 1);
        }
        Ok(TrackedSegment {
            source,
            start_ms,
            end_ms,
            end: self.watermarks.advance(at, end_ms),
            sightings,
            scores: Vec::new(),
        })
    }
}

/// Returns the entry of a segment as a candidate of a query, with its score.
fn candidate(
    queries: &BTreeMap<u64, ActiveQuery>,
    id: i64,
    (query, score): (u64, u32),
) -> Candidate {
    Candidate {
        query,
        keep: queries[&query].query.spec.best,
        score,
        segment: id.cast_unsigned(),
    }
}

impl RowCache for TrackedSegments {
    const ALL: &'static str = select_rows!("");
    const OF_PACK: &'static str = select_rows!("WHERE source = ?1 AND pack = ?2");
    const ONE: &'static str = select_rows!("WHERE id = ?1");
    const USES_START_TIME: bool = true;

    fn add(&mut self, source: usize, sources: &[FeedSource], row: &Row) -> Result<()> {
        let id = row.get(0)?;
        self.remove(id);
        let at = &sources[source];
        self.names.insert(source, at.state.source.clone());
        let mut segment = self.track(source, at, row)?;
        let scores = self.score(self.queries.iter(), at, row)?;
        self.add_candidates(id, &mut segment, scores);
        let before = self.removed.get(&id);
        let now = (source, segment.start_ms, segment.end_ms);
        if before.is_some_and(|before| *before != now) {
            self.reused.insert(id);
        }
        self.segments.insert(id, segment);
        Ok(())
    }

    fn remove(&mut self, id: i64) {
        let Some(segment) = self.segments.remove(&id) else {
            return;
        };
        let span = (segment.source, segment.start_ms, segment.end_ms);
        self.removed.insert(id, span);
        for sighting in &segment.sightings {
            self.dataflow.update_sighting(*sighting, -1);
            self.counts.terms.remove(sighting.concept);
        }
        for (query, score) in &segment.scores {
            if let Some(expiration) = self.expiration(*query, &segment) {
                self.expirations
                    .remove(&(segment.end.0, expiration, *query, id));
            }
            let candidate = candidate(&self.queries, id, (*query, *score));
            self.dataflow.update_candidate(candidate, -1);
        }
    }

    fn remove_source(&mut self, source: usize) {
        let of_source =
            |(id, segment): (&i64, &TrackedSegment)| (segment.source == source).then_some(*id);
        let removed: Vec<i64> = self.segments.iter().filter_map(of_source).collect();
        removed.into_iter().for_each(|id| self.remove(id));
        if let Some(name) = self.names.get(&source) {
            self.watermarks.remove(name);
        }
    }

    fn clear(&mut self) {
        let all: Vec<i64> = self.segments.keys().copied().collect();
        all.into_iter().for_each(|id| self.remove(id));
        self.names.clear();
        self.watermarks.renumber();
    }
}
