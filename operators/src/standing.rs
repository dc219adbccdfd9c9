//! Keeps the best matches of standing queries, and counts of what was seen, up to date while segments come, change and go.
//!
//! A second dataflow beside the graph of a run, of differential dataflow: what goes in are additions and removals, what comes out
//! are the additions and removals that follow. Its time is a total order, one moment for each [`Graph::settle`]; it knows
//! no wall time, no text and no vector. Scores are computed outside, since a reduce reads its whole group again whenever
//! something in it changes; for the same reason the best are found in a tree of reduces, each group of which is small.
//! Invariant: what has come out adds up to exactly the best of what has gone in, whatever the order.

use std::{cell::RefCell, cmp::Reverse, rc::Rc};

use differential_dataflow::{VecCollection, input::InputSession, operators::CountTotal};
use serde::{Deserialize, Serialize};
use timely::{
    communication::{Allocator, allocator::thread::Thread},
    dataflow::ProbeHandle,
    worker::{Config, Worker},
};

/// Groups of the lower two levels of the tree, of each query. With 100,000 segments a group has 200 of them, or 32 times as
/// many as a query keeps.
const GROUPS: [u64; 2] = [512, 16];

/// A segment that may be among the best of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// The query's number.
    pub query: u64,
    /// How many the query keeps.
    pub keep: u32,
    /// How likely the query is true of the segment, in millionths.
    pub score: u32,
    /// The segment's number. Of two equal scores that with the lower number is better: who comes later drives nobody out.
    pub segment: u64,
}

/// Something that was seen in a segment, by numbers that stand for words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sighting {
    /// Where.
    pub source: u32,
    /// In which hour.
    pub hour: i64,
    /// What.
    pub what: u32,
}

/// What follows from what went in since the last time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Candidates that are among the best of their query now (1), or are no longer (-1).
    pub best: Vec<(Candidate, isize)>,
    /// In how many segments something is seen now.
    pub counts: Vec<(Sighting, isize)>,
}

type Session<D> = InputSession<u64, D, isize>;
type Changes<D> = Rc<RefCell<Vec<(D, isize)>>>;

/// The dataflow, in one of its workers.
pub struct Graph {
    candidates: Session<Candidate>,
    sightings: Session<Sighting>,
    best: Changes<Candidate>,
    counts: Changes<(Sighting, isize)>,
    probe: ProbeHandle<u64>,
    moment: u64,
}

impl Graph {
    /// Builds it in a worker; in each, if there are several.
    pub fn new(worker: &mut Worker) -> Self {
        let mut graph = Self {
            candidates: Session::new(),
            sightings: Session::new(),
            best: Changes::default(),
            counts: Changes::default(),
            probe: ProbeHandle::new(),
            moment: 0,
        };
        let (best_out, counts_out) = (Rc::clone(&graph.best), Rc::clone(&graph.counts));
        worker.dataflow(|scope| {
            best(graph.candidates.to_collection(scope))
                .inspect(move |(found, _, change)| best_out.borrow_mut().push((*found, *change)))
                .probe_with(&graph.probe);
            graph
                .sightings
                .to_collection(scope)
                .count_total()
                .inspect(move |(count, _, change)| counts_out.borrow_mut().push((*count, *change)))
                .probe_with(&graph.probe);
        });
        graph
    }

    /// Adds a candidate (1) or takes one back (-1).
    pub fn candidate(&mut self, candidate: Candidate, change: isize) {
        self.candidates.update(candidate, change);
    }

    /// Adds a sighting (1) or takes one back (-1).
    pub fn sighting(&mut self, sighting: Sighting, change: isize) {
        self.sightings.update(sighting, change);
    }

    /// Lets everything that went in take effect. With several workers each must call it, and gets its part.
    pub fn settle(&mut self, worker: &mut Worker) -> Settled {
        self.moment += 1;
        self.candidates.advance_to(self.moment);
        self.candidates.flush();
        self.sightings.advance_to(self.moment);
        self.sightings.flush();
        while self.probe.less_than(&self.moment) {
            worker.step_or_park(None);
        }
        let counts = self.counts.borrow_mut().split_off(0);
        Settled {
            best: self.best.borrow_mut().split_off(0),
            counts: current(counts),
        }
    }
}

/// The best of each query.
fn best<'s>(candidates: VecCollection<'s, u64, Candidate>) -> VecCollection<'s, u64, Candidate> {
    let [fine, coarse] = GROUPS;
    let best = of_groups(candidates, fine);
    let best = of_groups(best, coarse);
    of_groups(best, 1)
}

/// The best of each query in each of so many groups.
fn of_groups<'s>(
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

/// What is counted now: the additions, and nothing for what was only removed.
fn current(mut changes: Vec<((Sighting, isize), isize)>) -> Vec<(Sighting, isize)> {
    // Removals first, so that an addition is the last word on what was seen.
    changes.sort_by_key(|(_, change)| *change);
    let mut counts = std::collections::BTreeMap::new();
    for ((seen, count), change) in changes {
        counts.insert(seen, if change > 0 { count } else { 0 });
    }
    counts.into_iter().collect()
}

/// The dataflow with a worker of its own, on the thread that has it.
pub struct Standing {
    graph: Graph,
    worker: Worker,
}

impl Default for Standing {
    fn default() -> Self {
        let alone = Allocator::Thread(Thread::default());
        let mut worker = Worker::new(Config::default(), alone, None);
        Self {
            graph: Graph::new(&mut worker),
            worker,
        }
    }
}

impl Standing {
    /// Adds a candidate (1) or takes one back (-1).
    pub fn candidate(&mut self, candidate: Candidate, change: isize) {
        self.graph.candidate(candidate, change);
    }

    /// Adds a sighting (1) or takes one back (-1).
    pub fn sighting(&mut self, sighting: Sighting, change: isize) {
        self.graph.sighting(sighting, change);
    }

    /// Lets everything that went in take effect.
    pub fn settle(&mut self) -> Settled {
        self.graph.settle(&mut self.worker)
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

    fn best(settled: Settled) -> Vec<(u64, isize)> {
        let mut best: Vec<_> = settled
            .best
            .into_iter()
            .map(|(c, n)| (c.segment, n))
            .collect();
        best.sort_unstable();
        best
    }

    #[test]
    fn the_next_best_takes_the_place_of_one_that_goes() {
        let mut standing = Standing::default();
        for (segment, score) in [(1, 500), (2, 900), (3, 700), (4, 700)] {
            standing.candidate(candidate(segment, score), 1);
        }
        assert_eq!(best(standing.settle()), [(2, 1), (3, 1)]);
        standing.candidate(candidate(2, 900), -1);
        assert_eq!(best(standing.settle()), [(2, -1), (4, 1)]);
        standing.candidate(candidate(9, 600), 1);
        assert_eq!(standing.settle(), Settled::default());
    }

    #[test]
    fn counts_are_told_as_they_are_now() {
        let (mut standing, door) = (
            Standing::default(),
            Sighting {
                source: 0,
                hour: 7,
                what: 3,
            },
        );
        standing.sighting(door, 1);
        standing.sighting(door, 1);
        assert_eq!(standing.settle().counts, [(door, 2)]);
        standing.sighting(door, -1);
        assert_eq!(standing.settle().counts, [(door, 1)]);
        standing.sighting(door, -1);
        assert_eq!(standing.settle().counts, [(door, 0)]);
    }
}
