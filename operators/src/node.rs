//! The kinds of nodes and of the streams between them: the vocabulary that pipeline files and the graph share.
//!
//! The settings of each kind are in the file of its operator; this file lists the kinds with their inputs and output.
//! A pipeline in which every edge agrees with [`NodeKind::inputs`] can be built.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    caption::CaptionSpec, encode::EncodeSpec, index::IndexSpec, reason::ReasonSpec,
    sample::SampleSpec, segment::SegmentSpec, spec::SpecError, summary::summary_spec::SummarySpec,
};

/// The kind of records on an edge of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// Frames of a source, in order.
    Frames,
    /// The frames that a sampler chose.
    Samples,
    /// Frames after the vision encoder.
    Encoded,
    /// Segments: consecutive encoded frames that belong together.
    Scenes,
    /// One caption for each segment.
    Captions,
    /// One answer for each segment.
    Answers,
    /// One summary for each minute, and for each longer span.
    Summaries,
    /// Rows of an index; no node reads them.
    Rows,
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frames => "frames of a source",
            Self::Samples => "sampled frames",
            Self::Encoded => "encoded frames",
            Self::Scenes => "segments",
            Self::Captions => "captions",
            Self::Answers => "answers",
            Self::Summaries => "summaries",
            Self::Rows => "rows",
        })
    }
}

/// The kind of a node with its settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NodeKind {
    /// Chooses frames by time and by change.
    Sample(SampleSpec),
    /// Runs the one vision encoder.
    Encode(EncodeSpec),
    /// Groups encoded frames into segments.
    Segment(SegmentSpec),
    /// Captions every segment.
    Caption(CaptionSpec),
    /// Makes segments searchable.
    Index(IndexSpec),
    /// Answers a question about every segment.
    Reason(ReasonSpec),
    /// Summarises every minute.
    Summary(SummarySpec),
}

impl NodeKind {
    /// Returns the name of this kind in a pipeline file.
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

    /// Returns the kinds of streams that this node accepts.
    pub fn inputs(&self) -> &'static [StreamKind] {
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

    /// Returns the kind of stream that this node sends.
    pub fn output(&self) -> StreamKind {
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
