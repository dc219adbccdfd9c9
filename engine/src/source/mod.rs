//! Sources: where frames come from, each on a thread of its own.
//!
//! A source hands [`Record`]s to the graph in order: frames in the size that the vision encoder takes, what was lost, and
//! one end. A recording waits where the graph has no room; it loses nothing. Frames that no sampler wants are counted and
//! let go before their pixels are converted.

mod convert;
mod elements;
pub mod gst;
mod jpeg;
pub mod location;
pub mod spread;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use atom_models::{Fault, Reason};
use atom_operators::{
    data::{End, Failure, Frame, MediaTime, SourceId, Stage},
    flow::Flow,
    intake::Record,
    sample::Grid,
    tally::{DropReason, Tally},
};
use crossbeam::channel::{SendTimeoutError, Sender};

pub use location::Location;
pub use spread::{Spread, spread};

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
}

/// The source's side of the way into the graph.
pub struct Outlet {
    /// Which source.
    pub source: SourceId,
    /// Takes its records.
    pub records: Sender<Record>,
    /// Woken after each of them.
    pub flow: Arc<Flow>,
    /// Counts its frames.
    pub tally: Tally,
    /// Set when the run is to end early.
    pub stop: Arc<AtomicBool>,
    /// Length of the video in milliseconds once it is known, for progress; 0 before.
    pub length_ms: Arc<AtomicU64>,
}

/// The run is to end: hand over nothing more but the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl Outlet {
    /// Hands a record over, waiting for room but never beyond the stop of the run.
    pub fn send(&self, mut record: Record) -> Result<(), Stopped> {
        loop {
            match self.records.send_timeout(record, WAIT) {
                Ok(()) => {
                    self.flow.wake();
                    return Ok(());
                }
                Err(SendTimeoutError::Timeout(back)) if !self.stopped() => record = back,
                // Without a graph there is nobody to hand it to.
                Err(_) => return Err(Stopped),
            }
        }
    }

    /// Whether the run is to end.
    pub fn stopped(&self) -> bool {
        self.stop.load(SeqCst)
    }

    /// Tells of a frame that arrived but could not be used; it counts as dropped.
    pub fn unusable(&self, at: MediaTime, samplers: u64, why: &str) -> Result<(), Stopped> {
        self.tally
            .source(self.source)
            .dropped(DropReason::Undecodable, samplers);
        self.told(at, why)
    }

    /// Tells of a fault of the source that cost no frame that it knows of.
    pub fn told(&self, at: MediaTime, why: &str) -> Result<(), Stopped> {
        let fault = Fault::new(Reason::Undecodable, why);
        self.send(Record::Lost(Failure {
            stage: Stage::Source,
            source: self.source,
            at,
            fault,
        }))
    }

    /// Ends the source: nothing comes after. A recording waits for room as long as it takes; once the run is stopped, the
    /// graph runs dry and makes room soon.
    pub fn end(self, ended: Ended) {
        let mut end = Record::End(End {
            source: self.source,
            at: ended.at,
            whole: ended.whole,
        });
        let mut patience = STOPPED_PATIENCE;
        while let Err(SendTimeoutError::Timeout(back)) = self.records.send_timeout(end, WAIT) {
            end = back;
            if self.stopped() {
                patience = patience.saturating_sub(WAIT);
            }
            if patience.is_zero() {
                break;
            }
        }
        self.flow.wake();
    }
}

/// How long a hand-over waits before it looks whether the run was stopped.
const WAIT: Duration = Duration::from_millis(50);
/// So long a stopped run is given to make room for the ends of its sources; a module's longest work fits in.
const STOPPED_PATIENCE: Duration = Duration::from_secs(60);

/// How a source ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ended {
    /// The end of its last frame.
    pub at: MediaTime,
    /// Whether all of it was played.
    pub whole: bool,
    /// How many frames it gave, wanted or not.
    pub frames: u64,
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

    /// How many samplers are offered each frame.
    pub fn samplers(&self) -> u64 {
        match &self.choice {
            Choice::Grids(grids) => grids.len() as u64,
            Choice::Numbers(_) => 1,
        }
    }

    /// Counts a frame; whether it is worth converting.
    pub fn wants(&mut self, at: MediaTime, outlet: &Outlet) -> bool {
        if !at.reaches(self.from) {
            return false;
        }
        let tally = outlet.tally.source(outlet.source);
        tally.received(self.samplers());
        let wanted = self.choice.wants(self.offered, at);
        self.offered += 1;
        if !wanted {
            tally.dropped(DropReason::Rate, self.samplers());
        }
        wanted
    }
}

/// Hands a frame over.
pub fn deliver(outlet: &Outlet, at: MediaTime, image: atom_models::Image) -> Result<(), Stopped> {
    outlet.send(Record::Frame(Frame::new(outlet.source, at, image)))
}
