//! The options of a run.

use std::{any::Any, io, path::PathBuf, sync::Arc};

use atom_models::Meters;
use atom_operators::{
    cancel::CancellationToken,
    hangup::HangupCount,
    qa::{archive::Archive, question_source::QuestionReceiver},
};

use crate::{metrics::Metrics, observer::Observer, resources::Modules, run_status::RunStatus};

/// The options of a run.
pub struct RunOptions {
    /// True to resume where the indexes stopped, instead of starting at the beginning.
    pub resume: bool,
    /// Ends the run early when it is cancelled.
    pub stop: CancellationToken,
    /// Counts the requests to reopen the files that sinks write.
    pub hangups: HangupCount,
    /// Gets results as they come.
    pub observer: Box<dyn Observer>,
    /// People's questions, if any can be asked.
    pub questions: Option<Questions>,
    /// Starts a server that shows the run.
    pub server: Option<StartServer>,
    /// Measure the modules; the caller can listen to them.
    pub meters: Meters,
    /// The modules, if they are loaded already; they must be those that the plan needs.
    pub modules: Option<Modules>,
    /// True to work on one recording, and on one frame or segment of it, at a time: the baseline that parallel work is measured
    /// against.
    pub sequential: bool,
    /// Called when everything is loaded and opened, before the sources start.
    pub on_ready: Option<Box<dyn FnOnce() + Send>>,
}

impl RunOptions {
    /// Returns the options of a run from the beginning to the end, or until `stop` is cancelled.
    pub fn new(stop: CancellationToken, observer: Box<dyn Observer>) -> Self {
        Self {
            resume: false,
            stop,
            hangups: HangupCount::default(),
            observer,
            questions: None,
            server: None,
            meters: Meters::default(),
            modules: None,
            sequential: false,
            on_ready: None,
        }
    }
}

/// The parts of a run that a server shows.
#[derive(Clone)]
pub struct RunHandles {
    /// The state of the run and of its sources.
    pub status: RunStatus,
    /// The metrics of the run.
    pub metrics: Arc<Metrics>,
    /// The files of the indexes that the run writes.
    pub index_paths: Arc<[PathBuf]>,
}

/// Function that starts a server for a run. The value it returns is dropped when the run ends.
pub type StartServer = Box<dyn FnOnce(RunHandles) -> io::Result<Box<dyn Any>> + Send>;

/// People's questions. No more are accepted when all sources of the plan have ended or the run stops; for a plan without sources, when
/// nobody can ask.
pub struct Questions {
    /// Receives the questions.
    pub receiver: QuestionReceiver,
    /// The subject of the questions.
    pub archive: Box<dyn Archive>,
}
