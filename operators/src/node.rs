//! The kinds of nodes and what flows between them: the vocabulary that pipeline files and the graph share.
//!
//! Every kind has its settings in the file of its operator; this file only says which kinds exist, what each
//! takes and what it gives. A pipeline in which every edge agrees with [`NodeKind::takes`] can be built.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    caption::CaptionSpec, encode::EncodeSpec, index::IndexSpec, reason::ReasonSpec,
    sample::SampleSpec, segment::SegmentSpec, summary::SummarySpec,
};

/// What an edge of the graph carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// Pictures of a source, in order.
    Frames,
    /// The frames that a sampler let through.
    Samples,
    /// Frames as the vision encoder sees them.
    Encoded,
    /// Segments: consecutive encoded frames that belong together.
    Scenes,
    /// One sentence for each segment.
    Captions,
    /// One answer for each segment.
    Answers,
    /// One sentence for each minute, and for each longer span.
    Summaries,
    /// Rows of an index; nothing takes them.
    Rows,
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frames => "frames of a source",
            Self::Samples => "sampled frames",
            Self::Encoded => "encoded frames",
            Self::Scenes => "scenes",
            Self::Captions => "captions",
            Self::Answers => "answers",
            Self::Summaries => "summaries",
            Self::Rows => "rows",
        })
    }
}

/// A node's kind with its settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NodeKind {
    /// Chooses frames by time and by change.
    Sample(SampleSpec),
    /// Runs the one vision encoder.
    Encode(EncodeSpec),
    /// Groups encoded frames into segments.
    Segment(SegmentSpec),
    /// Puts a segment into words.
    Caption(CaptionSpec),
    /// Makes segments searchable.
    Index(IndexSpec),
    /// Answers a question about every segment.
    Reason(ReasonSpec),
    /// Says what happened in every minute.
    Summary(SummarySpec),
}

impl NodeKind {
    /// The word for this kind in a pipeline file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sample(_) => "sample",
            Self::Encode(_) => "encode",
            Self::Segment(_) => "segment",
            Self::Caption(_) => "caption",
            Self::Index(_) => "index",
            Self::Reason(_) => "reason",
            Self::Summary(_) => "summary",
        }
    }

    /// What may stand on this node's inputs.
    pub fn takes(&self) -> &'static [StreamKind] {
        use StreamKind::{Answers, Captions, Encoded, Frames, Samples, Scenes};
        match self {
            Self::Sample(_) => &[Frames],
            Self::Encode(_) => &[Samples],
            Self::Segment(_) => &[Encoded],
            Self::Caption(_) => &[Scenes],
            Self::Index(_) => &[Scenes, Captions, Answers],
            Self::Reason(_) => &[Scenes, Captions],
            Self::Summary(_) => &[Captions],
        }
    }

    /// What this node sends.
    pub fn gives(&self) -> StreamKind {
        match self {
            Self::Sample(_) => StreamKind::Samples,
            Self::Encode(_) => StreamKind::Encoded,
            Self::Segment(_) => StreamKind::Scenes,
            Self::Caption(_) => StreamKind::Captions,
            Self::Index(_) => StreamKind::Rows,
            Self::Reason(_) => StreamKind::Answers,
            Self::Summary(_) => StreamKind::Summaries,
        }
    }

    /// Rejects settings outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        match self {
            Self::Sample(spec) => spec.check(),
            Self::Encode(_) => Ok(()),
            Self::Segment(spec) => spec.check(),
            Self::Caption(spec) => spec.check(),
            Self::Index(spec) => spec.check(),
            Self::Reason(spec) => spec.check(),
            Self::Summary(spec) => spec.check(),
        }
    }
}

/// A setting outside its range.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{key} is {found}, expected {expected}")]
pub struct SpecError {
    /// The key in the pipeline file.
    pub key: &'static str,
    /// The value as written.
    pub found: String,
    /// The range that would be accepted.
    pub expected: &'static str,
}

/// Accepts `value` if `holds`, else names the key, the value and the range.
pub(crate) fn require(
    holds: bool,
    key: &'static str,
    value: impl fmt::Display,
    expected: &'static str,
) -> Result<(), SpecError> {
    if holds {
        Ok(())
    } else {
        Err(SpecError {
            key,
            found: value.to_string(),
            expected,
        })
    }
}

/// Rejects a bound on new tokens outside its range; without one the pack's own holds.
pub(crate) fn check_tokens(max_tokens: Option<usize>) -> Result<(), SpecError> {
    let tokens = max_tokens.unwrap_or(1);
    require(
        (1..=256).contains(&tokens),
        "max_tokens",
        tokens,
        "1 to 256",
    )
}
