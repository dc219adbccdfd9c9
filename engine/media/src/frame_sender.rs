//! The source's end of the channel into the graph.
//!
//! A recording waits for room. A live source never waits: its oldest queued frame makes room for the newest, and is counted.
//! Invariant: a record that is not a frame keeps its position among the others and is never dropped.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use atom_models::{Fault, Image, Reason};
use atom_operators::{
    cancel::CancellationToken,
    counters::{Counters, DropReason},
    credits::{CreditLimits, Credits},
    event::SourceEnd,
    failure::{Failure, Stage},
    frame::Frame,
    ids::SourceId,
    intake::Record,
    media_time::MediaTime,
};
use crossbeam::channel::{Receiver, SendError, Sender, select_biased};

use crate::live::connection_status::ConnectionMonitor;

/// The source's end of the channel into the graph.
pub struct FrameSender {
    /// The source.
    pub source: SourceId,
    /// Its name, for logs.
    pub name: String,
    /// The channel for its records.
    pub records: Sender<Record>,
    /// The other end of the channel, for a live source: records that the graph has not read yet. None for a recording, which waits.
    pub queued: Option<Receiver<Record>>,
    /// Number of samplers that are offered each frame.
    pub samplers: u64,
    /// Woken after each record.
    pub credits: Arc<Credits>,
    /// Counts the source's frames.
    pub counters: Counters,
    /// Cancelled when the run is to end early.
    pub stop: CancellationToken,
    /// Length of the video in milliseconds once it is known, for progress; 0 before.
    pub length_ms: Arc<AtomicU64>,
    /// The connection status of a live source.
    pub connection: Arc<ConnectionMonitor>,
}

/// The run was cancelled: nothing more is sent but the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// The outcome of playing a source.
#[derive(Clone, Debug, Default)]
pub struct PlaybackSummary {
    /// Media time of the end of the last frame.
    pub end: MediaTime,
    /// True if all of it was played.
    pub complete: bool,
    /// Number of frames decoded, wanted or not.
    pub frames: u64,
    /// The reason why a recording could not be played beyond this, if it is damaged there. It was reported as a fault too.
    pub failure: Option<String>,
}

/// Time that a cancelled run has to make room for the ends of its sources; the longest model call fits in.
const END_TIMEOUT: Duration = Duration::from_secs(60);

impl FrameSender {
    /// Returns a sender for a recording that is never cancelled and has no flow control.
    pub fn for_recording(source: SourceId, records: Sender<Record>, counters: Counters) -> Self {
        Self {
            source,
            name: String::new(),
            records,
            queued: None,
            samplers: 1,
            credits: Credits::new(CreditLimits::default()),
            counters,
            stop: CancellationToken::new(),
            length_ms: Arc::default(),
            connection: Arc::default(),
        }
    }

    /// Sends a frame.
    pub(crate) fn send_frame(&self, at: MediaTime, image: Image) -> Result<(), Cancelled> {
        self.send(Record::Frame(Frame::new(self.source, at, image)))
    }

    /// Sends a record. A recording waits for room, but not after the run was cancelled.
    pub(crate) fn send(&self, record: Record) -> Result<(), Cancelled> {
        match &self.queued {
            Some(queued) => self.send_replacing_oldest(record, queued),
            None => self.send_when_room(record),
        }
    }

    fn send_when_room(&self, record: Record) -> Result<(), Cancelled> {
        let unsent = select_biased! {
            send(self.records, record) -> sent => sent.err().map(SendError::into_inner),
            recv(self.stop.cancelled()) -> _ => Some(record),
        };
        // Cancelled, or the graph is gone.
        if let Some(record) = unsent {
            self.count_dropped(&record, DropReason::Stopped);
            return Err(Cancelled);
        }
        self.credits.wake_intake();
        Ok(())
    }

    /// Counts a record that never reaches the graph, if it is a frame.
    fn count_dropped(&self, record: &Record, reason: DropReason) {
        if let Record::Frame(_) = record {
            let counters = self.counters.source(self.source);
            counters.add_dropped(reason, self.samplers);
        }
    }

    /// Sends a record at once, dropping the oldest queued frames if there is no room. Only this thread sends, so records read
    /// back from the channel can be sent again in order.
    fn send_replacing_oldest(
        &self,
        record: Record,
        queued: &Receiver<Record>,
    ) -> Result<(), Cancelled> {
        let room = self.records.capacity().unwrap_or(usize::MAX);
        let mut all: VecDeque<_> = queued.try_iter().chain([record]).collect();
        while all.len() > room {
            let oldest = all.iter().position(is_droppable);
            let Some(dropped) = oldest.and_then(|at| all.remove(at)) else {
                break;
            };
            if let Record::Frame(_) = dropped {
                self.credits.report_overload();
            }
            self.count_dropped(&dropped, DropReason::Overload);
        }
        // If nothing queued is droppable, there is room as soon as the graph has read some of it.
        let mut sent = Ok(());
        for record in all {
            match sent {
                Ok(()) => sent = self.send_when_room(record),
                Err(Cancelled) => self.count_dropped(&record, DropReason::Stopped),
            }
        }
        sent
    }

    /// True if the run was cancelled.
    pub fn cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Reports a frame that arrived but cannot be used, and counts it as dropped.
    pub(crate) fn report_unusable_frame(&self, at: MediaTime, why: &str) -> Result<(), Cancelled> {
        self.counters
            .source(self.source)
            .add_dropped(DropReason::Undecodable, self.samplers);
        self.report_fault(at, why)
    }

    /// Reports a fault of the source that lost no known frame.
    pub(crate) fn report_fault(&self, at: MediaTime, why: &str) -> Result<(), Cancelled> {
        let fault = Fault::new(Reason::Undecodable, why);
        self.send(Record::Lost(Failure {
            stage: Stage::Source,
            source: self.source,
            at,
            fault,
        }))
    }

    /// Sends the end of the source; nothing comes after. A recording waits for room as long as it takes; once the run is
    /// cancelled, the graph drains and soon makes room.
    pub fn end(mut self, summary: PlaybackSummary) {
        // While this end of the channel is open, the sender cannot see that the graph is gone.
        self.queued = None;
        let end = Record::End(SourceEnd {
            source: self.source,
            at: summary.end,
            complete: summary.complete,
        });
        let unsent = select_biased! {
            send(self.records, end) -> _ => None,
            recv(self.stop.cancelled()) -> _ => Some(end),
        };
        if let Some(end) = unsent {
            let _ = self.records.send_timeout(end, END_TIMEOUT);
        }
        self.credits.wake_intake();
    }
}

/// True for a frame, and for a report of silence without a reason, which the next report repeats.
fn is_droppable(record: &Record) -> bool {
    match record {
        Record::Frame(_) => true,
        Record::Idle(heartbeat) => heartbeat.cause.is_none(),
        Record::Lost(_) | Record::End(_) => false,
    }
}
