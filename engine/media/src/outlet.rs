//! The source's side of the way into the graph.
//!
//! A recording waits for room. A live source never waits: its oldest waiting frame makes room for the newest, and is counted.
//! What is not a frame keeps its place among the others and is never let go.

use atom_operators::cancel::CancellationToken;
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use atom_models::{Fault, Reason};
use atom_operators::{
    data::{End, Failure, MediaTime, SourceId, Stage},
    flow::{Bounds, Flow},
    intake::Record,
    tally::{DropReason, Tally},
};
use crossbeam::channel::{Receiver, SendTimeoutError, Sender};

use super::Standing;

/// The source's side of the way into the graph.
pub struct Outlet {
    /// Which source.
    pub source: SourceId,
    /// Its name, for logs.
    pub name: String,
    /// Takes its records.
    pub records: Sender<Record>,
    /// Of a live source, the other end: what nobody has taken yet. A recording waits instead.
    pub waiting: Option<Receiver<Record>>,
    /// How many samplers are offered each frame.
    pub samplers: u64,
    /// Woken after each of them.
    pub flow: Arc<Flow>,
    /// Counts its frames.
    pub tally: Tally,
    /// Set when the run is to end early.
    pub stop: CancellationToken,
    /// Length of the video in milliseconds once it is known, for progress; 0 before.
    pub length_ms: Arc<AtomicU64>,
    /// Of a live source, how it stands.
    pub standing: Arc<Standing>,
}

impl Outlet {
    /// The way of a recording's records; nothing stops it, and nobody counts on it.
    pub fn of_recording(source: SourceId, records: Sender<Record>, tally: Tally) -> Self {
        Self {
            source,
            name: String::new(),
            records,
            waiting: None,
            samplers: 1,
            flow: Flow::new(Bounds::default()),
            tally,
            stop: CancellationToken::new(),
            length_ms: Arc::default(),
            standing: Arc::default(),
        }
    }
}

/// The run is to end: hand over nothing more but the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl Outlet {
    /// Hands a record over. A recording waits for room, but never beyond the stop of the run.
    pub fn send(&self, record: Record) -> Result<(), Stopped> {
        match &self.waiting {
            Some(waiting) => self.press(record, waiting),
            None => self.wait_for_room(record),
        }
    }

    fn wait_for_room(&self, mut record: Record) -> Result<(), Stopped> {
        loop {
            match self.records.send_timeout(record, WAIT) {
                Ok(()) => {
                    self.flow.wake();
                    return Ok(());
                }
                Err(SendTimeoutError::Timeout(back)) if !self.stopped() => record = back,
                // Without a graph there is nobody to hand it to.
                Err(error) => {
                    self.dropped(&error.into_inner(), DropReason::Stopped);
                    return Err(Stopped);
                }
            }
        }
    }

    /// Counts a record that never gets into the graph, if it is a frame; what is no frame is not counted.
    fn dropped(&self, record: &Record, reason: DropReason) {
        if let Record::Frame(_) = record {
            let tally = self.tally.source(self.source);
            tally.dropped(reason, self.samplers);
        }
    }

    /// Hands a record over at once: where there is no room, the oldest frame that waits is let go. Only this thread sends, so what is
    /// taken out of the channel can be put back in order.
    fn press(&self, record: Record, waiting: &Receiver<Record>) -> Result<(), Stopped> {
        let room = self.records.capacity().unwrap_or(usize::MAX);
        let mut all: VecDeque<_> = waiting.try_iter().chain([record]).collect();
        while all.len() > room {
            let oldest = all.iter().position(may_go);
            let Some(gone) = oldest.and_then(|at| all.remove(at)) else {
                break;
            };
            if let Record::Frame(_) = gone {
                self.flow.strain();
            }
            self.dropped(&gone, DropReason::Overload);
        }
        // If nothing that waits may be let go, there is room as soon as the graph has taken some of it.
        let mut sent = Ok(());
        for record in all {
            match sent {
                Ok(()) => sent = self.wait_for_room(record),
                Err(Stopped) => self.dropped(&record, DropReason::Stopped),
            }
        }
        sent
    }

    /// Whether the run is to end.
    pub fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Tells of a frame that arrived but could not be used; it counts as dropped.
    pub fn unusable(&self, at: MediaTime, why: &str) -> Result<(), Stopped> {
        self.tally
            .source(self.source)
            .dropped(DropReason::Undecodable, self.samplers);
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
    pub fn end(mut self, ended: Ended) {
        // Only without this end of its own does it see that the graph is gone.
        self.waiting = None;
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

/// Whether a waiting record can be let go: a frame, or a word that nothing came, which the next one says again.
fn may_go(record: &Record) -> bool {
    match record {
        Record::Frame(_) => true,
        Record::Quiet(quiet) => quiet.why.is_none(),
        Record::Lost(_) | Record::End(_) => false,
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
