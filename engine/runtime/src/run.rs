//! Makes a plan run: opens everything that can fail first, then lets the graph work until its sources are over.
//!
//! Four kinds of threads: those that play sources, one for each module, the graph's worker (the caller's thread), and the
//! writer. Whatever ends the run early (a signal, a model or a store that keeps failing) sets one flag: sources end, the
//! graph runs dry, and what was finished is out.

use atom_operators::cancel::CancellationToken;
use std::{
    any::Any,
    collections::BTreeMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use atom_models::{Meters, Pack};
use atom_operators::{
    archive::Archive,
    flow::{Bounds, Flow},
    intake::Inlet,
    offload::{Crew, Health},
    pace::Pace,
    question::{Closer, Inbox},
    tick::Lane,
};
use atom_pipelines::Plan;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use crate::{
    assemble::{News, Parts, assemble},
    audience::Audience,
    error::RuntimeError,
    feed::{Feed, Scout},
    keeper::QUIET,
    metrics::Metrics,
    open::{self, Begin, Modules, Start},
    players::{AT_ONCE, Job, Players, Way, Ways},
    queries::{self, Queries},
    report::{self, DecoderReport, Report, SourceReport},
    shelf::OpenStore,
    vitals::{SourceVitals, Vitals, live_bounds, samplers},
    writer::{OpenSink, Passed, Writer, Written},
};
use atom_media::{
    FrameSelection, FrameSender, LiveSettings, Location, PlaybackRequest, folder::RecordingSet,
};

/// How often the worker looks whether the run has to end.
const LOOK: Duration = Duration::from_millis(100);

/// How this run behaves.
pub struct Options {
    /// Go on where the stores stopped, instead of from the beginning.
    pub resume: bool,
    /// Set from outside to end the run early.
    pub stop: CancellationToken,
    /// Is told of results as they come.
    pub audience: Box<dyn Audience>,
    /// What people ask beside all that.
    pub questions: Option<Questions>,
    /// Shows the run to others while it goes on, such as an HTTP server.
    pub serve: Option<Serve>,
    /// Count what the modules do; who gives them can listen to them.
    pub meters: Meters,
    /// The modules, if they are loaded already; they must be those that the plan needs.
    pub modules: Option<Modules>,
    /// Take one recording, and of it one frame or one segment, at a time: what is gained by doing things side by side is measured
    /// against this.
    pub one_by_one: bool,
    /// Is called when everything is loaded and opened, before the sources start.
    pub ready: Option<Box<dyn FnOnce() + Send>>,
}

impl Options {
    /// From the beginning to the end, or until `stop` is set, and nothing else.
    pub fn new(stop: CancellationToken, audience: Box<dyn Audience>) -> Self {
        Self {
            resume: false,
            stop,
            audience,
            questions: None,
            serve: None,
            meters: Meters::default(),
            modules: None,
            one_by_one: false,
            ready: None,
        }
    }
}

/// What a run shows of itself while it goes on.
#[derive(Clone)]
pub struct Observed {
    /// The state of the run and of its sources.
    pub vitals: Vitals,
    /// The metrics of the run.
    pub metrics: Arc<Metrics>,
    /// The files of the stores that the run writes or keeps queries in.
    pub stores: Arc<[PathBuf]>,
}

/// Starts to show a run. What it returns is dropped when the run ends.
pub type Serve = Box<dyn FnOnce(Observed) -> io::Result<Box<dyn Any>> + Send>;

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
    /// Sources that were not worked through to their end, and how far they are complete, in milliseconds.
    pub cut: BTreeMap<String, u64>,
}

/// Runs a plan until its sources are over.
///
/// # Errors
/// If it cannot start: a pack, a module, a source, a sink or a store that cannot be used.
pub fn run(plan: &Plan, options: Options) -> Result<Outcome, RuntimeError> {
    atom_media::init()?;
    let pack = Pack::open(&plan.pack)?;
    let locations = open::locations(plan)?;
    let libraries = open::libraries(plan)?;
    let mut stores = open::open_stores(plan, &pack)?;
    let feeding = match libraries.is_empty() {
        true => Vec::new(),
        false => open::open_stores(plan, &pack)?,
    };
    let meters = options.meters;
    let modules = match options.modules {
        Some(modules) => modules,
        None => {
            let (questions, beside) = (options.questions.is_some(), !options.one_by_one);
            Modules::load(plan, &pack, &meters, questions, beside)?
        }
    };
    let sinks = open::open_sinks(plan)?;
    let metrics = Arc::default();
    let counted = options.serve.is_some();
    let queries = Queries::open(plan, &pack, &modules.text, &metrics, counted)?;
    let begins = open::begin_all(plan, &mut stores, options.resume)?;
    let lanes = Lanes::of(plan, &begins, !libraries.is_empty(), options.one_by_one);
    let run = Run {
        plan,
        pack: &pack,
        vitals: Vitals::new(lanes.flows(), meters),
        resume: options.resume,
        metrics,
        stop: options.stop,
        healths: Healths::default(),
    };
    run.metrics.listen_to(&run.vitals);
    lanes.take_up(&run, &begins);
    let _server = options
        .serve
        .map(|serve| {
            serve(Observed {
                vitals: run.vitals.clone(),
                metrics: Arc::clone(&run.metrics),
                stores: queries.paths(),
            })
        })
        .transpose()
        .map_err(RuntimeError::Server)?;
    if let Some(ready) = options.ready {
        ready();
    }
    run.go(
        Opened {
            locations,
            libraries,
            begins,
            lanes,
            sinks,
            stores,
            feeding,
            modules,
            questions: options.questions,
            queries,
        },
        options.audience,
    )
}

/// The ways on which sources come into the graph.
struct Lanes {
    /// Of each live source of the plan.
    live: Vec<(usize, Arc<Flow>)>,
    /// On which recordings take turns.
    shared: Vec<Arc<Flow>>,
}

impl Lanes {
    /// The lanes that the sources of a plan need.
    fn of(plan: &Plan, begins: &[Begin], folders: bool, one_by_one: bool) -> Self {
        let (at_once, bounds) = match one_by_one {
            true => (1, Bounds::ONE),
            false => (AT_ONCE, Bounds::default()),
        };
        let mut recordings = if folders { at_once } else { 0 };
        let mut live = Vec::new();
        for (at, (source, begin)) in plan.sources.iter().zip(begins).enumerate() {
            if source.is_live() {
                live.push((at, Flow::new(live_bounds(plan, at))));
            } else {
                recordings += usize::from(begin.start.is_some());
            }
        }
        let shared = (0..recordings.min(at_once)).map(|_| Flow::new(bounds));
        Self {
            live,
            shared: shared.collect(),
        }
    }

    fn flows(&self) -> Vec<Arc<Flow>> {
        let live = self.live.iter().map(|(_, flow)| flow);
        live.chain(&self.shared).cloned().collect()
    }

    /// Takes the sources of the plan up.
    fn take_up(&self, run: &Run, begins: &[Begin]) {
        for (at, begin) in begins.iter().enumerate() {
            if run.plan.sources[at].is_folder() {
                continue;
            }
            let flow = self.live.iter().find(|(live, _)| *live == at);
            let flow = flow.map(|(_, flow)| flow);
            let source = SourceVitals::planned(run.plan, at, begin, flow);
            let seconds = source.sealed.millis() as f64 / 1000.0;
            run.metrics.complete(&source.name, seconds);
            run.vitals.add(source);
        }
    }

    /// The graph's side of all lanes, and the sources' side of those of live sources and of the others.
    fn open(self) -> (Vec<Inlet>, Ways) {
        let mut inlets = Vec::new();
        let mut open = |flow: Arc<Flow>, live: bool| {
            let (sender, records) = bounded(2);
            inlets.push(Inlet {
                lane: Lane(inlets.len() as u32),
                records: records.clone(),
                flow: Arc::clone(&flow),
            });
            Way {
                sender,
                waiting: live.then_some(records),
                flow,
            }
        };
        let live = self
            .live
            .into_iter()
            .map(|(at, flow)| (at, open(flow, true)));
        let ways = Ways {
            live: live.collect(),
            shared: self
                .shared
                .into_iter()
                .map(|flow| open(flow, false))
                .collect(),
        };
        (inlets, ways)
    }

    fn paces(&self) -> BTreeMap<usize, Arc<Pace>> {
        let live = self.live.iter();
        live.map(|(at, flow)| (*at, Arc::clone(flow.pace())))
            .collect()
    }
}

/// One run: what stays the same from its start to its report.
pub(crate) struct Run<'p> {
    pub(crate) plan: &'p Plan,
    pack: &'p Pack,
    pub(crate) vitals: Vitals,
    pub(crate) resume: bool,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    healths: Healths,
}

/// Everything that was opened before the start.
struct Opened {
    locations: Vec<Option<Location>>,
    libraries: Vec<(usize, RecordingSet)>,
    begins: Vec<Begin>,
    lanes: Lanes,
    sinks: Vec<OpenSink>,
    stores: Vec<OpenStore>,
    /// The same stores, for the one who says what is played.
    feeding: Vec<OpenStore>,
    modules: Modules,
    questions: Option<Questions>,
    queries: Queries,
}

impl Run<'_> {
    fn go(&self, opened: Opened, audience: Box<dyn Audience>) -> Result<Outcome, RuntimeError> {
        let begun = Instant::now();
        let Opened {
            locations,
            libraries,
            begins,
            lanes,
            sinks,
            stores,
            feeding,
            modules,
            questions,
            queries,
        } = opened;
        let (inbox, archive) = questions
            .map(|questions| (questions.inbox, questions.archive))
            .unzip();
        let writer = self.writer(sinks, stores, audience);
        let paces = lanes.paces();
        let (inlets, ways) = lanes.open();
        let parts = Parts {
            inlets,
            paces,
            vision: modules.vision,
            decoder: modules.decoder,
            text: modules.reads.then(|| Box::new(modules.text) as _),
            memory: modules.memory,
            inbox,
            archive,
            prompts: self.pack.prompts().clone(),
            vision_health: self.healths.vision.clone(),
            decoder_health: self.healths.decoder.clone(),
            text_health: self.healths.text.clone(),
            tally: self.vitals.tally.clone(),
        };
        let feed = Feed::new(self, locations, &begins, libraries, feeding);
        let mut written = self.work_and_write(parts, feed, ways, (writer, queries));
        written.errors.extend(self.healths.hopeless());
        Ok(self.outcome(written, begun, &begins))
    }

    /// Has the players, the graph and the writer work until everything is out.
    fn work_and_write(
        &self,
        parts: Parts,
        (feed, scout): (Feed, Option<Scout>),
        ways: Ways,
        (mut writer, queries): (Writer, Queries),
    ) -> Written {
        let closer = parts.inbox.as_ref().map(Inbox::closer);
        // Without sources, only who asks says when it is enough.
        let after_sources = closer.clone().filter(|_| !self.plan.sources.is_empty());
        let players = Players::default();
        let (out, sealed) = unbounded();
        let (wake, wakes) = queries::wakes();
        writer.sealed = Some(wake);
        let mut written = thread::scope(|threads| {
            let writing = threads.spawn(|| writer.run(unless_quiet(sealed)));
            let events = out.clone();
            threads.spawn(move || {
                // Without a writer nobody can be told; what came and went is in the store.
                queries.run(&wakes, |event| drop(events.send(News::Query(event))));
            });
            let over = out.clone();
            let mut playing = players.start(threads, &feed, ways, &out);
            if let Some(scout) = scout {
                let (feed, news) = (&feed, out.clone());
                playing.push(threads.spawn(move || scout.run(feed, &news)));
            }
            threads.spawn(move || {
                playing.into_iter().for_each(|player| drop(player.join()));
                after_sources.iter().for_each(Closer::close);
            });
            let worked = self.work(parts, out, closer);
            self.stop.cancel();
            // Behind everything that was sealed.
            drop(over.send(News::AllSealed));
            drop(over);
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

    /// Whether the run is to end early.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// A source that is to be played, and its side of the way into the graph.
    pub(crate) fn job(
        &self,
        source: &SourceVitals,
        location: Location,
        start: &Start,
        way: &mut Way,
    ) -> Job {
        let live = source
            .live
            .then(|| self.live(source.id.planned as usize, start));
        let wanted = PlaybackRequest {
            source: source.id,
            location,
            size: self.pack.frame_size(),
            selection: FrameSelection::Grids(source.grids.clone()),
            from: start.from,
            live,
            growing: source.found.as_ref().is_some_and(|found| found.growing),
        };
        let outlet = FrameSender {
            name: source.name.clone(),
            queued: live.and_then(|_| way.waiting.take()),
            samplers: source.grids.len() as u64,
            flow: Arc::clone(&way.flow),
            stop: self.stop.clone(),
            length_ms: Arc::clone(&source.length_ms),
            connection: Arc::clone(&source.connection),
            ..FrameSender::for_recording(source.id, way.sender.clone(), self.vitals.tally.clone())
        };
        (wanted, outlet)
    }

    /// How a live source is followed.
    fn live(&self, source: usize, start: &Start) -> LiveSettings {
        let settings = &self.plan.sources[source].settings;
        let shares = samplers(self.plan, source).map(|(spec, _)| spec.least() / spec.fps);
        LiveSettings {
            stall_timeout: Duration::from_millis(settings.stall_ms),
            retry: (
                Duration::from_millis(settings.retry_from_ms),
                Duration::from_millis(settings.retry_to_ms),
            ),
            min_rate_share: shares.fold(1.0, f64::min),
            sealed: start.sealed,
            only_source: self.plan.sources.len() == 1,
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
            prompts: self.pack.prompts().clone(),
            sinks,
            stores,
            audience,
            stop: self.stop.clone(),
            healths: self.healths.clone(),
            sealed: None,
            written: Written::default(),
        }
    }

    /// Works through the graph on this thread until it is complete.
    fn work(
        &self,
        parts: Parts,
        out: Sender<News>,
        closer: Option<Closer>,
    ) -> Result<(), RuntimeError> {
        let (plan, stop) = (self.plan.clone(), self.stop.clone());
        let (healths, vitals) = (self.healths.clone(), self.vitals.clone());
        // timely wants what it is given to be shareable; one worker takes it all.
        let given = Mutex::new(Some((parts, out)));
        let graph = AssertUnwindSafe(move || {
            timely::execute_directly(move |worker| {
                let given = given.lock().unwrap_or_else(PoisonError::into_inner).take();
                let (parts, out) = given.expect("one worker takes the parts once");
                let crew = Crew::default();
                let without_writer = stop.clone();
                worker.dataflow(|scope| {
                    assemble(scope, &plan, parts, &crew, move |news| {
                        // Without a writer there is no use in going on.
                        if out.send(news).is_err() {
                            without_writer.cancel();
                        }
                    });
                });
                while worker.has_dataflows() {
                    worker.step_or_park(Some(LOOK));
                    vitals.beat();
                    if healths.given_up() {
                        stop.cancel();
                    }
                    if stop.is_cancelled() {
                        closer.iter().for_each(Closer::close);
                    }
                }
                crew.join();
            });
        });
        catch_unwind(graph).map_err(|_| RuntimeError::Graph {
            reason: "an operator panicked".into(),
        })
    }

    fn outcome(&self, mut written: Written, begun: Instant, begins: &[Begin]) -> Outcome {
        let (mut skipped, mut cut) = (Vec::new(), std::mem::take(&mut written.cut));
        let mut sources = std::mem::take(&mut written.over);
        for source in self.vitals.sources() {
            let begin = &begins[source.id.planned as usize];
            if source.found.is_none() && begin.start.is_none() {
                skipped.push(source.name.clone());
                continue;
            }
            let passed = written.sources.get(&source.id).copied();
            let passed = passed.unwrap_or(Passed {
                complete_through: source.sealed,
                ..Passed::default()
            });
            if !(passed.whole || source.live || written.unheard) {
                cut.insert(source.name.clone(), passed.complete_through.millis());
            }
            let report = SourceReport::of(&self.vitals, &source, passed);
            sources.insert(source.name.clone(), report);
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
}

/// What comes, and word of it where nothing does for a while.
fn unless_quiet(news: Receiver<News>) -> impl Iterator<Item = News> {
    std::iter::from_fn(move || match news.recv_timeout(QUIET) {
        Err(RecvTimeoutError::Timeout) => Some(News::Nothing),
        come => come.ok(),
    })
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
