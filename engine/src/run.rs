//! Makes a plan run: opens everything that can fail first, then lets the graph work until its sources are over.
//!
//! Four kinds of threads: those that play sources, one for each module, the graph's worker (the caller's thread), and the
//! writer. Whatever ends the run early (a signal, a model or a store that keeps failing) sets one flag: sources end, the
//! graph runs dry, and what was finished is out.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use atom_models::{Meters, Pack};
use atom_operators::{
    archive::Archive,
    data::SourceId,
    intake::Inlet,
    offload::{Crew, Health},
    question::{Closer, Inbox},
};
use atom_pipelines::Plan;
use crossbeam::channel::{Sender, bounded, unbounded};

use crate::{
    assemble::{News, Parts, assemble},
    error::EngineError,
    metrics::Metrics,
    open::{self, Modules, Start},
    players::{Job, Players},
    report::{self, DecoderReport, LiveReport, Report, SourceReport},
    serve::{Listener, Server},
    source::{Choice, Live, Location, Outlet, Wanted, gst},
    vitals::{Vitals, samplers},
    writer::{Audience, OpenSink, OpenStore, Passed, Writer, Written},
};

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
    /// Where metrics and health are told while the run goes on.
    pub listener: Option<Listener>,
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
        vitals: Vitals::of(plan, &starts, meters),
        metrics: Arc::default(),
        stop: options.stop,
        healths: Healths::default(),
    };
    run.metrics.listen_to(&run.vitals);
    let _server = options
        .listener
        .map(|listener| Server::start(listener, run.vitals.clone(), Arc::clone(&run.metrics)))
        .transpose()?;
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
    vitals: Vitals,
    metrics: Arc<Metrics>,
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
        let (inlets, jobs) = self.sources(locations, &starts);
        let mut writer = self.writer(sinks, stores, audience);
        for (at, start) in starts.iter().enumerate() {
            let sealed = start.unwrap_or_default().sealed;
            writer
                .written
                .sources
                .entry(SourceId(at as u32))
                .or_default()
                .complete_through = sealed;
            let seconds = sealed.millis() as f64 / 1000.0;
            self.metrics
                .complete(&self.vitals.sources[at].name, seconds);
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
            tally: self.vitals.tally.clone(),
        };
        let mut written = self.work_and_write(parts, jobs, writer);
        written.errors.extend(self.healths.hopeless());
        Ok(self.outcome(written, begun, &starts))
    }

    /// Has the players, the graph and the writer work until everything is out.
    fn work_and_write(&self, parts: Parts, jobs: Vec<Job>, writer: Writer) -> Written {
        let closer = parts.inbox.as_ref().map(Inbox::closer);
        // Without sources, only who asks says when it is enough.
        let after_sources = closer.clone().filter(|_| !self.plan.sources.is_empty());
        let players = Players::default();
        let (out, sealed) = unbounded();
        let mut written = thread::scope(|threads| {
            let writing = threads.spawn(|| writer.run(sealed));
            let playing = players.start(threads, jobs);
            threads.spawn(move || {
                playing.into_iter().for_each(|player| drop(player.join()));
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
        written.errors.splice(0..0, players.broken());
        written
    }

    /// The graph's ways in, and what the players have to play.
    fn sources(
        &self,
        locations: Vec<Location>,
        starts: &[Option<Start>],
    ) -> (Vec<Inlet>, Vec<Job>) {
        let (mut inlets, mut jobs) = (Vec::new(), Vec::new());
        for ((at, location), start) in locations.into_iter().enumerate().zip(starts) {
            let Some(start) = start else {
                continue;
            };
            let source = SourceId(at as u32);
            let vitals = &self.vitals.sources[at];
            let (sender, records) = bounded(2);
            let live = self.plan.sources[at]
                .is_live()
                .then(|| self.live(at, start));
            let wanted = Wanted {
                source,
                location,
                size: self.pack.frame_size(),
                choice: Choice::Grids(vitals.grids.clone()),
                from: start.from,
                live,
                growing: false,
            };
            let outlet = Outlet {
                name: vitals.name.clone(),
                waiting: live.map(|_| records.clone()),
                samplers: vitals.grids.len() as u64,
                flow: Arc::clone(&vitals.flow),
                stop: Arc::clone(&self.stop),
                length_ms: Arc::clone(&vitals.length_ms),
                standing: Arc::clone(&vitals.standing),
                ..Outlet::of_recording(source, sender, self.vitals.tally.clone())
            };
            inlets.push(Inlet {
                source,
                records,
                flow: Arc::clone(&vitals.flow),
            });
            jobs.push((wanted, outlet));
        }
        (inlets, jobs)
    }

    /// How a live source is followed.
    fn live(&self, source: usize, start: &Start) -> Live {
        let settings = &self.plan.sources[source].settings;
        let shares = samplers(self.plan, source).map(|(spec, _)| spec.least() / spec.fps);
        Live {
            stall: Duration::from_millis(settings.stall_ms),
            retry: (
                Duration::from_millis(settings.retry_from_ms),
                Duration::from_millis(settings.retry_to_ms),
            ),
            floor: shares.fold(1.0, f64::min),
            sealed: start.sealed,
            alone: self.plan.sources.len() == 1,
        }
    }

    fn writer(
        &self,
        sinks: Vec<OpenSink>,
        stores: Vec<OpenStore>,
        audience: Box<dyn Audience>,
    ) -> Writer {
        let nodes = self.plan.nodes.iter();
        Writer {
            vitals: self.vitals.clone(),
            metrics: Arc::clone(&self.metrics),
            nodes: nodes.map(|node| node.name.clone()).collect(),
            pack: self.pack.manifest().name.clone(),
            connector: self.pack.connector().clone(),
            sinks,
            stores,
            audience,
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
        let (healths, vitals) = (self.healths.clone(), self.vitals.clone());
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
                    vitals.beat();
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
            if !(passed.whole || planned.is_live() || written.unheard) {
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
            modules: report::modules(&self.vitals.meters),
            decoder: DecoderReport::of(&self.vitals.tally),
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
        let tally = self.vitals.tally.source(source);
        let vitals = &self.vitals.sources[source.0 as usize];
        SourceReport {
            frames_received: tally.frames_received(),
            frames_sampled: tally.frames_sampled(),
            frames_dropped: tally.frames_dropped(),
            segments: passed.segments,
            complete_through_ms: passed.complete_through.millis(),
            live: vitals.live.then(|| LiveReport::of(vitals)),
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
