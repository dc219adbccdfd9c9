//! Failures as values: each is counted and reported, and the pipeline continues.

use atom_models::Fault;
use serde::Serialize;

use crate::{ids::SourceId, media_time::MediaTime};

/// A part of the pipeline that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Opening, demuxing or decoding the video.
    Source,
    /// The vision encoder.
    Encode,
    /// Captioning, by the decoder.
    Caption,
    /// Answering, by the decoder.
    Reason,
    /// Summarising, by the decoder.
    Summary,
    /// Writing results.
    Sink,
    /// Writing the index.
    Store,
}

impl Stage {
    /// All stages.
    pub const ALL: [Self; 7] = [
        Self::Source,
        Self::Encode,
        Self::Caption,
        Self::Reason,
        Self::Summary,
        Self::Sink,
        Self::Store,
    ];

    /// Returns the stage's name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Encode => "encode",
            Self::Caption => "caption",
            Self::Reason => "reason",
            Self::Summary => "summary",
            Self::Sink => "sink",
            Self::Store => "store",
        }
    }
}

/// A failure of one stage on one item.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The stage that failed.
    pub stage: Stage,
    /// The source of the item.
    pub source: SourceId,
    /// Media time of the frame, or start of the segment.
    pub at: MediaTime,
    /// The kind of failure and its explanation.
    pub fault: Fault,
}

/// A result, or the reason why there is none.
pub type Outcome<T> = Result<T, Failure>;
