//! Numbers that identify the sources and nodes of a run; the engine knows their names.

use std::fmt;

use serde::Serialize;

/// Identifies a source within one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct SourceId {
    /// Index of the source in the plan.
    pub planned: u32,
    /// Number of the recording within a folder source; 0 for any other source.
    pub recording: u32,
}

impl SourceId {
    /// Returns the id of a source that is listed in the plan itself.
    pub const fn new(planned: u32) -> Self {
        Self {
            planned,
            recording: 0,
        }
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.recording {
            0 => write!(f, "{}", self.planned),
            recording => write!(f, "{}.{recording}", self.planned),
        }
    }
}

/// Identifies a node of the plan, so that shared results find the branch that asked for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct NodeId(pub usize);
