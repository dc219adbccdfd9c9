//! The events of a run on their way to the writer, and the events of a folder's recordings.

use atom_index::{QueryEvent, Reconciliation};
use atom_operators::{caption::Caption, qa::ask::Reply, seal::SealedEvents};
use crossbeam::channel::Sender;

use crate::run_report::SourceReport;

/// Input of the writer.
#[derive(Clone, Debug)]
pub enum OutputEvent {
    /// A caption from memory, as soon as its segment has closed. The decoder's caption replaces it.
    Draft(Caption),
    /// Everything of one tick, once it is complete.
    Sealed(SealedEvents),
    /// The answer to a person's question.
    Reply(Reply),
    /// A change of a folder's recording.
    Source(SourceEvent),
    /// A match that a standing query gained or lost.
    Query(QueryEvent),
    /// Nothing more will be sealed.
    AllSealed,
    /// There was no event for a while.
    Idle,
    /// A hang-up signal asks to reopen files.
    Hangup,
}

/// Sender of events to the writer. The writer ends when all senders are gone, so only working threads hold one.
#[derive(Clone)]
pub(crate) struct EventSender(pub(crate) Sender<OutputEvent>);

impl EventSender {
    /// Sends an event. Without a writer the run ends anyway.
    pub(crate) fn send(&self, event: OutputEvent) {
        let _ = self.0.send(event);
    }
}

/// A change of a recording in a folder.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// All of it is indexed already.
    AlreadyIndexed(String),
    /// It has another name now, and was not indexed again.
    Renamed {
        /// The name it had.
        from: String,
        /// The name it has.
        to: String,
    },
    /// Another recording has its name now; its rows are removed.
    Replaced(String),
    /// It is longer than before.
    Grown(String),
    /// Its file and its rows are removed.
    Removed(String),
    /// It could not be played or indexed.
    Failed {
        /// Its name.
        name: String,
        /// The error with its causes.
        error: String,
    },
    /// All of it that is there was processed.
    Finished {
        /// Its name.
        name: String,
        /// Its counts.
        report: SourceReport,
        /// True if it was processed to its end.
        ended: bool,
        /// True if it is still being written.
        growing: bool,
    },
}

impl SourceEvent {
    /// Returns the event of a reconciliation, if it is worth one.
    pub(crate) fn of_reconciliation(name: &str, reconciliation: Reconciliation) -> Option<Self> {
        let name = name.to_owned();
        match reconciliation {
            Reconciliation::Moved(from) => Some(Self::Renamed { from, to: name }),
            Reconciliation::Replaced => Some(Self::Replaced(name)),
            Reconciliation::Grown => Some(Self::Grown(name)),
            Reconciliation::New | Reconciliation::Unchanged | Reconciliation::NameInUse => None,
        }
    }
}
