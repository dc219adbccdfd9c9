//! Makes a plan run: opens everything that can fail first, then lets the graph work until its sources are over.
//!
//! Four kinds of threads: one for each source, one for each module, the graph's worker (the caller's thread), and the
//! writer. Whatever ends the run early (a signal, a model or a store that keeps failing) sets one flag: sources end, the
//! graph runs dry, and what was finished is out.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use atom_models::{Meters, Pack};
use atom_operators::{
    archive::Archive,
    data::SourceId,
    flow::{Bounds, Flow},
    intake::Inlet,
    node::NodeKind,
    offload::{Crew, Health},
    question::{Closer, Inbox},
    sample::Grid,
    tally::Tally,
};
use atom_pipelines::{Input, Plan};
use crossbeam::channel::{Sender, bounded, unbounded};

use crate::{
    assemble::{News, Parts, assemble},
    error::{EngineError, chain},
    open::{self, Modules, Start},
    report::{self, DecoderReport, Report, SourceReport},
    source::{Choice, Ended, Location, Outlet, Wanted, gst},
    writer::{Audience, OpenSink, OpenStore, Passed, Writer, Written},
};

/// So many recordings are played at a time; the others wait their turn.
const AT_ONCE: usize = 4;
/// How often the worker looks whether the run has to end.
const LOOK: Duration = Duration::from_millis(100);

/// How this run behaves.
pub struct Options {
    /// Go on where the stores stopped, instead of from the beginning.
    pub resume: bool,
    /// Set from outside to end the run early.
    pub stop: Arc<AtomicBool>,
    /// Is told of results as they come.
    pub audience: Box<dyn Audience>,
    /// What people ask beside all that.
    pub questions: Option<Questions>,
}

/// People's questions. No more are taken when all sources of the plan are over or the run is stopped; of a plan without sources, when
/// nobody can ask.
pub struct Questions {
    /// Where they come in.
    pub inbox: Inbox,
    /// What they are about.
    pub archive: Box<dyn Archive>,
}

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// The numbers.
    pub report: Report,
    /// Why it failed; empty if it did not.
    pub errors: Vec<String>,
    /// Sources left out because their store holds all of them already.
    pub skipped: Vec<String>,
    /// Sources that were not worked through to their end.
    pub cut: Vec<String>,
}

/// Runs a plan until its sources are over.
///
/// # Errors
/// If it cannot start: a pack, a module, a source, a sink or a store that cannot be used.
pub fn run(plan: &Plan, options: Options) -> Result<Outcome, EngineError> {
    gst::init()?;
    let pack = Pack::open(&plan.pack)?;
    let locations = open::locations(plan)?;
    let mut stores = open::open_stores(plan, &pack, &locations)?;
    let meters = Meters::default();
    let modules = Modules::load(plan, &pack, &meters, options.questions.is_some())?;
    let sinks = open::open_sinks(plan)?;
    let starts = open::starts(plan, &mut stores, options.resume)?;
    let run = Run {
        plan,
        pack: &pack,
        meters,
        tally: Tally::new(plan.sources.len()),
        stop: options.stop,
        healths: Healths::default(),
    };
    run.go(
        Opened {
            locations,
            starts,
            sinks,
            stores,
            modules,
            questions: options.questions,
        },
        options.audience,
    )
}

/// One run: what stays the same from its start to its report.
struct Run<'p> {
    plan: &'p Plan,
    pack: &'p Pack,
    meters: Meters,
    tally: Tally,
    stop: Arc<AtomicBool>,
    healths: Healths,
}

/// Everything that was opened before the start.
struct Opened {
    locations: Vec<Location>,
    starts: Vec<Option<Start>>,
    sinks: Vec<OpenSink>,
    stores: Vec<OpenStore>,
    modules: Modules,
    questions: Option<Questions>,
}

/// A source and its side of the way into the graph.
type Job = (Wanted, Outlet);

impl Run<'_> {
    fn go(&self, opened: Opened, audience: Box<dyn Audience>) -> Result<Outcome, EngineError> {
        let begun = Instant::now();
        let Opened {
            locations,
            starts,
            sinks,
            stores,
            modules,
            questions,
        } = opened;
        let (inbox, archive) = questions
            .map(|questions| (questions.inbox, questions.archive))
            .unzip();
        let lengths_ms: Vec<Arc<AtomicU64>> = locations.iter().map(|_| Arc::default()).collect();
        let (inlets, jobs) = self.sources(locations, &starts, &lengths_ms);
        let mut writer = self.writer(sinks, stores, audience, lengths_ms);
        for (at, start) in starts.iter().enumerate() {
            let sealed = start.unwrap_or_default().sealed;
            writer
                .written
                .sources
                .entry(SourceId(at as u32))
                .or_default()
                .complete_through = sealed;
        }
        let parts = Parts {
            inlets,
            vision: modules.vision,
            decoder: modules.decoder,
            text: modules.text,
            memory: modules.memory,
            inbox,
            archive,
            connector: self.pack.connector().clone(),
            vision_health: self.healths.vision.clone(),
            decoder_health: self.healths.decoder.clone(),
            text_health: self.healths.text.clone(),
            tally: self.tally.clone(),
        };
        let mut written = self.work_and_write(parts, jobs, writer);
        written.errors.extend(self.healths.hopeless());
        Ok(self.outcome(written, begun, &starts))
    }

    /// Has the players, the graph and the writer work until everything is out.
    fn work_and_write(&self, parts: Parts, jobs: VecDeque<Job>, writer: Writer) -> Written {
        let closer = parts.inbox.as_ref().map(Inbox::closer);
        // Without sources, only who asks says when it is enough.
        let after_sources = closer.clone().filter(|_| !self.plan.sources.is_empty());
        let (jobs, broken) = (Mutex::new(jobs), Mutex::new(Vec::new()));
        let (out, sealed) = unbounded();
        let mut written = thread::scope(|threads| {
            let writing = threads.spawn(|| writer.run(sealed));
            let players: Vec<_> = (0..AT_ONCE)
                .map(|_| threads.spawn(|| play_all(&jobs, &broken)))
                .collect();
            threads.spawn(move || {
                players.into_iter().for_each(|player| drop(player.join()));
                after_sources.iter().for_each(Closer::close);
            });
            let worked = self.work(parts, out, closer);
            self.stop.store(true, SeqCst);
            let mut written = writing.join().unwrap_or_else(|_| Written {
                errors: vec!["the writer of results panicked".into()],
                ..Written::default()
            });
            written
                .errors
                .extend(worked.err().map(|error| error.to_string()));
            written
        });
        let broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
        written.errors.splice(0..0, broken);
        written
    }

    /// The graph's ways in, and what the players have to play.
    fn sources(
        &self,
        locations: Vec<Location>,
        starts: &[Option<Start>],
        lengths_ms: &[Arc<AtomicU64>],
    ) -> (Vec<Inlet>, VecDeque<Job>) {
        let (mut inlets, mut jobs) = (Vec::new(), VecDeque::new());
        for ((at, location), start) in locations.into_iter().enumerate().zip(starts) {
            let Some(Start { from, .. }) = *start else {
                continue;
            };
            let source = SourceId(at as u32);
            let flow = Flow::new(Bounds::default());
            let (sender, records) = bounded(2);
            inlets.push(Inlet {
                source,
                records,
                flow: Arc::clone(&flow),
            });
            let wanted = Wanted {
                source,
                location,
                size: self.pack.frame_size(),
                choice: Choice::Grids(self.grids(at)),
                from,
            };
            let (tally, stop) = (self.tally.clone(), Arc::clone(&self.stop));
            let length_ms = Arc::clone(&lengths_ms[at]);
            jobs.push_back((
                wanted,
                Outlet {
                    source,
                    records: sender,
                    flow,
                    tally,
                    stop,
                    length_ms,
                },
            ));
        }
        (inlets, jobs)
    }

    /// The sampling grids of the nodes that read a source.
    fn grids(&self, source: usize) -> Vec<Grid> {
        let nodes = self
            .plan
            .nodes
            .iter()
            .filter(|node| node.inputs.contains(&Input::Source(source)));
        nodes
            .filter_map(|node| match &node.kind {
                NodeKind::Sample(spec) => Some(Grid::new(spec.fps, &node.stretches_ms)),
                _ => None,
            })
            .collect()
    }

    fn writer(
        &self,
        sinks: Vec<OpenSink>,
        stores: Vec<OpenStore>,
        audience: Box<dyn Audience>,
        lengths_ms: Vec<Arc<AtomicU64>>,
    ) -> Writer {
        Writer {
            names: self
                .plan
                .sources
                .iter()
                .map(|source| source.name.clone())
                .collect(),
            nodes: self
                .plan
                .nodes
                .iter()
                .map(|node| node.name.clone())
                .collect(),
            pack: self.pack.manifest().name.clone(),
            connector: self.pack.connector().clone(),
            sinks,
            stores,
            audience,
            lengths_ms,
            stop: Arc::clone(&self.stop),
            healths: self.healths.clone(),
            written: Written::default(),
        }
    }

    /// Works through the graph on this thread until it is complete.
    fn work(
        &self,
        parts: Parts,
        out: Sender<News>,
        closer: Option<Closer>,
    ) -> Result<(), EngineError> {
        let (plan, stop) = (self.plan.clone(), Arc::clone(&self.stop));
        let healths = self.healths.clone();
        // timely wants what it is given to be shareable; one worker takes it all.
        let given = Mutex::new(Some((parts, out)));
        let graph = AssertUnwindSafe(move || {
            timely::execute_directly(move |worker| {
                let given = given.lock().unwrap_or_else(PoisonError::into_inner).take();
                let (parts, out) = given.expect("one worker takes the parts once");
                let crew = Crew::default();
                let without_writer = Arc::clone(&stop);
                worker.dataflow(|scope| {
                    assemble(scope, &plan, parts, &crew, move |news| {
                        // Without a writer there is no use in going on.
                        if out.send(news).is_err() {
                            without_writer.store(true, SeqCst);
                        }
                    });
                });
                while worker.has_dataflows() {
                    worker.step_or_park(Some(LOOK));
                    if healths.given_up() {
                        stop.store(true, SeqCst);
                    }
                    if stop.load(SeqCst) {
                        closer.iter().for_each(Closer::close);
                    }
                }
                crew.join();
            });
        });
        catch_unwind(graph).map_err(|_| EngineError::Graph {
            reason: "an operator panicked".into(),
        })
    }

    fn outcome(&self, written: Written, begun: Instant, starts: &[Option<Start>]) -> Outcome {
        let (mut sources, mut skipped, mut cut) = (BTreeMap::new(), Vec::new(), Vec::new());
        for ((at, planned), start) in self.plan.sources.iter().enumerate().zip(starts) {
            let id = SourceId(at as u32);
            if start.is_none() {
                skipped.push(planned.name.clone());
                continue;
            }
            let passed = written.sources.get(&id).copied().unwrap_or_default();
            if !passed.whole && !written.unheard {
                cut.push(planned.name.clone());
            }
            sources.insert(planned.name.clone(), self.source_report(id, passed));
        }
        let report = Report {
            wall_seconds: begun.elapsed().as_secs_f64(),
            peak_rss_bytes: report::peak_rss_bytes(),
            captions: written.captions,
            answers: written.answers,
            sources,
            modules: report::modules(&self.meters),
            decoder: DecoderReport::of(&self.tally),
            failures: written.failures,
        };
        Outcome {
            report,
            errors: written.errors,
            skipped,
            cut,
        }
    }

    fn source_report(&self, source: SourceId, passed: Passed) -> SourceReport {
        let tally = self.tally.source(source);
        SourceReport {
            frames_received: tally.frames_received(),
            frames_sampled: tally.frames_sampled(),
            frames_dropped: tally.frames_dropped(),
            segments: passed.segments,
            complete_through_ms: passed.complete_through.millis(),
        }
    }
}

/// How the modules are doing. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Healths {
    vision: Health,
    decoder: Health,
    text: Health,
}

impl Healths {
    fn each(&self) -> [(&Health, &'static str); 3] {
        [
            (&self.vision, "vision encoder"),
            (&self.decoder, "decoder"),
            (&self.text, "text encoder"),
        ]
    }

    /// Whether a module failed too often in a row.
    pub fn given_up(&self) -> bool {
        self.each()
            .iter()
            .any(|(health, _)| health.given_up().is_some())
    }

    /// Why the run is worth nothing: a module that was given up, or that never worked.
    pub fn hopeless(&self) -> Vec<String> {
        let tell = |(health, name): &(&Health, &str)| {
            let fault = health.given_up().or_else(|| health.never_worked())?;
            Some(format!(
                "the {name} failed on everything it was given: {fault}"
            ))
        };
        self.each().iter().filter_map(tell).collect()
    }
}

/// Plays one source after another until none is left, and ends each in the graph, whatever came of it.
fn play_all(jobs: &Mutex<VecDeque<Job>>, broken: &Mutex<Vec<String>>) {
    loop {
        let job = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let Some((wanted, outlet)) = job else { return };
        let play = AssertUnwindSafe(|| {
            wanted.location.check()?;
            if outlet.stopped() {
                Ok(Ended::default())
            } else {
                gst::play(wanted, &outlet)
            }
        });
        let played = catch_unwind(play).unwrap_or_else(|_| {
            Err(EngineError::Graph {
                reason: "a source panicked".into(),
            })
        });
        let ended = played.unwrap_or_else(|error| {
            broken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(chain(&error));
            Ended::default()
        });
        outlet.end(ended);
    }
}
