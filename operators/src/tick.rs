//! The timestamp of the graph: the order of taking in, within a lane only.
//!
//! `(lane, n)` is comparable with another tick of the same lane and with the one minimum below all. So the frontier
//! holds one element for each lane that is still open, and a source that stands still holds back nobody else.
//!
//! A lane carries one source after another, each from its first record to its end. A live source has a lane of its own;
//! recordings take turns in a few, so that there may be any number of them, and more may come while the graph runs.
//! Ticks are not media times: those ride in the data.

use serde::{Deserialize, Serialize};
use timely::{
    PartialOrder,
    progress::{PathSummary, Timestamp, timestamp::Refines},
};

/// A way into the graph on which one source follows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub u32);

/// A timestamp: the minimum, or the n-th record of a lane.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tick(Option<(u32, u64)>);

impl Tick {
    /// The tick of a lane's n-th record.
    pub const fn at(lane: Lane, n: u64) -> Self {
        Self(Some((lane.0, n)))
    }

    /// The lane, unless this is the minimum.
    pub fn lane(self) -> Option<Lane> {
        self.0.map(|(lane, _)| Lane(lane))
    }
}

impl PartialOrder for Tick {
    fn less_equal(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (None, _) => true,
            (Some((a, n)), Some((b, m))) => a == b && n <= m,
            (Some(_), None) => false,
        }
    }
}

/// What a path through the graph does to a tick: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unchanged;

impl PartialOrder for Unchanged {
    fn less_equal(&self, _: &Self) -> bool {
        true
    }
}

impl PathSummary<Tick> for Unchanged {
    fn results_in(&self, tick: &Tick) -> Option<Tick> {
        Some(*tick)
    }

    fn followed_by(&self, _: &Self) -> Option<Self> {
        Some(Self)
    }
}

impl Timestamp for Tick {
    type Summary = Unchanged;

    fn minimum() -> Self {
        Self(None)
    }
}

impl Refines<()> for Tick {
    fn to_inner((): ()) -> Self {
        Self(None)
    }

    fn to_outer(self) {}

    fn summarize(_: Unchanged) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ordered_within_a_lane_only() {
        let (a, b, later) = (
            Tick::at(Lane(0), 3),
            Tick::at(Lane(1), 3),
            Tick::at(Lane(0), 4),
        );
        assert!(a.less_equal(&later) && !later.less_equal(&a));
        assert!(!a.less_equal(&b) && !b.less_equal(&a));
        assert!(Tick::minimum().less_equal(&a) && !a.less_equal(&Tick::minimum()));
    }
}
