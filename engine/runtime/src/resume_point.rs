//! The point at which a source starts in a run, and the key under which its rows are stored.

use std::collections::BTreeMap;

use atom_operators::{ids::NodeId, media_time::MediaTime};
use jiff::Timestamp;

/// The media time at which a source starts in this run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResumePoint {
    /// Frames before this are skipped.
    pub(crate) from: MediaTime,
    /// Everything before this is stored already.
    pub(crate) stored_through: MediaTime,
    /// For a live source, the wall time of media time 0, if an earlier run stored it.
    pub(crate) start_time: Option<Timestamp>,
}

/// The start of a source: its resume point and the keys of its rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceStart {
    /// `None` if the indexes hold all of the source already.
    pub(crate) resume_point: Option<ResumePoint>,
    /// The key of its rows, by index node.
    pub(crate) row_keys: BTreeMap<NodeId, RowKey>,
}

/// The key of one source's rows in an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowKey {
    /// The source's name in the pipeline file of the index node.
    pub(crate) source: String,
    /// Pack, version, and a hash of the settings.
    pub(crate) pack: String,
}
