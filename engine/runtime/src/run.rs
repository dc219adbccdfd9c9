//! Runs a plan: opens everything that can fail first, then lets the graph work until its sources end.
//!
//! There are four kinds of threads: those that play sources, one for each module, the worker of the graph (the caller's thread), and
//! the writer. Everything that ends the run early (a signal, a module or an index that keeps failing) cancels one token: then the
//! sources end, the graph drains, and finished results are written.

use std::{sync::Arc, time::Instant};

use atom_models::Pack;
use atom_operators::qa::question_source::QuestionReceiver;
use atom_pipelines::Plan;

use crate::{
    error::RuntimeError,
    graph::{GraphInputs, LanguageModules},
    graph_worker::GraphWorker,
    index_writer::IndexWriter,
    input_channels::{InputChannels, SourceChannels},
    intake_context::IntakeContext,
    observer::Observer,
    resources::{Modules, Resources},
    resume_point::SourceStart,
    run_context::RunContext,
    run_options::{Questions, RunHandles, RunOptions},
    run_outcome::RunOutcome,
    run_status::{RunStatus, SourceStatus},
    run_threads::RunThreads,
    writer::{Indexes, Outputs, PlanSink, Writer, WriterTotals},
};

/// Runs a plan until its sources end.
///
/// # Errors
/// If it cannot start, because a pack, a module, a source, a sink or an index cannot be used.
pub fn run(plan: &Plan, mut options: RunOptions) -> Result<RunOutcome, RuntimeError> {
    atom_media::init()?;
    let pack = Pack::open(&plan.pack)?;
    let resources = Resources::open(plan, &pack, &mut options)?;
    let sources = &resources.sources;
    let has_folders = !sources.recording_sets.is_empty();
    let channels = InputChannels::new(plan, &sources.starts, has_folders, options.sequential);
    let status = RunStatus::new(channels.credits(), options.meters);
    let run = Run {
        plan,
        pack: &pack,
        resume: options.resume,
        context: RunContext::new(status, options.stop, options.hangups),
    };
    run.add_planned_sources(&sources.starts, &channels);
    let handles = RunHandles {
        status: run.context.status.clone(),
        metrics: Arc::clone(&run.context.metrics),
        index_paths: resources.standing_queries.paths(),
    };
    let server = options.server.map(|start| start(handles)).transpose();
    let _server = server.map_err(RuntimeError::Server)?;
    if let Some(on_ready) = options.on_ready {
        on_ready();
    }
    Ok(run.execute(resources, channels, options.observer, options.questions))
}

/// A run whose resources are open.
struct Run<'p> {
    plan: &'p Plan,
    pack: &'p Pack,
    resume: bool,
    context: RunContext,
}

impl Run<'_> {
    /// Adds the sources of the plan to the status. Recordings of folders are added when they are found.
    fn add_planned_sources(&self, starts: &[SourceStart], channels: &InputChannels) {
        for (at, start) in starts.iter().enumerate() {
            if self.plan.sources[at].is_folder() {
                continue;
            }
            let source = SourceStatus::new(self.plan, at, start, channels.live_credits(at));
            let seconds = source.stored_through.millis() as f64 / 1000.0;
            self.context.metrics.complete(&source.name, seconds);
            self.context.status.add(source);
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
        let starts = resources.sources.starts.clone();
        let (channels, graph_inputs) = self.open_graph(channels, resources.modules, questions);
        let threads = RunThreads {
            intake: IntakeContext {
                plan: self.plan,
                frame_size: self.pack.frame_size(),
                resume: self.resume,
                stop: self.context.stop.clone(),
                status: self.context.status.clone(),
            },
            sources: resources.sources,
            channels,
            graph_worker: GraphWorker {
                plan: self.plan.clone(),
                context: self.context.clone(),
                questions: graph_inputs
                    .questions
                    .as_ref()
                    .map(QuestionReceiver::closer),
            },
            graph_inputs,
            writer: self.writer(resources.sinks, resources.index_writers, observer),
            standing_queries: resources.standing_queries,
        };
        let mut totals = threads.run(&self.context);
        totals.errors.extend(self.context.health.errors());
        RunOutcome::new(&self.context.status, totals, &starts, started)
    }

    /// Opens the channels; returns the sources' ends, and everything that the graph works with.
    fn open_graph(
        &self,
        channels: InputChannels,
        modules: Modules,
        questions: Option<Questions>,
    ) -> (SourceChannels, GraphInputs) {
        let health = &self.context.health;
        let (receiver, archive) = questions
            .map(|questions| (questions.receiver, questions.archive))
            .unzip();
        let text = modules.graph_needs_text.then_some(modules.text);
        let language = LanguageModules {
            decoder: modules.decoder,
            decoder_breaker: health.decoder.clone(),
            text: text.map(|text| Box::new(text) as _),
            text_breaker: health.text.clone(),
            memory: modules.memory,
            archive,
        };
        let rate_factors = channels.rate_factors();
        let (receivers, channels) = channels.open();
        let inputs = GraphInputs {
            receivers,
            rate_factors,
            vision: modules.vision,
            vision_breaker: health.vision.clone(),
            language,
            questions: receiver,
            prompts: self.pack.prompts().clone(),
            counters: self.context.status.counters.clone(),
        };
        (channels, inputs)
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
                context: self.context.clone(),
            },
            indexes: Indexes {
                writers,
                prompts: self.pack.prompts().clone(),
                context: self.context.clone(),
            },
            context: self.context.clone(),
            wake_queries: None,
            totals: WriterTotals::new(Arc::clone(&self.context.metrics)),
        }
    }
}
