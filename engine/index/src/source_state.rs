//! The indexing progress of a source.

use serde::Serialize;

/// The progress of earlier runs over a source, at the beginning of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Media time before which every row is written, in milliseconds; 0 for a new source.
    pub sealed_ms: u64,
    /// True if a run reached the end of the source, so nothing is left to do.
    pub ended: bool,
}

/// The indexing progress of one source under one pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceState {
    /// Name of the source.
    pub source: String,
    /// Pack and settings of the run.
    pub pack: String,
    /// Media time before which every row is written, in milliseconds.
    pub sealed_ms: u64,
    /// True if the run reached the end of the source.
    pub ended: bool,
    /// True if searches read this pack of the source; all packs of a live source are current.
    pub current: bool,
    /// True if the source is live.
    pub live: bool,
}
