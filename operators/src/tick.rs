//! The timestamp of the graph: the order of taking in, within a source only.
//!
//! `(source, n)` is comparable with another tick of the same source and with the one minimum below all. So the frontier
//! holds one element for each source that is still open, and a source that stands still holds back nobody else.
//! Ticks are not media times: those ride in the data.

use serde::{Deserialize, Serialize};
use timely::{
    PartialOrder,
    progress::{PathSummary, Timestamp, timestamp::Refines},
};

use crate::data::SourceId;

/// A timestamp: the minimum, or the n-th record of a source.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tick(Option<(u32, u64)>);

impl Tick {
    /// The tick of a source's n-th record.
    pub const fn at(source: SourceId, n: u64) -> Self {
        Self(Some((source.0, n)))
    }

    /// The source, unless this is the minimum.
    pub fn source(self) -> Option<SourceId> {
        self.0.map(|(source, _)| SourceId(source))
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
    fn is_ordered_within_a_source_only() {
        let (a, b, later) = (
            Tick::at(SourceId(0), 3),
            Tick::at(SourceId(1), 3),
            Tick::at(SourceId(0), 4),
        );
        assert!(a.less_equal(&later) && !later.less_equal(&a));
        assert!(!a.less_equal(&b) && !b.less_equal(&a));
        assert!(Tick::minimum().less_equal(&a) && !a.less_equal(&Tick::minimum()));
    }
}
