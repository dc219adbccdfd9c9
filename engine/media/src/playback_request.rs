//! Requests to a source: what it plays, which frames it delivers, and in which size.

use std::{collections::BTreeSet, time::Duration};

use atom_operators::{ids::SourceId, media_time::MediaTime, sampling_grid::SamplingGrid};

use crate::source_location::Location;

/// A request to play one source.
pub struct PlaybackRequest {
    /// The source.
    pub source: SourceId,
    /// The file, camera or stream to play.
    pub location: Location,
    /// Width and height that frames are stretched to, in pixels.
    pub size: (u32, u32),
    /// The frames to deliver.
    pub selection: FrameSelection,
    /// Media time of the first frame to deliver; earlier ones are left out.
    pub from: MediaTime,
    /// Settings for a live source; none for a recording.
    pub live: Option<LiveSettings>,
    /// True if the recording is still being written: it may end anywhere, and only what is whole is delivered.
    pub growing: bool,
}

/// The frames of a source that are wanted.
#[derive(Clone, Debug)]
pub enum FrameSelection {
    /// Those wanted by any of the samplers that read the source, each with its own grid.
    Grids(Vec<SamplingGrid>),
    /// Those with these numbers, counted from 0 in presentation order.
    Numbers(BTreeSet<u64>),
}

/// Settings for following a live source.
#[derive(Clone, Copy, Debug)]
pub struct LiveSettings {
    /// Time without a frame after which the source is reconnected; doubled before the first frame.
    pub stall_timeout: Duration,
    /// The first wait before a reconnection attempt, and the longest.
    pub retry: (Duration, Duration),
    /// The share of the sampling rate below which overload never lowers it.
    pub min_rate_share: f64,
    /// Everything before this media time is stored already.
    pub sealed: MediaTime,
    /// True if the run has no other source: an error that waiting cannot cure then ends the run.
    pub only_source: bool,
}
