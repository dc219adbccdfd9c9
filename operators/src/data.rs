//! What flows through the graph: plain values, cheap to clone because the heavy parts are behind an [`Arc`].
//!
//! Three clocks are kept apart by type: [`Tick`](crate::tick::Tick) orders the taking in, [`MediaTime`] is the position
//! in the video, [`Instant`] is the wall. None is ever subtracted from another.

use std::{fmt, sync::Arc, time::Instant};

use tracing::Span;

use atom_models::{Fault, Image, VisualFeatures};
use serde::Serialize;

use crate::{
    flow::{Flow, Slot},
    signature::Signature,
};

/// Names a source within one run; the engine knows its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct SourceId {
    /// The source's place in the plan.
    pub planned: u32,
    /// Which recording of a folder it is; 0 of a source that is no folder.
    pub recording: u32,
}

impl SourceId {
    /// A source that stands in the plan itself.
    pub const fn of(planned: u32) -> Self {
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

/// Names a node of the plan, to lead shared results back to the branch that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct NodeId(pub usize);

/// Nanoseconds that a container's clock may lose.
pub(crate) const ROUNDING: u64 = 2_000;

/// A position in the video: nanoseconds since the source began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct MediaTime(u64);

impl MediaTime {
    /// The position so many nanoseconds after the beginning.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The position so many milliseconds after the beginning.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the beginning.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whether this is at or after another moment. Containers round times to their own clock: a frame some microseconds
    /// before a boundary belongs to what begins there.
    pub const fn reaches(self, other: Self) -> bool {
        self.0 + ROUNDING >= other.0
    }

    /// Milliseconds since the beginning, rounded to the nearest.
    pub const fn millis(self) -> u64 {
        (self.0 + 500_000) / 1_000_000
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.millis();
        let (seconds, millis) = (millis / 1000, millis % 1000);
        write!(
            f,
            "{:02}:{:02}:{:02}.{millis:03}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// One picture of a source with its media time.
#[derive(Debug)]
pub struct Frame {
    /// Where it comes from.
    pub source: SourceId,
    /// When it is shown.
    pub at: MediaTime,
    /// When it was taken in.
    pub taken: Instant,
    /// The picture, in the size that the pack's vision encoder takes.
    pub image: Image,
    /// A very small copy of the picture, for seeing change.
    pub signature: Signature,
    /// Its place in the flow, once it was taken in.
    pub(crate) slot: Option<Slot>,
}

impl Frame {
    /// A frame taken in now.
    pub fn new(source: SourceId, at: MediaTime, image: Image) -> Self {
        let signature = Signature::of(&image);
        Self {
            source,
            at,
            taken: Instant::now(),
            image,
            signature,
            slot: None,
        }
    }
}

/// The end of a source: nothing of it comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The source that ended.
    pub source: SourceId,
    /// The end of its last frame.
    pub at: MediaTime,
    /// Whether the source was over; not if the run was stopped or the source failed.
    pub whole: bool,
}

/// A stretch of a live source without pictures: none comes before its end any more.
#[derive(Clone, Debug)]
pub struct Quiet {
    /// The source.
    pub source: SourceId,
    /// Since when nothing came.
    pub from: MediaTime,
    /// Until when nothing came.
    pub until: MediaTime,
    /// Why, when that becomes known; told once for each loss.
    pub why: Option<Fault>,
}

/// What the intake sends: frames in order, what was lost between them, and the end.
#[derive(Clone, Debug)]
pub enum Taken {
    /// A frame.
    Frame(Arc<Frame>),
    /// Something that should have been a frame.
    Lost(Failure),
    /// Nothing came for a while.
    Quiet(Quiet),
    /// The source is over.
    End(End),
}

impl Taken {
    /// The source this belongs to.
    pub fn source(&self) -> SourceId {
        match self {
            Self::Frame(frame) => frame.source,
            Self::Lost(failure) => failure.source,
            Self::Quiet(quiet) => quiet.source,
            Self::End(end) => end.source,
        }
    }
}

/// A frame as the vision encoder saw it; the picture itself is let go.
#[derive(Debug)]
pub struct Encoded {
    /// Where it comes from.
    pub source: SourceId,
    /// When it is shown.
    pub at: MediaTime,
    /// When it was taken in.
    pub taken: Instant,
    /// The small copy of the picture.
    pub signature: Signature,
    /// A copy for people to recognise.
    pub thumbnail: Image,
    /// What the encoder made of it.
    pub features: VisualFeatures,
    /// The flow that its frame was part of; a segment takes its place there.
    pub(crate) flow: Option<Arc<Flow>>,
}

/// What an encode node sends.
#[derive(Clone, Debug)]
pub enum Seen {
    /// An encoded frame.
    Frame(Arc<Encoded>),
    /// A frame that could not be had or encoded.
    Lost(Failure),
    /// Nothing came for a while.
    Quiet(Quiet),
    /// The source is over.
    End(End),
}

impl Seen {
    /// The source this belongs to.
    pub fn source(&self) -> SourceId {
        match self {
            Self::Frame(frame) => frame.source,
            Self::Lost(failure) => failure.source,
            Self::Quiet(quiet) => quiet.source,
            Self::End(end) => end.source,
        }
    }

    /// The end, if this is one.
    pub fn end(&self) -> Option<End> {
        if let Self::End(end) = self {
            Some(*end)
        } else {
            None
        }
    }
}

/// Names a segment: no two of one segment node begin at the same moment of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    /// The source it was cut from.
    pub source: SourceId,
    /// Where it begins.
    pub start: MediaTime,
}

/// Consecutive encoded frames of one source that belong together.
#[derive(Debug)]
pub struct Segment {
    /// Its name.
    pub key: SegmentKey,
    /// Where it ends; the next one begins here or later.
    pub end: MediaTime,
    /// Its frames in order, at least one.
    pub frames: Vec<Arc<Encoded>>,
    /// Its frames' features, pooled.
    pub features: VisualFeatures,
    /// Its place in the flow.
    pub(crate) slot: Option<Slot>,
    /// When it was known to be over: when the frame after it was taken in.
    pub closed: Instant,
    /// Its life in the logs: from here until everybody has let it go.
    pub span: Span,
}

impl Segment {
    /// A result about it came too late: there is too much of its source.
    pub(crate) fn strain(&self) {
        if let Some(slot) = &self.slot {
            slot.flow().strain();
        }
    }

    /// Of a live source: after this nothing about it is of use any more.
    pub fn deadline(&self) -> Option<Instant> {
        let late_after = self.slot.as_ref()?.flow().late_after()?;
        Some(self.closed + late_after)
    }
}

/// One sentence about a segment.
#[derive(Clone, Debug)]
pub struct Caption {
    /// The segment it describes.
    pub segment: Arc<Segment>,
    /// The node that asked for it.
    pub node: NodeId,
    /// The sentence.
    pub text: String,
    /// Its vector, of length 1 and in the space of those of pictures, if a text encoder is there and it is no draft.
    pub vector: Option<Arc<[f32]>>,
    /// Whether it is a draft that stands because the decoder's sentence would have come too late.
    pub from_draft: bool,
}

/// One answer about a segment.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The segment it is about.
    pub segment: Arc<Segment>,
    /// The node that asked.
    pub node: NodeId,
    /// The question.
    pub ask: Arc<str>,
    /// The answer.
    pub text: String,
    /// How likely it is, 0 to 1, among the answers there may be; `None` of a free one.
    pub probability: Option<f32>,
    /// If only changes are told: begin and end of the segments that agree on it, this one last. Else empty.
    pub rests_on: Vec<(MediaTime, MediaTime)>,
}

/// What an index stores of a segment.
#[derive(Clone, Debug)]
pub struct Row {
    /// The segment.
    pub segment: Arc<Segment>,
    /// The index node.
    pub node: NodeId,
    /// Its caption, unless the captioning failed.
    pub caption: Option<String>,
    /// The vector of its caption.
    pub caption_vector: Option<Arc<[f32]>>,
    /// The answers about it, as (question, answer).
    pub answers: Vec<(Arc<str>, String)>,
    /// Stages that gave no result for this segment.
    pub failed: Vec<Stage>,
}

/// Where something went wrong.
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
    /// Summing up, by the decoder.
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

    /// The word for it in reports and metrics.
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

/// Something that went wrong, as a value: it is counted and told, and the rest goes on.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where it happened.
    pub stage: Stage,
    /// Whose data it was.
    pub source: SourceId,
    /// The moment of the frame or the start of the segment.
    pub at: MediaTime,
    /// What happened.
    pub fault: Fault,
}

/// A result, or why there is none.
pub type Outcome<T> = Result<T, Failure>;
