//! The observer and the sinks of a run.
//!
//! A sink that fails is closed and the others continue; the run fails at its end. Without its observer the run ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use atom_models::{Reason, error_chain};
use atom_operators::{
    failure::Stage,
    ids::{NodeId, SourceId},
    media_time::MediaTime,
    segment::Segment,
};

use super::writer_totals::WriterTotals;
use crate::{
    error::RuntimeError,
    observer::{NullObserver, Observer},
    run_context::RunContext,
    sink::{Record, RecordKind, Sink, SinkError},
};

/// A sink of the plan, opened.
pub(crate) struct PlanSink {
    /// Its name in its pipeline file.
    pub(crate) name: String,
    /// The destination of records.
    pub(crate) sink: Box<dyn Sink>,
    /// True if it takes drafts too.
    pub(crate) drafts: bool,
    /// Its input nodes, by their names in its pipeline file.
    pub(crate) inputs: BTreeMap<NodeId, String>,
    /// The names of the sources in its pipeline file, by planned source.
    pub(crate) source_names: BTreeMap<usize, String>,
}

/// The observer and the sinks of a run.
pub(crate) struct Outputs {
    /// Names of the nodes of the plan.
    pub(crate) node_names: Vec<String>,
    /// The pack's name.
    pub(crate) pack: String,
    pub(crate) observer: Box<dyn Observer>,
    pub(crate) sinks: Vec<PlanSink>,
    /// Its token is cancelled when the observer goes away.
    pub(crate) context: RunContext,
}

/// A text of the graph about a span of a source.
pub(super) struct SpanText<'a> {
    /// The node that produced it.
    pub(super) node: NodeId,
    pub(super) source: SourceId,
    pub(super) start: MediaTime,
    pub(super) end: MediaTime,
    pub(super) text: &'a str,
}

impl<'a> SpanText<'a> {
    /// Returns a text about a segment.
    pub(super) fn of_segment(node: NodeId, segment: &Segment, text: &'a str) -> Self {
        Self {
            node,
            source: segment.key.source,
            start: segment.key.start,
            end: segment.end,
            text,
        }
    }
}

impl Outputs {
    /// Sends a text to the observer and the sinks, each time with the names of its pipeline file; `kind` gets the node's name.
    pub(super) fn publish(
        &mut self,
        totals: &mut WriterTotals,
        text: &SpanText,
        kind: &dyn Fn(&str) -> RecordKind,
    ) {
        let source = self.context.status.source_of_result(text.source);
        let start_time = source.start_time();
        let pack = self.pack.clone();
        let record = |source: &str, node: &str| Record {
            source: source.to_owned(),
            start_ms: text.start.millis(),
            end_ms: text.end.millis(),
            text: text.text.to_owned(),
            pack: pack.clone(),
            kind: kind(node),
            start_time,
        };
        let own = record(&source.name, &self.node_names[text.node.0]);
        self.notify(totals, |observer| match own.kind {
            RecordKind::Draft => observer.draft(&own),
            _ => observer.result(&own),
        });
        self.each_sink(totals, |open| {
            let name = source.name_in(&open.source_names);
            let Some((source, node)) = name.zip(open.inputs.get(&text.node)) else {
                return Ok(());
            };
            let record = record(source, node);
            match record.kind != RecordKind::Draft || open.drafts {
                true => open.sink.write(&record),
                false => Ok(()),
            }
        });
    }

    /// Finishes each sink, with the fact whether all its sources were processed to their end.
    pub(super) fn finish_sinks(&mut self, totals: &mut WriterTotals) {
        let sources = self.context.status.sources();
        let recordings_done = totals.incomplete.is_empty();
        let mut unfinished = BTreeSet::new();
        for source in sources {
            let done = match source.recording {
                // Recordings that are finished have been removed from the status.
                Some(_) => false,
                None => source.live || totals.progress(&source).ended,
            };
            if !done {
                unfinished.insert(source.id.planned as usize);
            }
        }
        self.each_sink(totals, |open| {
            let mut planned = open.source_names.keys();
            let complete = recordings_done && planned.all(|at| !unfinished.contains(at));
            open.sink.finish(complete)
        });
    }

    /// Calls each sink in order; one that fails is closed.
    pub(super) fn each_sink(
        &mut self,
        totals: &mut WriterTotals,
        mut work: impl FnMut(&mut PlanSink) -> Result<(), SinkError>,
    ) {
        let problems = &self.context.status.problems;
        self.sinks.retain_mut(|open| match work(open) {
            Ok(()) => true,
            // A closed pipe is not a failure: its reader has what it wanted.
            Err(error) if error.is_closed_pipe() => false,
            Err(error) => {
                let reason = format!("closed: {}", error_chain(&error));
                problems.set(&format!("sink {}", open.name), reason);
                totals.count_failure(Stage::Sink, Reason::Write);
                totals.errors.push(RuntimeError::SinkClosed {
                    name: open.name.clone(),
                    source: error,
                });
                false
            }
        });
    }

    /// Calls the observer. If it fails, the run ends; a reader that went away is not an error.
    pub(super) fn notify(
        &mut self,
        totals: &mut WriterTotals,
        call: impl FnOnce(&mut dyn Observer) -> io::Result<()>,
    ) {
        let Err(error) = call(&mut *self.observer) else {
            return;
        };
        if error.kind() == io::ErrorKind::BrokenPipe {
            totals.observer_gone = true;
        } else {
            totals.count_failure(Stage::Sink, Reason::Write);
            totals.errors.push(RuntimeError::Observer(error));
        }
        self.context.stop.cancel();
        self.observer = Box::new(NullObserver);
    }
}
