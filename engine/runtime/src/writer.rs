//! Brings sealed results out: to the caller, the sinks and the stores, on a thread of its own.
//!
//! Results arrive in order. Of each sealed tick the rows go into the store in the one transaction that also moves how far
//! the source is complete, so that the two never disagree. When this thread lets a result go, its segment's place in the
//! flow is free again: a slow disk slows the sources, it loses nothing.

use atom_operators::cancel::CancellationToken;
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, atomic::Ordering::SeqCst, mpsc::Sender},
};

use atom_models::{PromptBuilder, Reason};
use atom_operators::{
    data::{Answer, End, Failure, MediaTime, NodeId, Row, Segment, SourceId, Stage},
    seal::{Event, Sealed},
    summary::Stretch,
};
use tracing::{debug, warn};

use crate::{
    assemble::News,
    audience::{Audience, Nobody, Notice, Progress},
    keeper::Keeper,
    metrics::{Branch, Metrics},
    report::SourceReport,
    run::Healths,
    shelf::{OpenStore, failed, keep_start, lost, patiently, seal, stored},
    sink::{Kind, Question, Record, Sink, SinkError},
    vitals::{FoundFile, SourceVitals, Vitals},
};
use atom_index::{Gap, QueryEvent, Store, StoreError};
use atom_models::error_chain;

/// So many recordings that were cut short are remembered; all of them were told.
const MOST_CUT: usize = 1000;

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
    /// What its file calls the sources of the plan.
    pub sources: BTreeMap<usize, String>,
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
    /// By source; those of folders only until they are over.
    pub sources: BTreeMap<SourceId, Passed>,
    /// What became of recordings of folders; of a folder that is followed, in all.
    pub over: BTreeMap<String, SourceReport>,
    /// Recordings of folders that were not worked through to their end, and how far they are complete, in milliseconds.
    pub cut: BTreeMap<String, u64>,
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
    pub prompts: PromptBuilder,
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
    pub stop: CancellationToken,
    /// How the modules are doing: what broken ones gave is not stored.
    pub healths: Healths,
    /// Wakes who keeps standing queries, after each seal.
    pub sealed: Option<Sender<()>>,
    /// What was seen so far.
    pub written: Written,
}

impl Writer {
    /// Brings everything out until nothing more can come, then finishes the sinks.
    pub fn run(mut self, news: impl IntoIterator<Item = News>) -> Written {
        self.keep(Keeper::look);
        for news in news {
            match news {
                News::Draft(caption) => {
                    let place = Place::of(&caption.segment);
                    self.publish(caption.node, place, &caption.text, &|_| Kind::Draft);
                    self.out(Branch::Draft, &caption.segment);
                }
                News::Sealed(sealed) => {
                    self.take(sealed);
                    self.keep(Keeper::look);
                }
                News::Nothing => self.keep(Keeper::look),
                News::Reply(reply) => {
                    let told = self.audience.reply(&reply);
                    self.heard(told);
                }
                News::Query(event) => self.query(&event),
                News::AllSealed => {
                    self.keep(Keeper::finish);
                    // Who keeps standing queries looks once more, and sees what went.
                    self.sealed = None;
                }
                News::Notice(notice) => {
                    if let Notice::Gone(name) | Notice::Replaced(name) = &notice {
                        self.written.cut.remove(name);
                    }
                    let told = self.audience.notice(&notice);
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
        let vitals = self.of(source);
        let (mut rows, mut gaps) = (Vec::new(), Vec::new());
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
                Event::Failure(failure) => {
                    gaps.extend(lost(&failure).map(|gap| (None, gap)));
                    self.failed(&failure);
                }
                Event::Closed {
                    node,
                    start,
                    end,
                    seen,
                    ..
                } => {
                    self.metrics.segment(vitals.label());
                    self.passed(&vitals).segments += 1;
                    let gap = (!seen).then(|| failed(start, end));
                    gaps.extend(gap.map(|gap| (Some(node), gap)));
                }
                Event::End(ended) => end = Some(ended),
            }
        }
        let passed = self.passed(&vitals);
        passed.complete_through = complete_through
            .unwrap_or_default()
            .max(passed.complete_through);
        passed.whole |= end.is_some_and(|end| end.whole);
        let passed = *passed;
        self.store(&vitals, rows, &gaps, passed);
        if let Some(sealed) = &self.sealed {
            // It goes away only when we let it.
            let _ = sealed.send(());
        }
        self.complete(&vitals, passed.complete_through);
        if let (Some(end), Some(found)) = (end, &vitals.found) {
            self.over(&vitals, found, end, passed);
        }
    }

    /// Something came to or left the best of a standing query.
    fn query(&mut self, event: &QueryEvent) {
        self.metrics.query_event(event.event);
        let told = self.audience.query(event);
        self.heard(told);
        self.each_sink(|open| open.sink.query(event));
    }

    /// The counts of a source, which is complete from the beginning as far as it is stored.
    fn passed(&mut self, source: &SourceVitals) -> &mut Passed {
        self.written.sources.entry(source.id).or_insert(Passed {
            complete_through: source.sealed,
            ..Passed::default()
        })
    }

    /// Nothing of a recording of a folder comes any more: lets go of all that is known of it.
    fn over(&mut self, source: &SourceVitals, found: &FoundFile, end: End, passed: Passed) {
        let report = SourceReport::of(&self.vitals, source, passed);
        let over = &mut self.written.over;
        match found.followed {
            true => over.entry(found.folder.clone()).or_default().add(&report),
            false => drop(over.insert(source.name.clone(), report.clone())),
        }
        self.metrics.frames(source.label(), &report);
        let cut = &mut self.written.cut;
        match end.whole || found.growing {
            true => drop(cut.remove(&source.name)),
            false if cut.len() < MOST_CUT => {
                cut.insert(source.name.clone(), passed.complete_through.millis());
            }
            false => {}
        }
        self.written.sources.remove(&source.id);
        self.vitals.forget(source.id);
        self.vitals.queue.finish(found.bytes);
        let told = self.audience.notice(&Notice::Over {
            name: source.name.clone(),
            report,
            whole: end.whole,
            growing: found.growing,
        });
        self.heard(told);
    }

    fn publish(&mut self, node: NodeId, place: Place, text: &str, kind: &dyn Fn(&str) -> Kind) {
        let Place { source, start, end } = place;
        let vitals = self.of(source);
        let begun = vitals.start();
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
        let mine = record(&vitals.name, &self.nodes[node.0]);
        let told = match mine.kind {
            Kind::Draft => self.audience.draft(&mine),
            _ => self.audience.result(&mine),
        };
        let records: Vec<_> = self
            .sinks
            .iter()
            .map(|open| {
                let called = vitals.called_by(&open.sources)?;
                Some(record(called, open.inputs.get(&node)?))
            })
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
                    error_chain(&error)
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
        self.stop.cancel();
        self.audience = Box::new(Nobody);
    }

    /// Stores rows and how far the source is complete, in one transaction. While it is in doubt whether the modules work,
    /// rows wait: what a broken module gave must not count as done.
    fn store(
        &mut self,
        source: &SourceVitals,
        rows: Vec<Row>,
        gaps: &[(Option<NodeId>, Gap)],
        passed: Passed,
    ) {
        let doubt = !self.healths.hopeless().is_empty();
        let mut failed = Vec::new();
        for open in &mut self.stores {
            let Some(shelf) = source.shelves.get(&open.node) else {
                continue;
            };
            let mine = rows.iter().filter(|row| row.node == open.node);
            let held = open.held.entry(source.id).or_default();
            held.rows
                .extend(mine.map(|row| stored(row, &self.prompts, open.thumbnails)));
            let of_all =
                |node: &Option<NodeId>| node.is_none_or(|node| open.segments.contains(&node));
            let gaps = gaps.iter().filter(|(node, _)| of_all(node));
            held.gaps.extend(gaps.map(|(_, gap)| gap.clone()));
            (held.passed, held.shelf) = (passed, shelf.clone());
            if doubt || open.given_up {
                continue;
            }
            while let Some((id, held)) = open.held.pop_first() {
                let begun = self.vitals.source(id).and_then(|source| source.start());
                let mut write = || {
                    keep_start(open, id, &held.shelf, begun)?;
                    seal(&mut open.store, &held)
                };
                let written = match source.is_followed() {
                    true => patiently(&mut write, &self.stop),
                    false => write(),
                };
                match written {
                    Ok(()) => self.metrics.indexed(held.rows.len()),
                    Err(error) => {
                        // Whatever came after would be sealed over what is missing now.
                        open.given_up = true;
                        failed.push(error);
                        break;
                    }
                }
            }
        }
        for row in rows.iter() {
            self.out(Branch::Index, &row.segment);
        }
        self.not_stored(failed);
    }

    /// Removes what stores keep no longer. What may pass is tried again later, since nothing is lost by that.
    fn keep(
        &mut self,
        look: impl Fn(&mut Keeper, &mut Store) -> Result<Option<usize>, StoreError>,
    ) {
        let mut failed = Vec::new();
        for open in self.stores.iter_mut().filter(|open| !open.given_up) {
            let Some(keeper) = &mut open.keeper else {
                continue;
            };
            let Some(looked) = look(keeper, &mut open.store).transpose() else {
                continue;
            };
            let troubled = keeper.troubled(looked.is_err());
            match looked {
                Ok(0) => {}
                Ok(segments) => debug!(segments, "removed what is no longer kept"),
                Err(error) if error.may_pass() => {
                    if troubled {
                        warn!(
                            "{}; it is tried again until that has passed",
                            error_chain(&error)
                        );
                    }
                }
                Err(error) => {
                    open.given_up = true;
                    failed.push(error);
                }
            }
        }
        self.not_stored(failed);
    }

    /// Ends the run because of stores that were given up: going on would lose rows.
    fn not_stored(&mut self, failed: Vec<StoreError>) {
        for error in failed {
            self.count(Stage::Store, Reason::Write);
            let reason = error_chain(&error);
            if !self.written.errors.contains(&reason) {
                self.written.errors.push(reason);
            }
            self.stop.cancel();
        }
    }

    fn complete(&mut self, source: &SourceVitals, through: MediaTime) {
        self.each_sink(|open| match source.called_by(&open.sources) {
            Some(called) => open.sink.complete(called, through.millis()),
            None => Ok(()),
        });
        let SourceVitals {
            name, length_ms, ..
        } = source;
        let length = length_ms.load(SeqCst);
        debug!(source = %name, complete_through = %through, "sealed");
        if source.found.is_none() {
            self.metrics
                .complete(name, through.millis() as f64 / 1000.0);
        }
        let told = self.audience.progress(&Progress {
            source: name,
            complete_through_ms: through.millis(),
            length_ms: length,
            bytes: source.found.as_ref().map_or(0, |found| found.bytes),
            queue: &self.vitals.queue,
        });
        self.heard(told);
    }

    fn failed(&mut self, failure: &Failure) {
        self.count(failure.stage, failure.fault.reason);
        let source = self.of(failure.source).name.clone();
        // That a camera was lost was told when it happened.
        if failure.fault.reason == Reason::Lost {
            return;
        }
        warn!(%source, at = %failure.at, stage = failure.stage.name(), fault = %failure.fault, "failed");
    }

    fn of(&self, source: SourceId) -> Arc<SourceVitals> {
        let taken_up = self.vitals.source(source);
        taken_up.expect(
            "a source is taken up before anything of it is in the graph, and let go after its end",
        )
    }

    /// Notes that a result about a segment is out.
    fn out(&mut self, branch: Branch, segment: &Segment) {
        let took = segment.closed.elapsed();
        self.metrics.out(branch, took);
        self.audience.latency(branch.name(), took);
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
