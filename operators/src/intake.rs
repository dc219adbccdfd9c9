//! Where sources enter the graph: one operator for all of them, a tick for each record.
//!
//! Records of a source are taken while its [`Flow`] is open, and its capability is dropped at its end: so an idle or
//! closed source holds back nothing but itself. Each record has a tick of its own: only between ticks is order kept. A source that vanishes without an [`End`] is ended here.

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
    tick::Tick,
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

/// One source's way into the graph.
pub struct Inlet {
    /// The source.
    pub source: SourceId,
    /// Its records. Whoever sends one calls [`Flow::wake`] after.
    pub records: Receiver<Record>,
    /// What of it is in flight.
    pub flow: Arc<Flow>,
}

/// Takes the records of all sources in.
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
                for source in &mut open {
                    while let Some(taken) = source.next() {
                        output.session(&source.capability).give(taken);
                        source.count += 1;
                        source
                            .capability
                            .downgrade(&Tick::at(source.inlet.source, source.count));
                    }
                }
                open.retain(|source| !source.ended);
            }
        },
    )
}

/// A source that has not ended.
struct Open {
    inlet: Inlet,
    capability: Capability<Tick>,
    count: u64,
    last: MediaTime,
    ended: bool,
}

impl Open {
    fn new(inlet: Inlet, initial: &Capability<Tick>) -> Self {
        let capability = initial.delayed(&Tick::at(inlet.source, 0));
        Self {
            inlet,
            capability,
            count: 0,
            last: MediaTime::default(),
            ended: false,
        }
    }

    /// The next record, if there is one and there is room for it.
    fn next(&mut self) -> Option<Taken> {
        if self.ended || !self.inlet.flow.open() {
            return None;
        }
        match self.inlet.records.try_recv() {
            Ok(Record::Frame(mut frame)) => {
                self.last = frame.at;
                frame.slot = Some(self.inlet.flow.frame());
                Some(Taken::Frame(Arc::new(frame)))
            }
            Ok(Record::Lost(failure)) => Some(Taken::Lost(failure)),
            Ok(Record::Quiet(quiet)) => Some(Taken::Quiet(quiet)),
            Ok(Record::End(end)) => {
                self.ended = true;
                Some(Taken::End(end))
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(self.vanished()),
        }
    }

    /// The thread of the source is gone: tell it, then end the source.
    fn vanished(&mut self) -> Taken {
        let source = self.inlet.source;
        let (end, nothing) = crossbeam::channel::bounded(1);
        // The failure goes first; the end follows from a channel that holds only it.
        let _ = end.send(Record::End(End {
            source,
            at: self.last,
            whole: false,
        }));
        self.inlet.records = nothing;
        let fault = Fault::new(Reason::Panic, "the source's thread ended without a word");
        Taken::Lost(Failure {
            stage: Stage::Source,
            source,
            at: self.last,
            fault,
        })
    }
}
