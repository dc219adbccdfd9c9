//! The threads of a run: those that play sources, the writer, the standing queries, and the worker of the graph.

use std::{
    thread::{self, Scope},
    time::Duration,
};

use atom_operators::qa::question_source::QuestionCloser;
use crossbeam::channel::{Receiver, RecvTimeoutError, unbounded};

use crate::{
    graph::GraphInputs,
    graph_worker::GraphWorker,
    input_channels::SourceChannels,
    intake_context::IntakeContext,
    output_event::{EventSender, OutputEvent},
    resources::SourceResources,
    retention_task::IDLE_INTERVAL,
    run_context::RunContext,
    source_queue::{DirectoryScanner, Reconciler, SourceQueue},
    source_workers::{PlaybackBuilder, SourceWorkers},
    standing_queries::StandingQueries,
    writer::{Writer, WriterTotals},
};

/// Time between two checks for a hang-up signal while no event comes.
const HANGUP_INTERVAL: Duration = Duration::from_secs(1);

/// Everything that works on a thread of its own, ready to start.
pub(crate) struct RunThreads<'p> {
    pub(crate) intake: IntakeContext<'p>,
    pub(crate) sources: SourceResources,
    pub(crate) channels: SourceChannels,
    pub(crate) graph_worker: GraphWorker,
    pub(crate) graph_inputs: GraphInputs,
    pub(crate) writer: Writer,
    pub(crate) standing_queries: StandingQueries,
}

impl RunThreads<'_> {
    /// Runs the graph on this thread and everything else beside it, until all results are written.
    ///
    /// Every thread that sends to the writer holds a sender of its own: the writer ends when the last one is gone.
    pub(crate) fn run(mut self, context: &RunContext) -> WriterTotals {
        let (intake, sources) = (&self.intake, self.sources);
        let (queue, jobs) = SourceQueue::new(intake, &sources.starts);
        let reconciler = Reconciler::new(intake, &queue, sources.index_writers);
        let builder = PlaybackBuilder::new(intake, &reconciler, sources.locations, &sources.starts);
        let workers = SourceWorkers::new(&queue, builder);
        let sets = sources.recording_sets;
        let scanner = (!sets.is_empty())
            .then(|| DirectoryScanner::new(intake, sets, (&queue, jobs), &reconciler));
        let (output, events) = unbounded();
        let wake_ups = self.writer.wake_ups();
        let mut totals = thread::scope(|threads| {
            let writing = threads.spawn(|| self.writer.run(with_idle_events(events, context)));
            let query_events = EventSender(output.clone());
            let source_events = query_events.clone();
            threads.spawn(move || {
                let send = |event| query_events.send(OutputEvent::Query(event));
                self.standing_queries.run(context, &wake_ups, send);
            });
            SourceThreads {
                workers: &workers,
                scanner,
                channels: self.channels,
                questions: after_sources(intake, self.graph_worker.questions.as_ref()),
            }
            .start(threads, &source_events);
            let worked = self.graph_worker.run(self.graph_inputs, output);
            context.stop.cancel();
            // Behind everything that was sealed.
            source_events.send(OutputEvent::AllSealed);
            drop(source_events);
            let mut totals = writing.join().unwrap_or_else(|_| WriterTotals::of_panic());
            totals.errors.extend(worked.err());
            totals
        });
        totals.add_source_errors(workers.into_errors());
        totals
    }
}

/// The threads around the sources.
struct SourceThreads<'r> {
    workers: &'r SourceWorkers<'r>,
    scanner: Option<DirectoryScanner<'r>>,
    channels: SourceChannels,
    /// Closed when all sources have ended.
    questions: Option<QuestionCloser>,
}

impl<'r> SourceThreads<'r> {
    fn start<'s>(self, threads: &'s Scope<'s, '_>, events: &EventSender)
    where
        'r: 's,
    {
        let mut playing = self.workers.start(threads, self.channels, events);
        if let Some(scanner) = self.scanner {
            let events = events.clone();
            playing.push(threads.spawn(move || scanner.run(&events)));
        }
        threads.spawn(move || {
            playing.into_iter().for_each(|thread| drop(thread.join()));
            self.questions.iter().for_each(QuestionCloser::close);
        });
    }
}

/// Returns the closer of questions that is used when all sources have ended. Without sources, those who ask close it.
fn after_sources(
    intake: &IntakeContext,
    questions: Option<&QuestionCloser>,
) -> Option<QuestionCloser> {
    questions
        .cloned()
        .filter(|_| !intake.plan.sources.is_empty())
}

/// Returns the events, with an idle event whenever none comes for a while, and one for each hang-up signal.
fn with_idle_events(
    events: Receiver<OutputEvent>,
    context: &RunContext,
) -> impl Iterator<Item = OutputEvent> {
    let hangups = &context.hangups;
    let mut seen = hangups.get();
    let mut idle = Duration::ZERO;
    std::iter::from_fn(move || {
        loop {
            let requests = hangups.get();
            if std::mem::replace(&mut seen, requests) != requests {
                return Some(OutputEvent::Hangup);
            }
            match events.recv_timeout(HANGUP_INTERVAL) {
                Err(RecvTimeoutError::Timeout) => idle += HANGUP_INTERVAL,
                event => {
                    idle = Duration::ZERO;
                    return event.ok();
                }
            }
            if idle >= IDLE_INTERVAL {
                idle = Duration::ZERO;
                return Some(OutputEvent::Idle);
            }
        }
    })
}
