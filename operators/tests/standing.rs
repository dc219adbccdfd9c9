//! The maintained matches and counts equal those of a plain model after each of 2,000 changes, with one worker and with
//! two.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, mpsc},
    thread,
};

use atom_operators::standing::dataflow::{
    Candidate, Sighting, StandingChanges, StandingDataflow, StandingWorker,
};

const CHANGES: usize = 2000;

/// One change, as it goes into the dataflow.
type Change = (Vec<(Candidate, isize)>, Vec<(Sighting, isize)>);

/// A query: its number, and the number of matches that it keeps.
type Query = (u64, u32);

/// The plain model: all segments and queries.
#[derive(Default)]
struct Model {
    /// Segments by number, with the number of their corrections.
    segments: BTreeMap<u64, u64>,
    queries: BTreeSet<Query>,
}

impl Model {
    /// A score that looks random; many are equal, so that ties count.
    fn score(query: u64, segment: u64, corrected: u64) -> u32 {
        let mixed = (query << 40 ^ segment << 8 ^ corrected).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 58) as u32
    }

    fn candidate((query, keep): Query, segment: u64, corrected: u64) -> Candidate {
        let score = Self::score(query, segment, corrected);
        Candidate {
            query,
            keep,
            score,
            segment,
        }
    }

    fn sightings(segment: u64, corrected: u64) -> [Sighting; 2] {
        let of = |concept| Sighting {
            source: (segment % 3) as u32,
            hour: segment as i64 / 50,
            concept,
        };
        [of((corrected % 4) as u32), of(9)]
    }

    /// Returns the updates that add or remove a segment.
    fn segment(&self, segment: u64, corrected: u64, change: isize) -> Change {
        let candidate = |query: &Query| (Self::candidate(*query, segment, corrected), change);
        let seen = Self::sightings(segment, corrected).map(|seen| (seen, change));
        (self.queries.iter().map(candidate).collect(), seen.to_vec())
    }

    fn query(&self, query: Query, change: isize) -> Change {
        let segments = self.segments.iter();
        let of = segments.map(|(segment, corrected)| Self::candidate(query, *segment, *corrected));
        (
            of.map(|candidate| (candidate, change)).collect(),
            Vec::new(),
        )
    }

    /// Makes a random change.
    fn step(&mut self, chance: &mut fastrand::Rng, next: &mut u64) -> Change {
        *next += 1;
        match chance.u8(0..20) {
            0 => {
                let query = (*next, chance.u32(1..6));
                self.queries.insert(query);
                self.query(query, 1)
            }
            1 if self.queries.len() > 4 => {
                let gone = *chance.choice(&self.queries).unwrap();
                self.queries.remove(&gone);
                self.query(gone, -1)
            }
            2..6 if !self.segments.is_empty() => {
                let (segment, corrected) = chance.choice(&self.segments).unwrap();
                let (segment, corrected) = (*segment, *corrected);
                let (mut best, mut seen) = self.segment(segment, corrected, -1);
                self.segments.insert(segment, corrected + 1);
                let again = self.segment(segment, corrected + 1, 1);
                best.extend(again.0);
                seen.extend(again.1);
                (best, seen)
            }
            6..11 if self.segments.len() > 100 => {
                let (segment, corrected) = chance.choice(&self.segments).unwrap();
                let (segment, corrected) = (*segment, *corrected);
                self.segments.remove(&segment);
                self.segment(segment, corrected, -1)
            }
            _ => {
                self.segments.insert(*next, 0);
                self.segment(*next, 0, 1)
            }
        }
    }

    /// Returns the best of each query, by sorting everything.
    fn best(&self) -> BTreeSet<Candidate> {
        let of = |query: &Query| {
            let segments = self.segments.iter();
            let mut all: Vec<_> = segments
                .map(|(segment, corrected)| Self::candidate(*query, *segment, *corrected))
                .collect();
            all.sort_by_key(|candidate| (u32::MAX - candidate.score, candidate.segment));
            all.truncate(query.1 as usize);
            all
        };
        self.queries.iter().flat_map(of).collect()
    }

    fn counts(&self) -> BTreeMap<Sighting, isize> {
        let mut counts = BTreeMap::new();
        for (segment, corrected) in &self.segments {
            for seen in Self::sightings(*segment, *corrected) {
                *counts.entry(seen).or_default() += 1;
            }
        }
        counts
    }
}

/// The sum of all changes that came out.
#[derive(Default)]
struct Added {
    best: BTreeMap<Candidate, isize>,
    counts: BTreeMap<Sighting, isize>,
}

impl Added {
    fn add(&mut self, changes: StandingChanges) {
        for (candidate, change) in changes.matches {
            *self.best.entry(candidate).or_default() += change;
        }
        self.best.retain(|_, times| *times != 0);
        self.counts.extend(changes.counts);
        self.counts.retain(|_, count| *count != 0);
    }

    fn check(&self, expected: &(BTreeSet<Candidate>, BTreeMap<Sighting, isize>), step: usize) {
        assert!(self.best.values().all(|times| *times == 1), "step {step}");
        let best: BTreeSet<_> = self.best.keys().copied().collect();
        assert_eq!(best, expected.0, "step {step}");
        assert_eq!(self.counts, expected.1, "step {step}");
    }
}

/// The changes of a script, and what must hold after each.
type Expected = (BTreeSet<Candidate>, BTreeMap<Sighting, isize>);

fn script(seed: u64) -> Vec<(Change, Expected)> {
    let (mut model, mut chance, mut next) = (Model::default(), fastrand::Rng::with_seed(seed), 0);
    let step = |_| {
        let change = model.step(&mut chance, &mut next);
        (change, (model.best(), model.counts()))
    };
    (0..CHANGES).map(step).collect()
}

#[test]
fn one_worker_agrees_with_a_plain_model_after_each_change() {
    let (mut standing, mut added) = (StandingWorker::default(), Added::default());
    for (step, ((best, seen), expected)) in script(7).into_iter().enumerate() {
        best.into_iter()
            .for_each(|(c, n)| standing.update_candidate(c, n));
        seen.into_iter()
            .for_each(|(s, n)| standing.update_sighting(s, n));
        added.add(standing.advance());
        added.check(&expected, step);
    }
    assert!(added.best.len() > 10 && added.counts.len() > 10);
}

#[test]
fn two_workers_agree_with_a_plain_model_after_each_change() {
    let script = Arc::new(script(8));
    let (out, changes) = mpsc::channel();
    let given = Arc::clone(&script);
    let working = thread::spawn(move || {
        timely::execute(timely::Config::process(2), move |worker| {
            let mut dataflow = StandingDataflow::new(worker);
            for (step, ((best, seen), _)) in given.iter().enumerate() {
                // Each worker inserts half of it; where it is kept does not matter.
                let mine = |n: usize| n % 2 == worker.index();
                let best = best.iter().enumerate().filter(|(n, _)| mine(*n));
                best.for_each(|(_, (c, n))| dataflow.update_candidate(*c, *n));
                let seen = seen.iter().enumerate().filter(|(n, _)| mine(*n));
                seen.for_each(|(_, (s, n))| dataflow.update_sighting(*s, *n));
                out.send((step, dataflow.advance(worker))).unwrap();
            }
        })
        .unwrap()
        .join();
    });
    let mut parts: BTreeMap<usize, Vec<StandingChanges>> = BTreeMap::new();
    let mut added = Added::default();
    for (step, (_, expected)) in script.iter().enumerate() {
        while parts.get(&step).is_none_or(|parts| parts.len() < 2) {
            let (step, part) = changes
                .recv_timeout(std::time::Duration::from_secs(120))
                .unwrap();
            parts.entry(step).or_default().push(part);
        }
        parts
            .remove(&step)
            .unwrap()
            .into_iter()
            .for_each(|part| added.add(part));
        added.check(expected, step);
    }
    working.join().unwrap();
}
