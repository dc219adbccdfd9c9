//! The records that flow from intake to segmentation: frames in order, losses and idle time between them, and the end.

use std::sync::Arc;

use atom_models::Fault;

use crate::{
    failure::Failure,
    frame::{EncodedFrame, Frame},
    ids::SourceId,
    media_time::MediaTime,
};

/// The end of a source: nothing of it comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceEnd {
    /// The source that ended.
    pub source: SourceId,
    /// The end of its last frame.
    pub at: MediaTime,
    /// True if the source was read to its end; false if the run was stopped or the source failed.
    pub complete: bool,
}

/// A notice that a live source sent no frames for a while: no frame before `until` comes any more.
#[derive(Clone, Debug)]
pub struct IdleHeartbeat {
    /// The source.
    pub source: SourceId,
    /// Media time since when no frame came.
    pub from: MediaTime,
    /// Media time until when no frame came.
    pub until: MediaTime,
    /// The cause, sent once for each loss as soon as it is known.
    pub cause: Option<Fault>,
}

/// A record from the intake.
#[derive(Clone, Debug)]
pub enum IntakeEvent {
    /// A frame.
    Frame(Arc<Frame>),
    /// A frame that could not be decoded, or a failure of the source.
    Lost(Failure),
    /// No frames for a while.
    Idle(IdleHeartbeat),
    /// The end of the source.
    End(SourceEnd),
}

impl IntakeEvent {
    /// Returns the source that the record belongs to.
    pub fn source(&self) -> SourceId {
        match self {
            Self::Frame(frame) => frame.source,
            Self::Lost(failure) => failure.source,
            Self::Idle(idle) => idle.source,
            Self::End(end) => end.source,
        }
    }
}

/// A record from an encode node.
#[derive(Clone, Debug)]
pub enum EncodedEvent {
    /// An encoded frame.
    Frame(Arc<EncodedFrame>),
    /// A frame that could not be decoded or encoded.
    Lost(Failure),
    /// No frames for a while.
    Idle(IdleHeartbeat),
    /// The end of the source.
    End(SourceEnd),
}

impl EncodedEvent {
    /// Returns the source that the record belongs to.
    pub fn source(&self) -> SourceId {
        match self {
            Self::Frame(frame) => frame.source,
            Self::Lost(failure) => failure.source,
            Self::Idle(idle) => idle.source,
            Self::End(end) => end.source,
        }
    }

    /// Returns the end, if this is one.
    pub fn end(&self) -> Option<SourceEnd> {
        if let Self::End(end) = self {
            Some(*end)
        } else {
            None
        }
    }
}
