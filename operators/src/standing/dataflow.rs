//! The differential dataflow that maintains the best matches of standing queries and the counts of concepts.
//!
//! It is a second dataflow beside the graph of a run: additions and removals go in, and the additions and removals that
//! follow come out. Its time is a total order with one step for each [`StandingDataflow::advance`]; it knows no wall
//! time, text or vector. Scores are computed outside, since a reduce reads its whole group again whenever something in
//! the group changes. For the same reason the best matches are found by a tree of reduces over small groups.
//! Invariant: the changes that came out add up to exactly the best of the changes that went in, whatever their order.

use std::{cell::RefCell, cmp::Reverse, collections::BTreeMap, rc::Rc};

use differential_dataflow::{VecCollection, input::InputSession, operators::CountTotal};
use serde::{Deserialize, Serialize};
use timely::{
    communication::{Allocator, allocator::thread::Thread},
    dataflow::ProbeHandle,
    worker::{Config, Worker},
};

/// Numbers of groups for each query on the lower two levels of the tree. With 100,000 segments a group holds 200 of
/// them, or 32 times as many as a query keeps.
const GROUPS: [u64; 2] = [512, 16];

/// A segment that may be among the best matches of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// Number of the query.
    pub query: u64,
    /// Number of matches that the query keeps.
    pub keep: u32,
    /// Probability that the query is true of the segment, in millionths.
    pub score: u32,
    /// Number of the segment. Of two equal scores the lower number is better, so that a newcomer displaces nothing.
    pub segment: u64,
}

/// A concept in an hour of a source, as numbers that represent names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sighting {
    /// The source.
    pub source: u32,
    /// The hour.
    pub hour: i64,
    /// The concept.
    pub concept: u32,
}

/// The changes that follow from the inputs since the last step.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StandingChanges {
    /// Candidates that became one of the best of their query (1), or ceased to be (-1).
    pub matches: Vec<(Candidate, isize)>,
    /// Current numbers of segments with a sighting, where they changed.
    pub counts: Vec<(Sighting, isize)>,
}

type Input<D> = InputSession<u64, D, isize>;
type Output<D> = Rc<RefCell<Vec<(D, isize)>>>;

/// The dataflow in a timely worker; with several workers, one in each.
pub struct StandingDataflow {
    candidates: Input<Candidate>,
    sightings: Input<Sighting>,
    matches: Output<Candidate>,
    counts: Output<(Sighting, isize)>,
    probe: ProbeHandle<u64>,
    step: u64,
}

impl StandingDataflow {
    /// Builds the dataflow in a worker.
    pub fn new(worker: &mut Worker) -> Self {
        let mut dataflow = Self {
            candidates: Input::new(),
            sightings: Input::new(),
            matches: Output::default(),
            counts: Output::default(),
            probe: ProbeHandle::new(),
            step: 0,
        };
        let (matches, counts) = (Rc::clone(&dataflow.matches), Rc::clone(&dataflow.counts));
        worker.dataflow(|scope| {
            best(dataflow.candidates.to_collection(scope))
                .inspect(move |(found, _, diff)| matches.borrow_mut().push((*found, *diff)))
                .probe_with(&dataflow.probe);
            dataflow
                .sightings
                .to_collection(scope)
                .count_total()
                .inspect(move |(count, _, diff)| counts.borrow_mut().push((*count, *diff)))
                .probe_with(&dataflow.probe);
        });
        dataflow
    }

    /// Adds a candidate (1) or removes it (-1).
    pub fn update_candidate(&mut self, candidate: Candidate, diff: isize) {
        self.candidates.update(candidate, diff);
    }

    /// Adds a sighting (1) or removes it (-1).
    pub fn update_sighting(&mut self, sighting: Sighting, diff: isize) {
        self.sightings.update(sighting, diff);
    }

    /// Processes all updates since the last step. With several workers each must call it, and gets its part.
    pub fn advance(&mut self, worker: &mut Worker) -> StandingChanges {
        self.step += 1;
        self.candidates.advance_to(self.step);
        self.candidates.flush();
        self.sightings.advance_to(self.step);
        self.sightings.flush();
        while self.probe.less_than(&self.step) {
            worker.step_or_park(None);
        }
        let counts = self.counts.borrow_mut().split_off(0);
        StandingChanges {
            matches: self.matches.borrow_mut().split_off(0),
            counts: current_counts(counts),
        }
    }
}

/// Returns the best candidates of each query.
fn best<'s>(candidates: VecCollection<'s, u64, Candidate>) -> VecCollection<'s, u64, Candidate> {
    let [fine, coarse] = GROUPS;
    let best = best_of_groups(candidates, fine);
    let best = best_of_groups(best, coarse);
    best_of_groups(best, 1)
}

/// Returns the best candidates of each query in each of `groups` groups.
fn best_of_groups<'s>(
    candidates: VecCollection<'s, u64, Candidate>,
    groups: u64,
) -> VecCollection<'s, u64, Candidate> {
    candidates
        .map(move |candidate| {
            let group = (candidate.query, candidate.keep, candidate.segment % groups);
            (group, (Reverse(candidate.score), candidate.segment))
        })
        .reduce_named("Best", |(_, keep, _), candidates, best| {
            let first = candidates.iter().take(*keep as usize);
            best.extend(first.map(|(candidate, _)| (**candidate, 1)));
        })
        .map(|((query, keep, _), (Reverse(score), segment))| Candidate {
            query,
            keep,
            score,
            segment,
        })
}

/// Returns the current counts: those that were added, and zero for those that were only removed.
fn current_counts(mut changes: Vec<((Sighting, isize), isize)>) -> Vec<(Sighting, isize)> {
    // Removals first, so that an addition overrides them.
    changes.sort_by_key(|(_, diff)| *diff);
    let mut counts = BTreeMap::new();
    for ((sighting, count), diff) in changes {
        counts.insert(sighting, if diff > 0 { count } else { 0 });
    }
    counts.into_iter().collect()
}

/// The dataflow with a worker of its own, on the current thread.
///
/// ```
/// use atom_operators::standing::dataflow::{Candidate, StandingWorker};
///
/// let candidate = |segment, score| Candidate { query: 1, keep: 1, score, segment };
/// let mut standing = StandingWorker::default();
/// standing.update_candidate(candidate(7, 400_000), 1);
/// assert_eq!(standing.advance().matches, [(candidate(7, 400_000), 1)]);
///
/// // A better one takes its place.
/// standing.update_candidate(candidate(8, 900_000), 1);
/// let mut changes = standing.advance().matches;
/// changes.sort();
/// assert_eq!(changes, [(candidate(7, 400_000), -1), (candidate(8, 900_000), 1)]);
/// ```
pub struct StandingWorker {
    dataflow: StandingDataflow,
    worker: Worker,
}

impl Default for StandingWorker {
    fn default() -> Self {
        let thread = Allocator::Thread(Thread::default());
        let mut worker = Worker::new(Config::default(), thread, None);
        Self {
            dataflow: StandingDataflow::new(&mut worker),
            worker,
        }
    }
}

impl StandingWorker {
    /// Adds a candidate (1) or removes it (-1).
    pub fn update_candidate(&mut self, candidate: Candidate, diff: isize) {
        self.dataflow.update_candidate(candidate, diff);
    }

    /// Adds a sighting (1) or removes it (-1).
    pub fn update_sighting(&mut self, sighting: Sighting, diff: isize) {
        self.dataflow.update_sighting(sighting, diff);
    }

    /// Processes all updates since the last step.
    pub fn advance(&mut self) -> StandingChanges {
        self.dataflow.advance(&mut self.worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(segment: u64, score: u32) -> Candidate {
        Candidate {
            query: 1,
            keep: 2,
            score,
            segment,
        }
    }

    fn matches(changes: StandingChanges) -> Vec<(u64, isize)> {
        let mut matches: Vec<_> = changes
            .matches
            .into_iter()
            .map(|(candidate, diff)| (candidate.segment, diff))
            .collect();
        matches.sort_unstable();
        matches
    }

    #[test]
    fn the_next_best_replaces_a_match_that_is_removed() {
        let mut standing = StandingWorker::default();
        for (segment, score) in [(1, 500), (2, 900), (3, 700), (4, 700)] {
            standing.update_candidate(candidate(segment, score), 1);
        }
        assert_eq!(matches(standing.advance()), [(2, 1), (3, 1)]);
        standing.update_candidate(candidate(2, 900), -1);
        assert_eq!(matches(standing.advance()), [(2, -1), (4, 1)]);
        standing.update_candidate(candidate(9, 600), 1);
        assert_eq!(standing.advance(), StandingChanges::default());
    }

    #[test]
    fn changed_counts_are_reported_with_their_current_value() {
        let mut standing = StandingWorker::default();
        let door = Sighting {
            source: 0,
            hour: 7,
            concept: 3,
        };
        standing.update_sighting(door, 1);
        standing.update_sighting(door, 1);
        assert_eq!(standing.advance().counts, [(door, 2)]);
        standing.update_sighting(door, -1);
        assert_eq!(standing.advance().counts, [(door, 1)]);
        standing.update_sighting(door, -1);
        assert_eq!(standing.advance().counts, [(door, 0)]);
    }
}
