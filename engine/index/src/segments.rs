//! What a lookout remembers of each segment: how likely it is for which query, and what is seen in it.
//!
//! Rows come and go by `follow`. Each is weighed by every query; those that are likely enough are candidates of the query, until
//! they go or are older than its span. What is seen is counted by source and hour.
//! Invariant: what was put into the dataflow for a segment is remembered with it, and taken out again with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use atom_models::YesNoScorer;
use atom_operators::standing::{
    dataflow::{Candidate, Sighting, StandingWorker},
    query::millionths,
};
use rusqlite::{Result, Row};

use super::StandingQuery;
use super::compact;
use super::counts::Counts;
use super::filter::Filter;
use super::follow::{Remember, Source};
use super::lines::{Lines, Point};
use super::matches::{Place, Stand};
use super::packs::id_of;
use super::read::from_json;
use super::write::unsigned;
use crate::stats::Hour;

/// What is read of a row.
macro_rules! segments {
    ($which:literal) => {
        concat!(
            "SELECT id, source, pack, start_ms, end_ms, tags, answers, embedding, concepts FROM segments ",
            $which
        )
    };
}

/// What it takes to weigh segments by a query, by the id of the pack that made them: vectors of another pack say nothing.
pub(super) type Measures = BTreeMap<String, YesNoScorer>;

/// A query that is kept.
struct Asked {
    query: StandingQuery,
    /// From this score on a segment is a candidate, in millionths.
    stays: u32,
    measures: Measures,
    filter: Filter,
}

/// A segment as far as it is remembered.
struct Segment {
    source: usize,
    start_ms: u64,
    end_ms: u64,
    /// When it was over.
    over: Point,
    seen: Box<[Sighting]>,
    /// The queries of which it is a candidate, with its scores in millionths.
    scores: Vec<(u64, u32)>,
}

/// All current segments.
#[derive(Default)]
pub(super) struct Segments {
    standing: StandingWorker,
    queries: BTreeMap<u64, Asked>,
    segments: HashMap<i64, Segment>,
    /// Names of the sources, by number.
    names: BTreeMap<usize, String>,
    pub(super) counts: Counts,
    pub(super) lines: Lines,
    /// When candidates are too old for their query: line, moment, query, segment.
    ends: BTreeSet<(usize, i64, u64, i64)>,
    best: BTreeMap<(u64, i64), u32>,
    /// Where segments were that went since everything took effect: their numbers may be given to others.
    gone: HashMap<i64, (usize, u64, u64)>,
    /// Numbers that were.
    given_again: BTreeSet<i64>,
}

impl Segments {
    /// Forgets all that comes from rows and queries.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn count(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn queries(&self) -> usize {
        self.queries.len()
    }

    pub(super) fn knows(&self, query: u64) -> bool {
        self.queries.contains_key(&query)
    }

    /// Lets all other queries go, with their candidates.
    pub(super) fn retain_queries(&mut self, all: &BTreeSet<u64>) {
        let gone: BTreeSet<u64> = self
            .queries
            .keys()
            .copied()
            .filter(|id| !all.contains(id))
            .collect();
        if gone.is_empty() {
            return;
        }
        for (id, segment) in &mut self.segments {
            let scores = &mut segment.scores;
            for score in scores.extract_if(.., |(query, _)| gone.contains(query)) {
                let candidate = candidate(&self.queries, *id, score);
                self.standing.update_candidate(candidate, -1);
            }
        }
        self.ends.retain(|(.., query, _)| !gone.contains(query));
        self.queries.retain(|id, _| !gone.contains(id));
    }

    /// Takes queries up; rows that are kept already are not weighed by them yet.
    pub(super) fn add_queries(&mut self, new: Vec<(StandingQuery, Measures)>) -> Vec<u64> {
        let ids = new.iter().map(|(query, _)| query.id).collect();
        for (query, measures) in new {
            let filter = Filter {
                sources: query.spec.sources.clone(),
                ..Filter::default()
            };
            self.queries.insert(
                query.id,
                Asked {
                    stays: query.spec.stay_threshold(),
                    query,
                    measures,
                    filter,
                },
            );
        }
        ids
    }

    /// Weighs a row that is kept by queries that are new.
    pub(super) fn weigh_again(
        &mut self,
        new: &[u64],
        sources: &[Source],
        source: usize,
        row: &Row,
    ) -> Result<()> {
        let id = row.get(0)?;
        let Some(mut segment) = self.segments.remove(&id) else {
            return Ok(());
        };
        let new = new.iter().map(|id| (id, &self.queries[id]));
        let likely = self.weigh(new, &sources[source], row)?;
        self.take(id, &mut segment, likely);
        self.segments.insert(id, segment);
        Ok(())
    }

    /// The queries for which a row is likely enough, with its scores.
    fn weigh<'q>(
        &self,
        queries: impl Iterator<Item = (&'q u64, &'q Asked)>,
        source: &Source,
        row: &Row,
    ) -> Result<Vec<(u64, u32)>> {
        if self.queries.is_empty() {
            return Ok(Vec::new());
        }
        let made_by = id_of(row.get_ref(2)?.as_str()?);
        let embedding = compact::floats(row.get_ref(7)?.as_blob()?);
        let concepts = row.get_ref(8)?.as_blob()?.iter();
        let concepts: Vec<f32> = concepts.map(|byte| f32::from(*byte) / 255.0).collect();
        let mut likely = Vec::new();
        for (id, asked) in queries {
            let Some(measure) = asked.measures.get(made_by) else {
                continue;
            };
            if !asked.filter.names(&source.state.source) {
                continue;
            }
            let score = millionths(measure.probability(&embedding, &concepts).into());
            if score >= asked.stays {
                likely.push((*id, score));
            }
        }
        Ok(likely)
    }

    /// Makes a segment a candidate of these queries, if it is not too old for them.
    fn take(&mut self, id: i64, segment: &mut Segment, likely: Vec<(u64, u32)>) {
        let (line, _) = segment.over;
        let newest = self.lines.newest(line);
        for (query, score) in likely {
            if let Some(end) = self.end(query, segment) {
                if end < newest {
                    continue;
                }
                self.ends.insert((line, end, query, id));
            }
            let candidate = candidate(&self.queries, id, (query, score));
            self.standing.update_candidate(candidate, 1);
            segment.scores.push((query, score));
        }
    }

    /// When a segment is too old for a query, if it ever is.
    fn end(&self, query: u64, segment: &Segment) -> Option<i64> {
        let seconds = self.queries[&query].query.spec.within_seconds?;
        Some(segment.over.1.saturating_add_unsigned(seconds * 1000))
    }

    /// Lets candidates go that are too old for their queries.
    pub(super) fn expire(&mut self) {
        let first = |(line, moment)| (line, moment, 0, i64::MIN);
        for (line, newest) in self.lines.each() {
            let old = self
                .ends
                .range(first((line, i64::MIN))..first((line, newest)));
            let old: Vec<_> = old.copied().collect();
            for end in old {
                self.ends.remove(&end);
                let (.., query, id) = end;
                if let Some(segment) = self.segments.get_mut(&id) {
                    for score in segment.scores.extract_if(.., |(other, _)| *other == query) {
                        let candidate = candidate(&self.queries, id, score);
                        self.standing.update_candidate(candidate, -1);
                    }
                }
            }
        }
    }

    /// Lets everything take effect; gives what changed among the best of the queries.
    pub(super) fn settle(&mut self) -> Vec<Stand> {
        let settled = self.standing.advance();
        self.counts.take(settled.counts);
        let mut best = settled.matches;
        // What goes first: a candidate with another score goes and comes.
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
        self.gone.clear();
        // To the dataflow one with the score of the other is the same.
        let again = std::mem::take(&mut self.given_again);
        if !again.is_empty() {
            let best = self.best.keys();
            changed.extend(best.filter(|(_, segment)| again.contains(segment)));
        }
        self.in_order(changed.into_iter())
    }

    /// All of the best of all queries.
    pub(super) fn stands(&self) -> Vec<Stand> {
        self.in_order(self.best.keys().copied())
    }

    /// How these stand, in the order of their time: first those that went.
    fn in_order(&self, keys: impl Iterator<Item = (u64, i64)>) -> Vec<Stand> {
        let moment = |segment: &i64| self.segments.get(segment).map(|segment| segment.over.1);
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by_key(|key| (self.best.contains_key(key), moment(&key.1), *key));
        keys.into_iter().map(|key| self.stand(key)).collect()
    }

    fn stand(&self, (query, segment): (u64, i64)) -> Stand {
        let score = self.best.get(&(query, segment)).copied();
        let place = self.segments.get(&segment).map(|segment| Place {
            source: self.names.get(&segment.source).cloned().unwrap_or_default(),
            start_ms: segment.start_ms,
            end_ms: segment.end_ms,
        });
        let enters = self
            .queries
            .get(&query)
            .map(|asked| asked.query.spec.match_threshold());
        Stand {
            query,
            segment,
            found: score.zip(place),
            enters: enters.unwrap_or(u32::MAX),
        }
    }
}

/// A segment as a candidate of a query, with its score.
fn candidate(queries: &BTreeMap<u64, Asked>, id: i64, (query, score): (u64, u32)) -> Candidate {
    Candidate {
        query,
        keep: queries[&query].query.spec.best,
        score,
        segment: id.cast_unsigned(),
    }
}

impl Remember for Segments {
    const ALL: &'static str = segments!("");
    const OF_PACK: &'static str = segments!("WHERE source = ?1 AND pack = ?2");
    const ONE: &'static str = segments!("WHERE id = ?1");
    const TIMED: bool = true;

    fn push(&mut self, source: usize, sources: &[Source], row: &Row) -> Result<()> {
        let id = row.get(0)?;
        self.leave(id);
        let place = &sources[source];
        self.names.insert(source, place.state.source.clone());
        let (start_ms, end_ms) = (unsigned(row.get(3)?), unsigned(row.get(4)?));
        let hour = Hour::of(place.start_utc_ms, start_ms).number();
        let answers: Vec<(String, String)> = from_json(row, 6)?;
        let words = self.counts.words.of(row.get_ref(5)?.as_str()?, &answers);
        let seen = words.into_iter().map(|what| Sighting {
            source: source as u32,
            hour,
            concept: what,
        });
        let mut segment = Segment {
            source,
            start_ms,
            end_ms,
            over: self.lines.reach(place, end_ms),
            seen: seen.collect(),
            scores: Vec::new(),
        };
        for seen in &segment.seen {
            self.standing.update_sighting(*seen, 1);
        }
        let likely = self.weigh(self.queries.iter(), place, row)?;
        self.take(id, &mut segment, likely);
        let before = self.gone.get(&id);
        if before.is_some_and(|before| *before != (source, start_ms, end_ms)) {
            self.given_again.insert(id);
        }
        self.segments.insert(id, segment);
        Ok(())
    }

    fn leave(&mut self, id: i64) {
        let Some(gone) = self.segments.remove(&id) else {
            return;
        };
        self.gone
            .insert(id, (gone.source, gone.start_ms, gone.end_ms));
        for seen in &gone.seen {
            self.standing.update_sighting(*seen, -1);
            self.counts.words.leave(seen.concept);
        }
        for (query, score) in &gone.scores {
            if let Some(end) = self.end(*query, &gone) {
                self.ends.remove(&(gone.over.0, end, *query, id));
            }
            let candidate = candidate(&self.queries, id, (*query, *score));
            self.standing.update_candidate(candidate, -1);
        }
    }

    fn leave_source(&mut self, source: usize) {
        let of = |(id, segment): (&i64, &Segment)| (segment.source == source).then_some(*id);
        let gone: Vec<i64> = self.segments.iter().filter_map(of).collect();
        gone.into_iter().for_each(|id| self.leave(id));
        if let Some(name) = self.names.get(&source) {
            self.lines.leave(name);
        }
    }

    fn clear(&mut self) {
        let all: Vec<i64> = self.segments.keys().copied().collect();
        all.into_iter().for_each(|id| self.leave(id));
        self.names.clear();
        self.lines.renumber();
    }
}
