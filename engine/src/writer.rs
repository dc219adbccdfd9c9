//! Brings sealed results out: to the caller, the sinks and the stores, on a thread of its own.
//!
//! Results arrive in order. Of each sealed tick the rows go into the store in the one transaction that also moves how far
//! the source is complete, so that the two never disagree. When this thread lets a result go, its segment's place in the
//! flow is free again: a slow disk slows the sources, it loses nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use atom_models::{Connector, Reason};
use atom_operators::{
    ask::Reply,
    data::{Answer, Failure, MediaTime, NodeId, Row, Segment, SourceId, Stage},
    seal::{Event, Sealed},
    summary::Stretch,
};
use tracing::{debug, warn};

use crate::{
    assemble::News,
    error::chain,
    metrics::{Branch, Metrics},
    run::Healths,
    sink::{Kind, Question, Record, Sink, SinkError},
    store::{self, Store, StoreError},
    vitals::{SourceVitals, Vitals},
};

/// Is told of results as they are sealed. An error means that nobody can be told any more.
pub trait Audience: Send {
    /// A caption or an answer.
    fn result(&mut self, record: &Record) -> io::Result<()>;
    /// A draft of a caption, which comes before the caption and is replaced by it; most have no use for it.
    fn draft(&mut self, _record: &Record) -> io::Result<()> {
        Ok(())
    }
    /// The answer to a person's question.
    fn reply(&mut self, _reply: &Reply) -> io::Result<()> {
        Ok(())
    }
    /// How far a source is complete, and its length if that is known, else 0.
    fn progress(
        &mut self,
        source: &str,
        complete_through_ms: u64,
        length_ms: u64,
    ) -> io::Result<()>;
    /// Nothing comes any more.
    fn finish(&mut self) -> io::Result<()>;
}

/// A sink of the plan, opened.
pub struct OpenSink {
    /// Its name in its file.
    pub name: String,
    /// Where records go.
    pub sink: Box<dyn Sink>,
    /// Whether drafts go there too.
    pub drafts: bool,
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
    /// Rows that wait until it is known whether the modules work.
    pub held: BTreeMap<SourceId, Vec<store::Row>>,
    /// The live sources whose beginning is kept in it.
    pub clocks: BTreeSet<SourceId>,
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
    /// Whether the source was worked through to its end.
    pub whole: bool,
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
    /// Whether the audience went away, and the run ended because of that.
    pub unheard: bool,
}

/// The thread's state.
pub struct Writer {
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
    /// What else of the run can be read.
    pub vitals: Vitals,
    /// Counts what comes out.
    pub metrics: Arc<Metrics>,
    /// Set when a store fails: without it the run would lose rows.
    pub stop: Arc<AtomicBool>,
    /// How the modules are doing: what broken ones gave is not stored.
    pub healths: Healths,
    /// What was seen so far.
    pub written: Written,
}

impl Writer {
    /// Brings everything out until nothing more can come, then finishes the sinks.
    pub fn run(mut self, news: impl IntoIterator<Item = News>) -> Written {
        for news in news {
            match news {
                News::Draft(caption) => {
                    let place = Place::of(&caption.segment);
                    self.publish(caption.node, place, &caption.text, &|_| Kind::Draft);
                    self.out(Branch::Draft, &caption.segment);
                }
                News::Sealed(sealed) => self.take(sealed),
                News::Reply(reply) => {
                    let told = self.audience.reply(&reply);
                    self.heard(told);
                }
            }
        }
        self.each_sink(|open| open.sink.finish());
        let finished = self.audience.finish();
        self.heard(finished);
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
                    let place = Place::of(&caption.segment);
                    let kind = match caption.from_draft {
                        true => Kind::FromDraft,
                        false => Kind::Caption,
                    };
                    if caption.from_draft {
                        self.count(Stage::Caption, Reason::Late);
                    }
                    self.publish(caption.node, place, &caption.text, &|_| kind.clone());
                    self.out(Branch::Caption, &caption.segment);
                }
                Event::Answer(answer) => {
                    self.written.answers += 1;
                    let place = Place::of(&answer.segment);
                    self.publish(answer.node, place, &answer.text, &|node| {
                        of_answer(&answer, node)
                    });
                    self.out(Branch::Reason, &answer.segment);
                }
                Event::Summary(summary) => {
                    let Stretch {
                        source,
                        start,
                        end,
                        span,
                        ..
                    } = *summary.stretch;
                    let place = Place { source, start, end };
                    let kind = |node: &str| Kind::Summary {
                        node: node.to_owned(),
                        span,
                    };
                    self.publish(summary.node, place, &summary.text, &kind);
                }
                Event::Row(row) => rows.push(row),
                Event::Failure(failure) => self.failed(&failure),
                Event::Closed { .. } => {
                    self.metrics.segment(&self.of(source).name);
                    self.written.sources.entry(source).or_default().segments += 1;
                }
                Event::End(ended) => end = Some(ended),
            }
        }
        let passed = self.written.sources.entry(source).or_default();
        passed.complete_through = complete_through
            .unwrap_or_default()
            .max(passed.complete_through);
        passed.whole |= end.is_some_and(|end| end.whole);
        let passed = *passed;
        self.store(source, rows, passed);
        self.complete(source, passed.complete_through);
    }

    fn publish(&mut self, node: NodeId, place: Place, text: &str, kind: &dyn Fn(&str) -> Kind) {
        let Place { source, start, end } = place;
        let begun = self.of(source).start();
        let pack = self.pack.clone();
        let record = |source: &str, node: &str| Record {
            source: source.to_owned(),
            start_ms: start.millis(),
            end_ms: end.millis(),
            text: text.to_owned(),
            pack: pack.clone(),
            kind: kind(node),
            start: begun,
        };
        let mine = record(&self.of(source).name, &self.nodes[node.0]);
        let told = match mine.kind {
            Kind::Draft => self.audience.draft(&mine),
            _ => self.audience.result(&mine),
        };
        let records: Vec<_> = self
            .sinks
            .iter()
            .map(|open| Some(record(open.sources.get(&source)?, open.inputs.get(&node)?)))
            .collect();
        self.heard(told);
        let mut records = records.into_iter();
        self.each_sink(|open| match records.next().flatten() {
            Some(record) if record.kind != Kind::Draft || open.drafts => open.sink.write(&record),
            _ => Ok(()),
        });
    }

    /// Does something with each sink, in order. One that fails is given up; the others go on, and the run fails at its end.
    fn each_sink(&mut self, mut work: impl FnMut(&mut OpenSink) -> Result<(), SinkError>) {
        let mut failed = Vec::new();
        self.sinks.retain_mut(|open| match work(open) {
            Ok(()) => true,
            Err(error) => {
                failed.push(format!(
                    "sink {:?} was given up: {}",
                    open.name,
                    chain(&error)
                ));
                false
            }
        });
        for reason in failed {
            self.count(Stage::Sink, Reason::Write);
            self.written.errors.push(reason);
        }
    }

    /// Takes note of what the audience said: without it the run ends. A reader that has gone away is no failure.
    fn heard(&mut self, told: io::Result<()>) {
        let Err(error) = told else { return };
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.written.unheard = true;
        } else {
            self.count(Stage::Sink, Reason::Write);
            self.written
                .errors
                .push(format!("cannot write results to stdout: {error}"));
        }
        self.stop.store(true, SeqCst);
        self.audience = Box::new(Nobody);
    }

    /// Stores rows and how far the source is complete, in one transaction. While it is in doubt whether the modules work,
    /// rows wait: what a broken module gave must not count as done.
    fn store(&mut self, source: SourceId, rows: Vec<Row>, passed: Passed) {
        let doubt = !self.healths.hopeless().is_empty();
        let mut failed = Vec::new();
        for open in &mut self.stores {
            if !open.shelves.contains_key(&source) {
                continue;
            }
            let mine = rows.iter().filter(|row| row.node == open.node);
            let held = open.held.entry(source).or_default();
            held.extend(mine.map(|row| stored(row, &self.connector)));
            if doubt {
                continue;
            }
            let rows = std::mem::take(held);
            let vitals = &self.vitals.sources[source.0 as usize];
            let sealed = keep_start(open, source, vitals)
                .and_then(|()| seal(&mut open.store, &open.shelves[&source], &rows, passed));
            match sealed {
                Ok(()) => self.metrics.indexed(rows.len()),
                Err(error) => failed.push(error),
            }
        }
        for row in rows.iter() {
            self.out(Branch::Index, &row.segment);
        }
        for error in failed {
            self.count(Stage::Store, Reason::Write);
            let reason = chain(&error);
            if !self.written.errors.contains(&reason) {
                self.written.errors.push(reason);
            }
            // Going on would lose rows.
            self.stop.store(true, SeqCst);
        }
    }

    fn complete(&mut self, source: SourceId, through: MediaTime) {
        self.each_sink(|open| match open.sources.get(&source) {
            Some(called) => open.sink.complete(called, through.millis()),
            None => Ok(()),
        });
        let SourceVitals {
            name, length_ms, ..
        } = self.of(source);
        let (name, length) = (name.clone(), length_ms.load(SeqCst));
        debug!(source = %name, complete_through = %through, "sealed");
        self.metrics
            .complete(&name, through.millis() as f64 / 1000.0);
        let told = self.audience.progress(&name, through.millis(), length);
        self.heard(told);
    }

    fn failed(&mut self, failure: &Failure) {
        self.count(failure.stage, failure.fault.reason);
        let source = &self.of(failure.source).name;
        // That a camera was lost was told when it happened.
        if failure.fault.reason == Reason::Lost {
            return;
        }
        warn!(%source, at = %failure.at, stage = failure.stage.name(), fault = %failure.fault, "failed");
    }

    fn of(&self, source: SourceId) -> &SourceVitals {
        &self.vitals.sources[source.0 as usize]
    }

    /// Notes that a result about a segment is out.
    fn out(&self, branch: Branch, segment: &Segment) {
        self.metrics.out(branch, segment.closed);
        let _of_segment = segment.span.enter();
        debug!(branch = branch.name(), "out");
    }

    fn count(&mut self, stage: Stage, reason: Reason) {
        self.metrics.failed(stage.name(), reason.name());
        *self
            .written
            .failures
            .entry(stage.name())
            .or_default()
            .entry(reason.name())
            .or_default() += 1;
    }
}

/// What a text is about.
struct Place {
    source: SourceId,
    start: MediaTime,
    end: MediaTime,
}

impl Place {
    fn of(segment: &Segment) -> Self {
        Self {
            source: segment.key.source,
            start: segment.key.start,
            end: segment.end,
        }
    }
}

fn of_answer(answer: &Answer, node: &str) -> Kind {
    let span = |(start, end): &(MediaTime, MediaTime)| (start.millis(), end.millis());
    Kind::Answer(Question {
        node: node.to_owned(),
        ask: answer.ask.to_string(),
        probability: answer.probability,
        rests_on: answer.rests_on.iter().map(span).collect(),
    })
}

/// Keeps when a live source began, once that is known.
fn keep_start(
    open: &mut OpenStore,
    source: SourceId,
    vitals: &SourceVitals,
) -> Result<(), StoreError> {
    let Some(start) = vitals.start().filter(|_| !open.clocks.contains(&source)) else {
        return Ok(());
    };
    let name = &open.shelves[&source].source;
    open.store.keep_start(name, start.as_millisecond())?;
    open.clocks.insert(source);
    Ok(())
}

/// An audience that is not there.
struct Nobody;

impl Audience for Nobody {
    fn result(&mut self, _: &Record) -> io::Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: &str, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn seal(
    store: &mut Store,
    shelf: &Shelf,
    rows: &[store::Row],
    passed: Passed,
) -> Result<(), StoreError> {
    let through = passed.complete_through.millis();
    store.seal(&shelf.source, &shelf.pack, store::Seal::of(rows, through))?;
    if passed.whole {
        store.finish(&shelf.source, &shelf.pack, through)?;
    }
    Ok(())
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
        concepts: row.segment.impression.concepts.to_vec(),
        failed: row
            .failed
            .iter()
            .map(|stage| stage.name().to_owned())
            .collect(),
        ..store::Row::default()
    }
}
