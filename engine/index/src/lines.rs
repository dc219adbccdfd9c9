//! Lines of time on which the spans of standing queries count back: one for all sources whose start is known, and one for each other.
//!
//! Invariant: the newest moment of a line never goes back while it is there, and the line of the clock on the wall is not ahead of
//! that clock, even if a clock was wrong once.

use std::collections::{BTreeSet, HashMap};

use super::follow::Source;

/// The line of all sources whose start is known; each other is named after its source.
const WALL: &str = "";

/// Where a segment stands in time: the number of its line, and the milliseconds on it.
pub(super) type Point = (usize, i64);

/// All lines.
#[derive(Default)]
pub(super) struct Lines {
    /// Each with its newest moment.
    newest: Vec<(String, i64)>,
    numbers: HashMap<String, usize>,
    /// Those whose newest moment is not kept yet.
    moved: BTreeSet<String>,
    now: i64,
}

impl Lines {
    /// Takes up lines that were kept.
    pub(super) fn take_up(&mut self, kept: Vec<(String, i64)>) {
        let names = kept.iter().map(|(line, _)| line.clone());
        self.numbers = names.zip(0..).collect();
        self.newest = kept;
    }

    /// What is to be kept of them: those that moved since all was kept, and those that are no more.
    pub(super) fn moved(&self) -> Vec<(String, Option<i64>)> {
        let now = |line: &String| {
            (
                line.clone(),
                self.numbers.get(line).map(|at| self.newest[*at].1),
            )
        };
        self.moved.iter().map(now).collect()
    }

    /// Says that all of them are kept as they are now.
    pub(super) fn set_kept(&mut self) {
        self.moved.clear();
    }

    /// Lets go of a source's own line, with which all of its segments go: whatever has its name next may be something else.
    pub(super) fn leave(&mut self, source: &str) {
        if self.numbers.remove(source).is_some() {
            self.moved.insert(source.to_owned());
        }
    }

    /// Forgets the numbers of lines, when no segment is left that has one.
    pub(super) fn renumber(&mut self) {
        let there = |(name, newest): (String, usize)| (name, self.newest[newest].1);
        let kept = std::mem::take(&mut self.numbers).into_iter().map(there);
        let kept = kept.collect();
        self.take_up(kept);
    }

    /// Says what the clock says, in milliseconds since 1970.
    pub(super) fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    /// The moment of a source at a media time, which is there now.
    pub(super) fn reach(&mut self, source: &Source, ms: u64) -> Point {
        let (name, start) = match source.start_utc_ms {
            Some(start) => (WALL, start),
            None => (&*source.state.source, 0),
        };
        let moment = start.saturating_add_unsigned(ms);
        let known = self.numbers.get(name).copied();
        let line = known.unwrap_or_else(|| {
            self.numbers.insert(name.to_owned(), self.newest.len());
            self.newest.push((name.to_owned(), i64::MIN));
            self.newest.len() - 1
        });
        let newest = &mut self.newest[line].1;
        if moment > *newest {
            *newest = moment;
            self.moved.insert(name.to_owned());
        }
        (line, moment)
    }

    /// The newest moment of a line.
    pub(super) fn newest(&self, line: usize) -> i64 {
        let (name, newest) = &self.newest[line];
        match name == WALL {
            true => self.now.min(*newest),
            false => *newest,
        }
    }

    /// The newest moment of each line.
    pub(super) fn each(&self) -> impl Iterator<Item = Point> {
        (0..self.newest.len()).map(|line| (line, self.newest(line)))
    }
}
