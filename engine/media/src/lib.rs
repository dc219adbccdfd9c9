//! Sources: where frames come from, each on a thread of its own.
//!
//! A source hands [`Record`]s to the graph in order: frames in the size that the vision encoder takes, what was lost, and
//! one end. Where the graph has no room, a recording waits and loses nothing; a live source lets its oldest waiting frame
//! go and counts it. Frames that no sampler wants are counted and let go before their pixels are converted.
//!
//! | file | holds |
//! |---|---|
//! | `location` | what a uri names, and how to log in there |
//! | `elements`, `gst` | a GStreamer pipeline and what it tells of trouble |
//! | `missing`, `reach` | what to install, and who does not answer: GStreamer's own words do not say |
//! | `skip`, `gate` | which parts of a recording need not be decoded |
//! | `convert` | decoded pictures made into what the vision encoder takes |
//! | `recording` | plays a recording to its end |
//! | `live`, `clock`, `retry`, `standing` | follows a camera for ever: its media time, when to connect anew, how it stands |
//! | `folder` | which recordings a folder holds, and which of them are ready |
//! | `growth`, `boxes` | what a recording holds so far, and whether it can be played while it grows |
//! | `begun` | when a recording began, by its name or its container |
//! | `outlet` | the source's side of the way into the graph |
//! | `spread`, `jpeg` | some frames of a whole video, for measurements |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod begun;
mod boxes;
mod clock;
mod convert;
mod elements;
pub mod error;
pub mod folder;
mod gate;
pub mod growth;
pub mod gst;
mod jpeg;
pub mod live;
pub mod location;
mod missing;
mod outlet;
mod reach;
pub mod recording;
mod retry;
mod skip;
pub mod spread;
pub mod standing;

use std::collections::BTreeSet;

use atom_operators::{
    data::{Frame, MediaTime, SourceId},
    intake::Record,
    sample::Grid,
    tally::DropReason,
};

pub use error::MediaError;
pub use live::Live;
pub use location::Location;
pub use outlet::{Ended, Outlet, Stopped};
pub use spread::{Spread, spread};
pub use standing::Standing;

/// What a source is to deliver.
pub struct Wanted {
    /// The source.
    pub source: SourceId,
    /// Where its frames come from.
    pub location: Location,
    /// Frames are stretched to this width and height.
    pub size: (u32, u32),
    /// Which frames are wanted.
    pub choice: Choice,
    /// What lies before is left out.
    pub from: MediaTime,
    /// How it is followed, if it shows the present.
    pub live: Option<Live>,
    /// Whether the recording is still being written: then it may end anywhere, and only what is whole is given.
    pub growing: bool,
}

/// Which frames of a source are wanted.
#[derive(Clone, Debug)]
pub enum Choice {
    /// Those that one of the samplers wants that read the source, each by its grid.
    Grids(Vec<Grid>),
    /// Those with these numbers, counted from 0 in the order of playing.
    Numbers(BTreeSet<u64>),
}

impl Choice {
    fn wants(&mut self, number: u64, at: MediaTime) -> bool {
        match self {
            // Every grid is asked: each keeps its own place.
            Self::Grids(grids) => grids
                .iter_mut()
                .fold(false, |wanted, grid| grid.wants(at) | wanted),
            Self::Numbers(numbers) => numbers.contains(&number),
        }
    }

    /// The earliest moment after a frame at `at` at which another one is wanted, if that can be told.
    fn next(&self, at: MediaTime) -> Option<MediaTime> {
        match self {
            Self::Grids(grids) => grids.iter().map(|grid| grid.next(at)).min(),
            Self::Numbers(_) => None,
        }
    }
}

/// Decides which frames are worth converting, and counts the rest.
pub struct Thinner {
    choice: Choice,
    from: MediaTime,
    offered: u64,
}

impl Thinner {
    /// The chosen frames from a moment on.
    pub fn new(choice: Choice, from: MediaTime) -> Self {
        Self {
            choice,
            from,
            offered: 0,
        }
    }

    /// From when on frames are wanted again after one at `at`, if that can be told.
    fn next(&self, at: MediaTime) -> Option<MediaTime> {
        match at.reaches(self.from) {
            true => self.choice.next(at),
            // Counted are all frames from the first wanted one on.
            false => Some(self.from),
        }
    }

    /// Counts a frame; whether it is worth converting.
    pub fn wants(&mut self, at: MediaTime, outlet: &Outlet) -> bool {
        if !at.reaches(self.from) {
            return false;
        }
        let tally = outlet.tally.source(outlet.source);
        tally.received(outlet.samplers);
        tally.reach(at);
        let wanted = self.choice.wants(self.offered, at);
        self.offered += 1;
        if !wanted {
            tally.dropped(DropReason::Rate, outlet.samplers);
        }
        wanted
    }

    /// Counts frames that no sampler wants and that were not even decoded.
    fn pass_over(&self, frames: u64, outlet: &Outlet) {
        let tally = outlet.tally.source(outlet.source);
        tally.received(frames * outlet.samplers);
        tally.dropped(DropReason::Rate, frames * outlet.samplers);
    }
}

/// Hands a frame over.
pub fn deliver(outlet: &Outlet, at: MediaTime, image: atom_models::Image) -> Result<(), Stopped> {
    outlet.send(Record::Frame(Frame::new(outlet.source, at, image)))
}
