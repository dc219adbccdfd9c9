//! The threads of a run: those that play sources, the writer, the standing queries, and the worker of the graph.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use atom_media::{Location, folder::RecordingSet};
use atom_operators::question::Closer;
use crossbeam::channel::{Receiver, RecvTimeoutError, unbounded};

use crate::{
    event::{EventSender, OutputEvent},
    graph::GraphInputs,
    graph_worker::GraphWorker,
    index_writer::IndexWriter,
    input_channels::SourceChannels,
    metrics::Metrics,
    resume_point::SourceStart,
    retention::IDLE_INTERVAL,
    source_context::SourceContext,
    source_queue::{DirectoryScanner, Reconciler, SourceQueue},
    source_workers::{PlaybackBuilder, SourceWorkers},
    standing_queries::StandingQueries,
    writer::{Writer, WriterTotals},
};

/// Everything that works on a thread of its own, ready to start.
pub(crate) struct RunThreads<'p> {
    pub(crate) context: SourceContext<'p>,
    /// Locations of the planned sources.
    pub(crate) locations: Vec<Option<Location>>,
    /// Starts of the planned sources.
    pub(crate) starts: Vec<SourceStart>,
    /// Contents of the folders, each with its planned source.
    pub(crate) recording_sets: Vec<(usize, RecordingSet)>,
    /// The indexes, for the reconciliation of found recordings.
    pub(crate) reconciler_writers: Vec<IndexWriter>,
    pub(crate) channels: SourceChannels,
    pub(crate) graph_worker: GraphWorker,
    pub(crate) graph_inputs: GraphInputs,
    pub(crate) writer: Writer,
    pub(crate) standing_queries: StandingQueries,
    pub(crate) metrics: Arc<Metrics>,
}

impl RunThreads<'_> {
    /// Runs the graph on this thread and everything else beside it, until all results are written.
    ///
    /// Every thread that sends to the writer holds a sender of its own: the writer ends when the last one is gone.
    pub(crate) fn run(mut self) -> WriterTotals {
        let context = &self.context;
        let (queue, jobs) = SourceQueue::new(
            planned_recordings(context, &self.starts),
            context.stop.clone(),
        );
        let reconciler = Reconciler::new(context, &queue, self.reconciler_writers);
        let builder = PlaybackBuilder::new(context, &reconciler, self.locations, &self.starts);
        let workers = SourceWorkers::new(&queue, builder);
        let scanner = (!self.recording_sets.is_empty()).then(|| {
            DirectoryScanner::new(context, self.recording_sets, (&queue, jobs), &reconciler)
        });
        let after_sources = after_sources(context, self.graph_worker.questions.as_ref());
        let (output, events) = unbounded();
        let (wake_queries, wake_ups) = mpsc::channel();
        self.writer.wake_queries = Some(wake_queries);
        let mut totals = thread::scope(|threads| {
            let writing = threads.spawn(|| self.writer.run(with_idle_events(events)));
            let query_output = output.clone();
            threads.spawn(move || {
                // Without a writer events cannot be sent; they are in the index.
                let send = |event| drop(query_output.send(OutputEvent::Query(event)));
                self.standing_queries.run(&self.metrics, &wake_ups, send);
            });
            let source_events = EventSender(output.clone());
            let mut playing = workers.start(threads, self.channels, &source_events);
            if let Some(scanner) = scanner {
                let events = source_events.clone();
                playing.push(threads.spawn(move || scanner.run(&events)));
            }
            threads.spawn(move || {
                playing.into_iter().for_each(|thread| drop(thread.join()));
                after_sources.iter().for_each(Closer::close);
            });
            let last_output = source_events;
            let worked = self.graph_worker.run(self.graph_inputs, output);
            context.stop.cancel();
            // Behind everything that was sealed.
            last_output.send_all_sealed();
            let mut totals = writing.join().unwrap_or_else(|_| WriterTotals::of_panic());
            let error = worked.err().map(|error| error.to_string());
            totals.errors.extend(error);
            totals
        });
        totals.errors.splice(0..0, workers.into_errors());
        totals
    }
}

/// Returns the recordings of the plan that are not complete yet.
fn planned_recordings(
    context: &SourceContext,
    starts: &[SourceStart],
) -> impl Iterator<Item = usize> {
    let sources = starts.iter().zip(&context.plan.sources).enumerate();
    sources.filter_map(|(at, (start, planned))| {
        (start.resume_point.is_some() && !planned.is_live()).then_some(at)
    })
}

/// Returns the closer of questions that is used when all sources have ended. Without sources, those who ask close it.
fn after_sources(context: &SourceContext, questions: Option<&Closer>) -> Option<Closer> {
    questions
        .cloned()
        .filter(|_| !context.plan.sources.is_empty())
}

/// Returns the events, with an idle event whenever none comes for a while.
fn with_idle_events(events: Receiver<OutputEvent>) -> impl Iterator<Item = OutputEvent> {
    std::iter::from_fn(move || match events.recv_timeout(IDLE_INTERVAL) {
        Err(RecvTimeoutError::Timeout) => Some(OutputEvent::Idle),
        event => event.ok(),
    })
}
