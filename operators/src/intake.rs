//! Where sources enter the graph: one operator for all of them, a tick for each record.
//!
//! Sources come on lanes, one after another on each. Records of a lane are taken while its [`Flow`] is open, and its
//! capability is dropped when nobody can send on it any more: so an idle source holds back nothing but its lane. Each
//! record has a tick of its own: only between ticks is order kept. A source that vanishes without an [`End`] is ended here.

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
    data::{End, Failure, Frame, MediaTime, Quiet, SourceId, Stage, Taken},
    flow::Flow,
    tick::{Lane, Tick},
};

/// What a source's thread hands over.
#[derive(Debug)]
pub enum Record {
    /// A frame.
    Frame(Frame),
    /// Something that should have been a frame.
    Lost(Failure),
    /// Nothing came for a while, of a live source.
    Quiet(Quiet),
    /// The source is over; nothing comes after.
    End(End),
}

/// A lane's way into the graph.
pub struct Inlet {
    /// The lane.
    pub lane: Lane,
    /// The records of its sources, one source after another. Whoever sends one, or hangs up, calls [`Flow::wake`] after.
    pub records: Receiver<Record>,
    /// What of it is in flight.
    pub flow: Arc<Flow>,
}

/// Takes the records of all lanes in.
pub fn intake<'s>(scope: Scope<'s, Tick>, inlets: Vec<Inlet>) -> StreamVec<'s, Tick, Taken> {
    source::<_, CapacityContainerBuilder<Vec<Taken>>, _, _>(
        scope,
        "Intake",
        move |initial, info| {
            let waker = || scope.worker().sync_activator_for(info.address.to_vec());
            inlets.iter().for_each(|inlet| inlet.flow.waking(waker()));
            let mut open: Vec<_> = inlets
                .into_iter()
                .map(|inlet| Open::new(inlet, &initial))
                .collect();
            drop(initial);
            move |output| {
                for lane in &mut open {
                    while let Some(taken) = lane.next() {
                        output.session(&lane.capability).give(taken);
                        lane.count += 1;
                        let next = Tick::at(lane.inlet.lane, lane.count);
                        lane.capability.downgrade(&next);
                    }
                }
                open.retain(|lane| !lane.over);
            }
        },
    )
}

/// A lane on which something may come.
struct Open {
    inlet: Inlet,
    capability: Capability<Tick>,
    count: u64,
    /// The source that has not ended, and the time of its last frame.
    playing: Option<(SourceId, MediaTime)>,
    over: bool,
}

impl Open {
    fn new(inlet: Inlet, initial: &Capability<Tick>) -> Self {
        let capability = initial.delayed(&Tick::at(inlet.lane, 0));
        Self {
            inlet,
            capability,
            count: 0,
            playing: None,
            over: false,
        }
    }

    /// The next record, if there is one and there is room for it.
    fn next(&mut self) -> Option<Taken> {
        if self.over || !self.inlet.flow.open() {
            return None;
        }
        let taken = match self.inlet.records.try_recv() {
            Ok(record) => self.take(record),
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => match self.playing {
                Some((source, at)) => self.vanished(source, at),
                None => {
                    self.over = true;
                    return None;
                }
            },
        };
        let last = self.playing.map_or_else(MediaTime::default, |(_, at)| at);
        self.playing = match &taken {
            Taken::End(_) => None,
            Taken::Frame(frame) => Some((frame.source, frame.at)),
            other => Some((other.source(), last)),
        };
        Some(taken)
    }

    fn take(&self, record: Record) -> Taken {
        match record {
            Record::Frame(mut frame) => {
                frame.slot = Some(self.inlet.flow.frame());
                Taken::Frame(Arc::new(frame))
            }
            Record::Lost(failure) => Taken::Lost(failure),
            Record::Quiet(quiet) => Taken::Quiet(quiet),
            Record::End(end) => Taken::End(end),
        }
    }

    /// The thread of a source is gone: tell it, then end the source.
    fn vanished(&mut self, source: SourceId, at: MediaTime) -> Taken {
        let (end, nothing) = crossbeam::channel::bounded(1);
        // The failure goes first; the end follows from a channel that holds only it.
        let _ = end.send(Record::End(End {
            source,
            at,
            whole: false,
        }));
        self.inlet.records = nothing;
        let fault = Fault::new(Reason::Panic, "the source's thread ended without a word");
        Taken::Lost(Failure {
            stage: Stage::Source,
            source,
            at,
            fault,
        })
    }
}
