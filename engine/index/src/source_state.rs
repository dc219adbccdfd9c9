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

/// The failure that ended the indexing of a source before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceFailure {
    /// The stage that failed; `source` if the file could not be played.
    pub stage: String,
    /// The reason.
    pub reason: String,
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
    /// The reason why the latest run did not reach the end of the source, if the source itself is to blame. Nothing more comes
    /// from it until it changes or is indexed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<SourceFailure>,
}
