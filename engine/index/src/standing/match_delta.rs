//! The difference between the stored matches and the best segments, as the maintainer computes it.

use super::matches::SegmentSpan;

/// The current state of a segment among the best of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MatchState {
    pub(super) query: u64,
    /// The segment's row id.
    pub(super) segment: i64,
    /// Its score in millionths and its span; `None` if it is not among the best.
    pub(super) best: Option<(u32, SegmentSpan)>,
    /// A segment below this score does not become a match.
    pub(super) enter_score: u32,
}

/// The change of rows and the revision of queries that a set of matches reflects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MatchVersion {
    pub(super) change: i64,
    pub(super) revision: i64,
}

impl MatchVersion {
    /// Returns true if it includes everything of `other`.
    pub(super) fn covers(self, other: Self) -> bool {
        self.change >= other.change && self.revision >= other.revision
    }
}

/// A change of the stored matches from one version to another.
pub(super) struct MatchDelta<'d> {
    /// The version that the stored matches are expected to have; `None` to replace all of them.
    pub(super) from: Option<MatchVersion>,
    /// The version that they get.
    pub(super) to: MatchVersion,
    /// The states that changed since `from`; without `from`, all of the best.
    pub(super) states: Vec<MatchState>,
    /// Timelines whose watermark moved, or, with `None`, that were removed.
    pub(super) watermarks: Vec<(String, Option<i64>)>,
    /// Returns true if the rows of a pack can be scored; matches of other packs are left as they are.
    pub(super) can_score: &'d dyn Fn(&str) -> bool,
}

/// The outcome of applying a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApplyOutcome {
    /// The stored matches have the new version.
    Applied,
    /// Another program has changed them: apply a delta without `from`.
    NeedsFull,
    /// Another program is further ahead; there is nothing to do until this one has caught up.
    Behind,
}
