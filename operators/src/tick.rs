//! The graph's timestamp: order of intake, within one partition only.
//!
//! A tick is `(partition, n)`. It is comparable with ticks of the same partition and with the one minimum below all of
//! them. So the frontier holds one element for each open partition, and an idle source delays no other source.
//!
//! A partition carries one source after another, each from its first record to its end. A live source has a partition
//! of its own; recordings share a few, so that there can be any number of them and more can arrive while the graph runs.
//! Ticks are not media times: those are part of the data.

use serde::{Deserialize, Serialize};
use timely::{
    PartialOrder,
    order::Product,
    progress::{PathSummary, Timestamp, timestamp::Refines},
};

/// An input of the graph on which one source follows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u32);

/// A timestamp: the minimum, or the n-th record of a partition.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tick(Option<(u32, u64)>);

impl Tick {
    /// Returns the tick of a partition's n-th record.
    pub const fn new(partition: Partition, n: u64) -> Self {
        Self(Some((partition.0, n)))
    }

    /// Returns the partition, or `None` for the minimum.
    pub fn partition(self) -> Option<Partition> {
        self.0.map(|(partition, _)| Partition(partition))
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

/// The time inside the decode loop: a tick and the number of the pass.
pub(crate) type Pass = Product<Tick, u64>;

/// The path summary of a tick: no path through the graph changes it.
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
    fn ticks_are_ordered_within_a_partition_only() {
        let (a, b, later) = (
            Tick::new(Partition(0), 3),
            Tick::new(Partition(1), 3),
            Tick::new(Partition(0), 4),
        );
        assert!(a.less_equal(&later) && !later.less_equal(&a));
        assert!(!a.less_equal(&b) && !b.less_equal(&a));
        assert!(Tick::minimum().less_equal(&a) && !a.less_equal(&Tick::minimum()));
    }
}
