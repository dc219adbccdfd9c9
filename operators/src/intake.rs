//! The intake: one source operator for all partitions, with one tick for each record.
//!
//! Each partition carries one source after another. The intake takes records of a partition while its [`Credits`] are
//! available, and drops the partition's capability when nobody can send on it any more, so an idle source delays only
//! its own partition. Each record has its own tick, because order is kept only between ticks. A source that disappears
//! without a [`SourceEnd`] is ended here.

use std::sync::Arc;

use atom_models::{Fault, Reason};
use crossbeam::channel::{Receiver, TryRecvError};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{
        Scope, StreamVec,
        operators::{Capability, generic::operator::source},
    },
};

use crate::{
    credits::Credits,
    event::{IdleHeartbeat, IntakeEvent, SourceEnd},
    failure::{Failure, Stage},
    frame::Frame,
    ids::SourceId,
    media_time::MediaTime,
    tick::{Partition, Tick},
};

/// A record from a source's thread.
#[derive(Debug)]
pub enum Record {
    /// A frame.
    Frame(Frame),
    /// A frame that could not be decoded, or a failure of the source.
    Lost(Failure),
    /// No frames from a live source for a while.
    Idle(IdleHeartbeat),
    /// The end of the source; nothing comes after.
    End(SourceEnd),
}

/// The receiving end of a partition.
pub struct FrameReceiver {
    /// The partition.
    pub partition: Partition,
    /// The records of its sources, one source after another. After each send, and after hanging up, the sender calls
    /// [`Credits::wake_intake`].
    pub records: Receiver<Record>,
    /// The credits of its sources.
    pub credits: Arc<Credits>,
}

/// Takes in the records of all partitions.
///
/// ```
/// use std::sync::mpsc;
///
/// use atom_models::Image;
/// use atom_operators::{
///     credits::{CreditLimits, Credits},
///     event::{IntakeEvent, SourceEnd},
///     frame::Frame,
///     ids::SourceId,
///     intake::{FrameReceiver, Record, intake},
///     media_time::MediaTime,
///     tick::{Partition, Tick},
/// };
/// use timely::dataflow::operators::Inspect;
///
/// // A source's thread would send these: one frame, and the end.
/// let (source, at) = (SourceId::new(0), MediaTime::default());
/// let (sender, records) = crossbeam::channel::unbounded();
/// sender.send(Record::Frame(Frame::new(source, at, Image::filled(4, 4, [0; 3])))).unwrap();
/// sender.send(Record::End(SourceEnd { source, at, complete: true })).unwrap();
/// drop(sender);
///
/// let (output, events) = mpsc::channel();
/// timely::execute_directly(move |worker| {
///     let credits = Credits::new(CreditLimits::default());
///     let receiver = FrameReceiver { partition: Partition(0), records, credits };
///     worker.dataflow::<Tick, _, _>(|scope| {
///         intake(scope, vec![receiver]).inspect(move |event| output.send(event.clone()).unwrap());
///     });
/// });
/// let events: Vec<_> = events.iter().collect();
/// assert!(matches!(events[..], [IntakeEvent::Frame(_), IntakeEvent::End(_)]));
/// ```
pub fn intake<'s>(
    scope: Scope<'s, Tick>,
    receivers: Vec<FrameReceiver>,
) -> StreamVec<'s, Tick, IntakeEvent> {
    source::<_, CapacityContainerBuilder<Vec<IntakeEvent>>, _, _>(
        scope,
        "Intake",
        move |initial, info| {
            let waker = || scope.worker().sync_activator_for(info.address.to_vec());
            receivers
                .iter()
                .for_each(|receiver| receiver.credits.set_intake(waker()));
            let mut open: Vec<_> = receivers
                .into_iter()
                .map(|receiver| OpenPartition::new(receiver, &initial))
                .collect();
            drop(initial);
            move |output| {
                for partition in &mut open {
                    while let Some(event) = partition.next() {
                        output.session(&partition.capability).give(event);
                        partition.count += 1;
                        let next = Tick::new(partition.receiver.partition, partition.count);
                        partition.capability.downgrade(&next);
                    }
                }
                open.retain(|partition| !partition.closed);
            }
        },
    )
}

/// A partition on which records may still come.
struct OpenPartition {
    receiver: FrameReceiver,
    capability: Capability<Tick>,
    count: u64,
    /// The source that has not ended, and the media time of its last frame.
    current: Option<(SourceId, MediaTime)>,
    closed: bool,
}

impl OpenPartition {
    fn new(receiver: FrameReceiver, initial: &Capability<Tick>) -> Self {
        let capability = initial.delayed(&Tick::new(receiver.partition, 0));
        Self {
            receiver,
            capability,
            count: 0,
            current: None,
            closed: false,
        }
    }

    /// Returns the next record, if there is one and credits are available.
    fn next(&mut self) -> Option<IntakeEvent> {
        if self.closed || !self.receiver.credits.available() {
            return None;
        }
        let event = match self.receiver.records.try_recv() {
            Ok(record) => self.admit(record),
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => match self.current {
                Some((source, at)) => self.end_lost_source(source, at),
                None => {
                    self.closed = true;
                    return None;
                }
            },
        };
        let last = self.current.map_or_else(MediaTime::default, |(_, at)| at);
        self.current = match &event {
            IntakeEvent::End(_) => None,
            IntakeEvent::Frame(frame) => Some((frame.source, frame.at)),
            other => Some((other.source(), last)),
        };
        Some(event)
    }

    fn admit(&self, record: Record) -> IntakeEvent {
        match record {
            Record::Frame(mut frame) => {
                frame.permit = Some(self.receiver.credits.frame_permit());
                IntakeEvent::Frame(Arc::new(frame))
            }
            Record::Lost(failure) => IntakeEvent::Lost(failure),
            Record::Idle(idle) => IntakeEvent::Idle(idle),
            Record::End(end) => IntakeEvent::End(end),
        }
    }

    /// Reports a source whose thread is gone, and queues its end.
    fn end_lost_source(&mut self, source: SourceId, at: MediaTime) -> IntakeEvent {
        let (sender, only_end) = crossbeam::channel::bounded(1);
        // The failure goes first; the end follows from a channel that holds nothing else.
        let _ = sender.send(Record::End(SourceEnd {
            source,
            at,
            complete: false,
        }));
        self.receiver.records = only_end;
        let fault = Fault::new(Reason::Panic, "the source's thread ended unexpectedly");
        IntakeEvent::Lost(Failure {
            stage: Stage::Source,
            source,
            at,
            fault,
        })
    }
}
