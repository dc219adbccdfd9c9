//! Runs a plan: opens everything that can fail first, then lets the graph work until its sources end.
//!
//! There are four kinds of threads: those that play sources, one for each module, the worker of the graph (the caller's thread), and
//! the writer. Everything that ends the run early (a signal, a module or an index that keeps failing) cancels one token: then the
//! sources end, the graph drains, and finished results are written.

use std::{any::Any, collections::BTreeMap, io, path::PathBuf, sync::Arc, time::Instant};

use atom_models::{Meters, Pack};
use atom_operators::{
    archive::Archive, cancel::CancellationToken, intake::Inlet, pace::Pace, question::Inbox,
};
use atom_pipelines::Plan;

use crate::{
    error::RuntimeError,
    graph::{GraphInputs, LanguageModules},
    graph_worker::GraphWorker,
    health::ModuleHealth,
    index_writer::IndexWriter,
    input_channels::InputChannels,
    metrics::Metrics,
    observer::Observer,
    outcome::RunOutcome,
    resources::{Modules, ResourceOptions, Resources},
    resume_point::SourceStart,
    source_context::SourceContext,
    status::{RunStatus, SourceStatus},
    threads::RunThreads,
    writer::{Indexes, Outputs, PlanSink, Writer, WriterTotals},
};

/// The options of a run.
pub struct RunOptions {
    /// True to resume where the indexes stopped, instead of starting at the beginning.
    pub resume: bool,
    /// Ends the run early when it is cancelled.
    pub stop: CancellationToken,
    /// Gets results as they come.
    pub observer: Box<dyn Observer>,
    /// People's questions, if any can be asked.
    pub questions: Option<Questions>,
    /// Starts a server that shows the run.
    pub server: Option<ServerHook>,
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
pub struct RunView {
    /// The state of the run and of its sources.
    pub status: RunStatus,
    /// The metrics of the run.
    pub metrics: Arc<Metrics>,
    /// The files of the indexes that the run writes.
    pub index_paths: Arc<[PathBuf]>,
}

/// Function that starts a server for a run. The value it returns is dropped when the run ends.
pub type ServerHook = Box<dyn FnOnce(RunView) -> io::Result<Box<dyn Any>> + Send>;

/// People's questions. No more are accepted when all sources of the plan have ended or the run stops; for a plan without sources, when
/// nobody can ask.
pub struct Questions {
    /// Receives the questions.
    pub inbox: Inbox,
    /// The subject of the questions.
    pub archive: Box<dyn Archive>,
}

/// Runs a plan until its sources end.
///
/// # Errors
/// If it cannot start, because a pack, a module, a source, a sink or an index cannot be used.
pub fn run(plan: &Plan, options: RunOptions) -> Result<RunOutcome, RuntimeError> {
    atom_media::init()?;
    let pack = Pack::open(&plan.pack)?;
    let resource_options = ResourceOptions {
        resume: options.resume,
        questions: options.questions.is_some(),
        sequential: options.sequential,
        always_count: options.server.is_some(),
        meters: &options.meters,
        modules: options.modules,
    };
    let resources = Resources::open(plan, &pack, resource_options)?;
    let (starts, has_folders) = (&resources.starts, !resources.recording_sets.is_empty());
    let channels = InputChannels::new(plan, starts, has_folders, options.sequential);
    let run = Run {
        plan,
        pack: &pack,
        status: RunStatus::new(channels.flows(), options.meters),
        metrics: Arc::default(),
        health: ModuleHealth::default(),
        stop: options.stop,
        resume: options.resume,
    };
    run.metrics.attach(&run.status);
    run.add_planned_sources(starts, &channels);
    let view = RunView {
        status: run.status.clone(),
        metrics: Arc::clone(&run.metrics),
        index_paths: resources.standing_queries.paths(),
    };
    let server = options.server.map(|start| start(view)).transpose();
    let _server = server.map_err(RuntimeError::Server)?;
    if let Some(on_ready) = options.on_ready {
        on_ready();
    }
    Ok(run.execute(resources, channels, options.observer, options.questions))
}

/// The values of a run that its parts share.
struct Run<'p> {
    plan: &'p Plan,
    pack: &'p Pack,
    status: RunStatus,
    metrics: Arc<Metrics>,
    health: ModuleHealth,
    stop: CancellationToken,
    resume: bool,
}

impl<'p> Run<'p> {
    /// Adds the sources of the plan to the status. Recordings of folders are added when they are found.
    fn add_planned_sources(&self, starts: &[SourceStart], channels: &InputChannels) {
        for (at, start) in starts.iter().enumerate() {
            if self.plan.sources[at].is_folder() {
                continue;
            }
            let source = SourceStatus::new(self.plan, at, start, channels.live_flow(at));
            let seconds = source.stored_through.millis() as f64 / 1000.0;
            self.metrics.complete(&source.name, seconds);
            self.status.add(source);
        }
    }

    /// Runs until all results are written.
    fn execute(
        &self,
        resources: Resources,
        channels: InputChannels,
        observer: Box<dyn Observer>,
        questions: Option<Questions>,
    ) -> RunOutcome {
        let started = Instant::now();
        let starts = resources.starts.clone();
        let rate_controllers = channels.rate_controllers();
        let (receivers, channels) = channels.open();
        let inputs = (receivers, rate_controllers);
        let graph_inputs = self.graph_inputs(resources.modules, questions, inputs);
        let threads = RunThreads {
            context: self.source_context(),
            locations: resources.locations,
            starts: resources.starts,
            recording_sets: resources.recording_sets,
            reconciler_writers: resources.reconciler_writers,
            channels,
            graph_worker: self.graph_worker(graph_inputs.questions.as_ref()),
            graph_inputs,
            writer: self.writer(resources.sinks, resources.index_writers, observer),
            standing_queries: resources.standing_queries,
            metrics: Arc::clone(&self.metrics),
        };
        let mut totals = threads.run();
        totals.errors.extend(self.health.errors());
        RunOutcome::new(&self.status, totals, &starts, started)
    }

    fn source_context(&self) -> SourceContext<'p> {
        SourceContext {
            plan: self.plan,
            frame_size: self.pack.frame_size(),
            resume: self.resume,
            stop: self.stop.clone(),
            status: self.status.clone(),
        }
    }

    fn graph_inputs(
        &self,
        modules: Modules,
        questions: Option<Questions>,
        (receivers, rate_controllers): (Vec<Inlet>, BTreeMap<usize, Arc<Pace>>),
    ) -> GraphInputs {
        let (inbox, archive) = questions
            .map(|questions| (questions.inbox, questions.archive))
            .unzip();
        let language = LanguageModules {
            decoder: modules.decoder,
            decoder_health: self.health.decoder.clone(),
            text: modules
                .graph_needs_text
                .then(|| Box::new(modules.text) as _),
            text_health: self.health.text.clone(),
            memory: modules.memory,
            archive,
        };
        GraphInputs {
            receivers,
            rate_controllers,
            vision: modules.vision,
            vision_health: self.health.vision.clone(),
            language,
            questions: inbox,
            prompts: self.pack.prompts().clone(),
            counters: self.status.counters.clone(),
        }
    }

    fn graph_worker(&self, questions: Option<&Inbox>) -> GraphWorker {
        GraphWorker {
            plan: self.plan.clone(),
            status: self.status.clone(),
            health: self.health.clone(),
            stop: self.stop.clone(),
            questions: questions.map(Inbox::closer),
        }
    }

    fn writer(
        &self,
        sinks: Vec<PlanSink>,
        writers: Vec<IndexWriter>,
        observer: Box<dyn Observer>,
    ) -> Writer {
        let nodes = self.plan.nodes.iter();
        Writer {
            outputs: Outputs {
                node_names: nodes.map(|node| node.name.clone()).collect(),
                pack: self.pack.manifest().name.clone(),
                observer,
                sinks,
                status: self.status.clone(),
                stop: self.stop.clone(),
            },
            indexes: Indexes {
                writers,
                prompts: self.pack.prompts().clone(),
                health: self.health.clone(),
                status: self.status.clone(),
                stop: self.stop.clone(),
            },
            status: self.status.clone(),
            metrics: Arc::clone(&self.metrics),
            wake_queries: None,
            totals: WriterTotals::new(Arc::clone(&self.metrics)),
        }
    }
}
