//! What a lookout remembers of each segment: how likely it is for which query, and what is seen in it.
//!
//! Rows come and go by `follow`. Each is weighed by every query; those that are likely enough are candidates of the query, until
//! they go or are older than its span. What is seen is counted by source and hour.
//! Invariant: what was put into the dataflow for a segment is remembered with it, and taken out again with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use atom_models::Measure;
use atom_operators::{
    query::millionths,
    standing::{Candidate, Sighting, Standing},
};
use rusqlite::{Result, Row};

use super::StandingQuery;
use super::compact;
use super::filter::Filter;
use super::follow::{Remember, Source};
use super::matches::{Place, Stand};
use super::packs::id_of;
use super::read::from_json;
use super::seen::Words;
use super::write::unsigned;
use crate::stats::{Hour, Seen, What};

/// The line of time of all sources whose start is known; each other source has a line of its own, named after it.
const WALL: &str = "";

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;

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
pub(super) type Measures = BTreeMap<String, Measure>;

/// A query that is kept.
struct Asked {
    query: StandingQuery,
    measures: Measures,
    filter: Filter,
}

/// A segment as far as it is remembered.
struct Segment {
    source: usize,
    start_ms: u64,
    end_ms: u64,
    line: usize,
    /// When it was over, on its line of time, in milliseconds.
    moment: i64,
    seen: Box<[Sighting]>,
    /// The queries of which it is a candidate, with its scores in millionths.
    scores: Vec<(u64, u32)>,
}

/// All current segments.
#[derive(Default)]
pub(super) struct Segments {
    standing: Standing,
    queries: BTreeMap<u64, Asked>,
    segments: HashMap<i64, Segment>,
    /// Names of the sources, by number.
    names: BTreeMap<usize, String>,
    words: Words,
    counts: BTreeMap<Sighting, u64>,
    /// In how many segments of a source, by number, a word is.
    totals: BTreeMap<(u32, u32), u64>,
    /// Lines of time, each with its newest moment, and their numbers by name.
    lines: Vec<(String, i64)>,
    line_numbers: HashMap<String, usize>,
    /// What the clock says.
    now: i64,
    /// When candidates are too old for their query: line, moment, query, segment.
    ends: BTreeSet<(usize, i64, u64, i64)>,
    best: BTreeMap<(u64, i64), u32>,
}

impl Segments {
    /// Takes up lines of time, before there are rows.
    pub(super) fn set_newest(&mut self, newest: Vec<(String, i64)>) {
        let names = newest.iter().map(|(line, _)| line.clone());
        self.line_numbers = names.zip(0..).collect();
        self.lines = newest;
    }

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

    pub(super) fn newest(&self) -> Vec<(String, i64)> {
        self.lines.clone()
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
            for (query, score) in segment
                .scores
                .extract_if(.., |(query, _)| gone.contains(query))
            {
                let keep = self.queries[&query].query.spec.best;
                let segment = id.cast_unsigned();
                self.standing.candidate(
                    Candidate {
                        query,
                        keep,
                        score,
                        segment,
                    },
                    -1,
                );
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
        let likely = self.weigh(new.iter(), &sources[source], row)?;
        self.take(id, &mut segment, likely);
        self.segments.insert(id, segment);
        Ok(())
    }

    /// The queries for which a row is likely enough, with its scores.
    fn weigh<'q>(
        &self,
        queries: impl Iterator<Item = &'q u64>,
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
        for id in queries {
            let asked = &self.queries[id];
            let Some(measure) = asked.measures.get(made_by) else {
                continue;
            };
            if !asked.filter.names(&source.state.source) {
                continue;
            }
            let score = millionths(measure.yes(&embedding, &concepts).into());
            if score >= asked.query.spec.stays() {
                likely.push((*id, score));
            }
        }
        Ok(likely)
    }

    /// Makes a segment a candidate of these queries, if it is not too old for them.
    fn take(&mut self, id: i64, segment: &mut Segment, likely: Vec<(u64, u32)>) {
        let newest = self.newest_of(segment.line);
        for (query, score) in likely {
            let spec = &self.queries[&query].query.spec;
            if let Some(seconds) = spec.within_seconds {
                let end = segment.moment.saturating_add_unsigned(seconds * 1000);
                if end < newest {
                    continue;
                }
                self.ends.insert((segment.line, end, query, id));
            }
            let candidate = Candidate {
                query,
                keep: spec.best,
                score,
                segment: id.cast_unsigned(),
            };
            self.standing.candidate(candidate, 1);
            segment.scores.push((query, score));
        }
    }

    /// Says what the clock says, in milliseconds since 1970.
    pub(super) fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    /// The newest moment of a line of time. No line is ahead of the clock, whatever a clock once said.
    fn newest_of(&self, line: usize) -> i64 {
        let (name, newest) = &self.lines[line];
        if name == WALL {
            self.now.min(*newest)
        } else {
            *newest
        }
    }

    /// Lets candidates go that are too old for their queries.
    pub(super) fn expire(&mut self) {
        for line in 0..self.lines.len() {
            let newest = self.newest_of(line);
            let old: Vec<_> = self
                .ends
                .range((line, i64::MIN, 0, i64::MIN)..(line, newest, 0, i64::MIN))
                .copied()
                .collect();
            for end in old {
                self.ends.remove(&end);
                let (.., query, id) = end;
                let Some(segment) = self.segments.get_mut(&id) else {
                    continue;
                };
                let keep = self.queries[&query].query.spec.best;
                for (_, score) in segment.scores.extract_if(.., |(other, _)| *other == query) {
                    let segment = id.cast_unsigned();
                    self.standing.candidate(
                        Candidate {
                            query,
                            keep,
                            score,
                            segment,
                        },
                        -1,
                    );
                }
            }
        }
    }

    /// Lets everything take effect; gives what changed among the best of the queries.
    pub(super) fn settle(&mut self) -> Vec<Stand> {
        let settled = self.standing.settle();
        for (seen, count) in settled.counts {
            self.count_seen(seen, u64::try_from(count).unwrap_or(0));
        }
        let mut best = settled.best;
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
        self.in_order(changed.into_iter())
    }

    fn count_seen(&mut self, seen: Sighting, count: u64) {
        let before = match count {
            0 => self.counts.remove(&seen),
            _ => self.counts.insert(seen, count),
        };
        let total = self.totals.entry((seen.source, seen.what)).or_default();
        *total = (*total + count).saturating_sub(before.unwrap_or(0));
        if *total == 0 {
            self.totals.remove(&(seen.source, seen.what));
        }
    }

    /// All of the best of all queries.
    pub(super) fn stands(&self) -> Vec<Stand> {
        self.in_order(self.best.keys().copied())
    }

    /// How these stand, in the order of their time: first those that went.
    fn in_order(&self, keys: impl Iterator<Item = (u64, i64)>) -> Vec<Stand> {
        let moment = |segment: &i64| self.segments.get(segment).map(|segment| segment.moment);
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
            .map(|asked| asked.query.spec.enters());
        Stand {
            query,
            segment,
            found: score.zip(place),
            enters: enters.unwrap_or(u32::MAX),
        }
    }

    /// The line of time of a source, and the moment on it at this media time.
    fn moment(&mut self, source: &Source, ms: u64) -> (usize, i64) {
        let (name, start) = match source.start_utc_ms {
            Some(start) => (WALL, start),
            None => (&*source.state.source, 0),
        };
        let moment = start.saturating_add_unsigned(ms);
        let known = self.line_numbers.get(name).copied();
        let line = known.unwrap_or_else(|| {
            self.line_numbers.insert(name.to_owned(), self.lines.len());
            self.lines.push((name.to_owned(), moment));
            self.lines.len() - 1
        });
        self.lines[line].1 = self.lines[line].1.max(moment);
        (line, moment)
    }

    /// What was seen when, in how many segments: of all hours that a filter touches.
    pub(super) fn seen(&self, sources: &[Source], filter: &Filter) -> Vec<Seen> {
        let counts = self.counts.iter();
        let seen = counts.filter_map(|(sighting, segments)| {
            let source = &sources[sighting.source as usize];
            let hour = touched(sighting.hour, source, filter)?;
            Some(Seen {
                source: source.state.source.clone(),
                hour,
                what: self.words.word(sighting.what)?.clone(),
                segments: *segments,
            })
        });
        let mut seen: Vec<_> = seen.collect();
        seen.sort();
        seen
    }
}

/// An hour of a source by its number, if a filter touches it.
fn touched(number: i64, source: &Source, filter: &Filter) -> Option<Hour> {
    let span = filter
        .names(&source.state.source)
        .then(|| filter.span(source.start_utc_ms))??;
    let begins = number * HOUR_MS - source.start_utc_ms.unwrap_or(0);
    let media = |ms: i64| u64::try_from(ms).unwrap_or(0);
    let touched = span.admits(media(begins), media(begins + HOUR_MS));
    touched.then_some(match source.start_utc_ms {
        Some(_) => Hour::Wall(number),
        None => Hour::Media(number.unsigned_abs()),
    })
}

impl Segments {
    /// In how many segments of each source each concept is seen.
    pub(super) fn totals(&self, sources: &[Source]) -> BTreeMap<(String, String), u64> {
        let totals = self.totals.iter().filter_map(|((source, what), total)| {
            let What::Concept(concept) = self.words.word(*what)? else {
                return None;
            };
            let source = &sources[*source as usize].state.source;
            Some(((source.clone(), concept.clone()), *total))
        });
        totals.collect()
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
        let (line, moment) = self.moment(place, end_ms);
        let hour = Hour::of(place.start_utc_ms, start_ms).number();
        let answers: Vec<(String, String)> = from_json(row, 6)?;
        let words = self.words.of(row.get_ref(5)?.as_str()?, &answers);
        let seen = words.into_iter().map(|what| Sighting {
            source: source as u32,
            hour,
            what,
        });
        let mut segment = Segment {
            source,
            start_ms,
            end_ms,
            line,
            moment,
            seen: seen.collect(),
            scores: Vec::new(),
        };
        for seen in &segment.seen {
            self.standing.sighting(*seen, 1);
        }
        let likely = self.weigh(self.queries.keys(), place, row)?;
        self.take(id, &mut segment, likely);
        self.segments.insert(id, segment);
        Ok(())
    }

    fn leave(&mut self, id: i64) {
        let Some(gone) = self.segments.remove(&id) else {
            return;
        };
        for seen in &gone.seen {
            self.standing.sighting(*seen, -1);
            self.words.leave(seen.what);
        }
        for (query, score) in gone.scores {
            let spec = &self.queries[&query].query.spec;
            if let Some(seconds) = spec.within_seconds {
                let end = gone.moment.saturating_add_unsigned(seconds * 1000);
                self.ends.remove(&(gone.line, end, query, id));
            }
            let candidate = Candidate {
                query,
                keep: spec.best,
                score,
                segment: id.cast_unsigned(),
            };
            self.standing.candidate(candidate, -1);
        }
    }

    fn leave_source(&mut self, source: usize) {
        let of = |(id, segment): (&i64, &Segment)| (segment.source == source).then_some(*id);
        let gone: Vec<i64> = self.segments.iter().filter_map(of).collect();
        gone.into_iter().for_each(|id| self.leave(id));
    }

    fn clear(&mut self) {
        let all: Vec<i64> = self.segments.keys().copied().collect();
        all.into_iter().for_each(|id| self.leave(id));
        self.names.clear();
    }
}
