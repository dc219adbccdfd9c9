//! Brings sealed results out: to the caller, the sinks and the stores, on a thread of its own.
//!
//! Results arrive in order. Of each sealed tick the rows go into the store in the one transaction that also moves how far
//! the source is complete, so that the two never disagree. When this thread lets a result go, its segment's place in the
//! flow is free again: a slow disk slows the sources, it loses nothing.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use atom_models::Connector;
use atom_operators::{
    data::{Failure, MediaTime, NodeId, Row, Segment, SourceId, Stage},
    seal::{Event, Sealed},
};
use tracing::{info, warn};

use crate::{
    sink::{Question, Record, Sink},
    store::{self, Store},
};

/// Is told of results as they are sealed.
pub trait Audience: Send {
    /// A caption or an answer.
    fn result(&mut self, record: &Record);
    /// How far a source is complete, and its length if that is known.
    fn progress(&mut self, source: &str, complete_through_ms: u64, length_ms: u64);
}

/// A sink of the plan, opened.
pub struct OpenSink {
    /// Its name in its file.
    pub name: String,
    /// Where records go.
    pub sink: Box<dyn Sink>,
    /// The nodes that it takes, by what its file calls them.
    pub inputs: BTreeMap<NodeId, String>,
    /// What its file calls the sources.
    pub sources: BTreeMap<SourceId, String>,
}

/// The store of an index node, opened.
pub struct OpenStore {
    /// The index node.
    pub node: NodeId,
    /// The store.
    pub store: Store,
    /// Where each source's rows go.
    pub shelves: BTreeMap<SourceId, Shelf>,
}

/// The place of one source's rows in a store.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// What the index node's file calls the source.
    pub source: String,
    /// The key of its rows: pack, version, and a hash of the settings and of the source's content.
    pub pack: String,
}

/// A source's counts that only the writer knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    /// Segments that closed.
    pub segments: u64,
    /// How far everything is out.
    pub complete_through: MediaTime,
}

/// What the writer saw in all.
#[derive(Debug, Default)]
pub struct Written {
    /// Captions given out.
    pub captions: u64,
    /// Answers given out.
    pub answers: u64,
    /// By source.
    pub sources: BTreeMap<SourceId, Passed>,
    /// How often each stage failed, by reason.
    pub failures: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// What ended the run, or would have.
    pub errors: Vec<String>,
}

/// The thread's state.
pub struct Writer {
    /// Names of the sources.
    pub names: Vec<String>,
    /// Names of the nodes.
    pub nodes: Vec<String>,
    /// The pack's name.
    pub pack: String,
    /// Puts what was seen into words, for the index.
    pub connector: Connector,
    /// The sinks.
    pub sinks: Vec<OpenSink>,
    /// The stores.
    pub stores: Vec<OpenStore>,
    /// Who else is told.
    pub audience: Box<dyn Audience>,
    /// Lengths of the videos in milliseconds, 0 where not known.
    pub lengths_ms: Vec<Arc<std::sync::atomic::AtomicU64>>,
    /// Set when a store fails: without it the run would lose rows.
    pub stop: Arc<AtomicBool>,
    /// What was seen so far.
    pub written: Written,
}

impl Writer {
    /// Brings everything out until nothing more can come, then finishes the sinks.
    pub fn run(mut self, sealed: impl IntoIterator<Item = Sealed>) -> Written {
        for sealed in sealed {
            self.take(sealed);
        }
        for open in &mut self.sinks {
            if let Err(error) = open.sink.finish() {
                self.written.errors.push(error.to_string());
            }
        }
        self.written
    }

    fn take(&mut self, sealed: Sealed) {
        let Sealed {
            source,
            events,
            complete_through,
        } = sealed;
        let mut rows = Vec::new();
        let mut end = None;
        for event in events {
            match event {
                Event::Caption(caption) => {
                    self.written.captions += 1;
                    self.publish(caption.node, &caption.segment, &caption.text, None);
                }
                Event::Answer(answer) => {
                    self.written.answers += 1;
                    self.publish(
                        answer.node,
                        &answer.segment,
                        &answer.text,
                        Some(&answer.ask),
                    );
                }
                Event::Row(row) => rows.push(row),
                Event::Failure(failure) => self.failed(&failure),
                Event::Closed { .. } => {
                    self.written.sources.entry(source).or_default().segments += 1
                }
                Event::End(ended) => end = Some(ended),
            }
        }
        let passed = self.written.sources.entry(source).or_default();
        passed.complete_through = complete_through
            .unwrap_or_default()
            .max(passed.complete_through);
        let through = passed.complete_through;
        self.store(source, rows, through, end.is_some_and(|end| end.whole));
        self.complete(source, through);
    }

    fn publish(&mut self, node: NodeId, segment: &Segment, text: &str, ask: Option<&str>) {
        let source = segment.key.source;
        let question = |node: &str| {
            ask.map(|ask| Question {
                node: node.to_owned(),
                ask: ask.to_owned(),
            })
        };
        let mut record = Record {
            source: self.names[source.0 as usize].clone(),
            start_ms: segment.key.start.millis(),
            end_ms: segment.end.millis(),
            text: text.to_owned(),
            pack: self.pack.clone(),
            question: question(&self.nodes[node.0]),
        };
        self.audience.result(&record);
        let mut broken = Vec::new();
        for (at, open) in self.sinks.iter_mut().enumerate() {
            let (Some(name), Some(called)) = (open.inputs.get(&node), open.sources.get(&source))
            else {
                continue;
            };
            record.source.clone_from(called);
            record.question = question(name);
            if let Err(error) = open.sink.write(&record) {
                broken.push((at, error.to_string()));
            }
        }
        // A sink that cannot be written to is given up; the others go on.
        for (at, reason) in broken.into_iter().rev() {
            let open = self.sinks.remove(at);
            self.count(Stage::Sink, "write");
            self.written
                .errors
                .push(format!("sink {:?} was given up: {reason}", open.name));
        }
    }

    fn store(&mut self, source: SourceId, rows: Vec<Row>, through: MediaTime, whole: bool) {
        let mut failed = Vec::new();
        for open in &mut self.stores {
            let Some(shelf) = open.shelves.get(&source) else {
                continue;
            };
            let mine = rows.iter().filter(|row| row.node == open.node);
            let rows: Vec<_> = mine.map(|row| stored(row, &self.connector)).collect();
            let sealed = open
                .store
                .seal(&shelf.source, &shelf.pack, &rows, through.millis());
            let done = sealed.and_then(|()| match whole {
                true => open
                    .store
                    .finish(&shelf.source, &shelf.pack, through.millis()),
                false => Ok(()),
            });
            failed.extend(done.err().map(|error| error.to_string()));
        }
        for reason in failed {
            self.count(Stage::Store, "write");
            if !self.written.errors.contains(&reason) {
                self.written.errors.push(reason);
            }
            self.stop.store(true, SeqCst);
        }
    }

    fn complete(&mut self, source: SourceId, through: MediaTime) {
        for open in &mut self.sinks {
            let Some(called) = open.sources.get(&source) else {
                continue;
            };
            if let Err(error) = open.sink.complete(called, through.millis()) {
                self.written.errors.push(error.to_string());
            }
        }
        let length = self.lengths_ms[source.0 as usize].load(SeqCst);
        self.audience
            .progress(&self.names[source.0 as usize], through.millis(), length);
        info!(source = %self.names[source.0 as usize], complete_through = %through, "sealed");
    }

    fn failed(&mut self, failure: &Failure) {
        self.count(failure.stage, failure.fault.reason.name());
        let source = &self.names[failure.source.0 as usize];
        warn!(%source, at = %failure.at, stage = failure.stage.name(), "{}", failure.fault);
    }

    fn count(&mut self, stage: Stage, reason: &'static str) {
        *self
            .written
            .failures
            .entry(stage.name())
            .or_default()
            .entry(reason)
            .or_default() += 1;
    }
}

fn stored(row: &Row, connector: &Connector) -> store::Row {
    store::Row {
        start_ms: row.segment.key.start.millis(),
        end_ms: row.segment.end.millis(),
        caption: row.caption.clone(),
        tags: connector.tags(&row.segment.impression),
        answers: row
            .answers
            .iter()
            .map(|(ask, text)| (ask.to_string(), text.clone()))
            .collect(),
        embedding: row.segment.impression.embedding.to_vec(),
        failed: row
            .failed
            .iter()
            .map(|stage| stage.name().to_owned())
            .collect(),
    }
}
