//! Makes a plan run: opens everything that can fail first, then lets the graph work until its sources are over.
//!
//! Four kinds of threads: one for each source, one for each module, the graph's worker (the caller's thread), and the
//! writer. Whatever ends the run early (a signal, a model or a store that keeps failing) sets one flag: sources end, the
//! graph runs dry, and what was finished is out.

use std::{
    collections::{BTreeMap, HashSet},
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
    data::{MediaTime, NodeId, SourceId},
    flow::{Bounds, Flow},
    intake::Inlet,
    node::NodeKind,
    offload::{Crew, Health},
    sample::Grid,
    seal::Sealed,
    tally::Tally,
};
use atom_pipelines::{Input, Plan, SinkKind};
use crossbeam::channel::{Sender, bounded, unbounded};
use sha2::{Digest, Sha256};

use crate::{
    assemble::{Parts, assemble},
    error::EngineError,
    report::{self, DecoderReport, Report, SourceReport},
    sink::{self, Format},
    source::{Location, Outlet, Wanted, gst},
    store::Store,
    writer::{Audience, OpenSink, OpenStore, Shelf, Writer, Written},
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
}

/// Runs a plan until its sources are over.
///
/// # Errors
/// If it cannot start: a pack, a module, a source, a sink or a store that cannot be used.
pub fn run(plan: &Plan, options: Options) -> Result<Outcome, EngineError> {
    gst::init()?;
    let pack = Pack::open(&plan.pack)?;
    let locations = locations(plan)?;
    let mut stores = open_stores(plan, &pack, &locations)?;
    let starts = starts(plan, &mut stores, options.resume)?;
    let sinks = open_sinks(plan)?;
    let meters = Meters::default();
    let modules = Modules::load(plan, &pack, &meters)?;
    let run = Run {
        plan,
        pack: &pack,
        meters,
        tally: Tally::new(plan.sources.len()),
        stop: Arc::clone(&options.stop),
    };
    let skipped = plan
        .sources
        .iter()
        .zip(&starts)
        .filter(|(_, start)| start.is_none())
        .map(|(s, _)| s.name.clone());
    let skipped = skipped.collect();
    run.go(
        Opened {
            locations,
            starts,
            sinks,
            stores,
            modules,
        },
        options.audience,
        skipped,
    )
}

fn locations(plan: &Plan) -> Result<Vec<Location>, EngineError> {
    let parsed: Vec<_> = plan
        .sources
        .iter()
        .map(|source| Location::parse(&source.uri))
        .collect::<Result<_, _>>()?;
    // With one source, what cannot be read ends the run before it starts; among several it is one failure.
    if let [only] = &parsed[..] {
        only.check()?;
    }
    Ok(parsed)
}

/// The modules that the plan needs, loaded once.
struct Modules {
    vision: Option<Box<dyn atom_models::Vision>>,
    decoder: Option<Box<dyn atom_models::Decoder>>,
}

impl Modules {
    fn load(plan: &Plan, pack: &Pack, meters: &Meters) -> Result<Self, EngineError> {
        let needs =
            |wanted: fn(&NodeKind) -> bool| plan.nodes.iter().any(|node| wanted(&node.kind));
        let vision = needs(|kind| matches!(kind, NodeKind::Encode(_)))
            .then(|| pack.vision(Arc::clone(&meters.vision)));
        let decoder = needs(|kind| matches!(kind, NodeKind::Caption(_) | NodeKind::Reason(_)))
            .then(|| pack.decoder(Arc::clone(&meters.decoder)));
        Ok(Self {
            vision: vision.transpose()?,
            decoder: decoder.transpose()?,
        })
    }
}

fn open_sinks(plan: &Plan) -> Result<Vec<OpenSink>, EngineError> {
    let mut open = Vec::new();
    for planned in &plan.sinks {
        let sources: Vec<_> = planned.source_names.values().map(String::as_str).collect();
        let format = match planned.kind {
            SinkKind::Webvtt(_) => Format::WebVtt,
            SinkKind::Srt(_) => Format::Srt,
            _ => Format::Jsonl,
        };
        open.push(OpenSink {
            name: planned.name.clone(),
            sink: sink::open(format, planned.kind.path(), &sources)?,
            inputs: planned
                .inputs
                .iter()
                .map(|input| (NodeId(input.node), input.name.clone()))
                .collect(),
            sources: by_id(&planned.source_names),
        });
    }
    Ok(open)
}

fn by_id(names: &BTreeMap<usize, String>) -> BTreeMap<SourceId, String> {
    names
        .iter()
        .map(|(at, name)| (SourceId(*at as u32), name.clone()))
        .collect()
}

fn open_stores(
    plan: &Plan,
    pack: &Pack,
    locations: &[Location],
) -> Result<Vec<OpenStore>, EngineError> {
    let mut open = Vec::new();
    for (at, planned) in plan.nodes.iter().enumerate() {
        let NodeKind::Index(spec) = &planned.kind else {
            continue;
        };
        let settings = settings(plan, at);
        let shelf = |(source, name): (&usize, &String)| {
            let content = locations[*source].fingerprint();
            let pack = format!("{}-{}", pack.id(), digits(&[settings.as_bytes(), &content]));
            (
                SourceId(*source as u32),
                Shelf {
                    source: name.clone(),
                    pack,
                },
            )
        };
        let shelves = planned.source_names.iter().map(shelf).collect();
        open.push(OpenStore {
            node: NodeId(at),
            store: Store::open(&spec.store)?,
            shelves,
        });
    }
    Ok(open)
}

/// The settings of everything above an index node, as text.
fn settings(plan: &Plan, node: usize) -> String {
    let mut above = HashSet::new();
    let mut next = vec![node];
    while let Some(at) = next.pop() {
        for input in &plan.nodes[at].inputs {
            if let Input::Node(input) = input
                && above.insert(*input)
            {
                next.push(*input);
            }
        }
    }
    let text =
        |at: usize| serde_json::to_string(&plan.nodes[at].kind).expect("settings are plain data");
    let mut kinds: Vec<_> = above.into_iter().map(text).collect();
    kinds.sort();
    kinds.join("\n")
}

/// Eight hexadecimal digits that stand for some bytes.
fn digits(parts: &[&[u8]]) -> String {
    let hash = parts
        .iter()
        .fold(Sha256::new(), |hash, part| hash.chain_update(part));
    hash.finalize()
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// From where each source is played; `None` if its stores hold all of it already.
fn starts(
    plan: &Plan,
    stores: &mut [OpenStore],
    resume: bool,
) -> Result<Vec<Option<MediaTime>>, EngineError> {
    let mut starts = Vec::new();
    for at in 0..plan.sources.len() {
        let (mut start, mut stored) = (u64::MAX, 0);
        for open in stores.iter_mut() {
            let Some(Shelf { source, pack }) = open.shelves.get(&SourceId(at as u32)) else {
                continue;
            };
            let known = open.store.begin(source, pack)?;
            stored += 1;
            match (resume, known.ended) {
                (true, true) => {}
                (true, false) => {
                    start = start.min(multiple_before(plan, open.node, known.sealed_ms))
                }
                (false, _) => {
                    open.store.restart(source, pack)?;
                    start = 0;
                }
            }
        }
        let start = if stored == 0 { 0 } else { start };
        starts.push((start < u64::MAX).then(|| MediaTime::from_millis(start)));
    }
    Ok(starts)
}

/// The last moment not after `sealed_ms` at which sampling and segmenting begin anew.
fn multiple_before(plan: &Plan, index: NodeId, sealed_ms: u64) -> u64 {
    let sources = plan.sources_of(Input::Node(index.0));
    let lengths = plan
        .nodes
        .iter()
        .enumerate()
        .filter_map(|(at, node)| match &node.kind {
            NodeKind::Segment(spec) if !plan.sources_of(Input::Node(at)).is_disjoint(&sources) => {
                Some(spec.length_ms)
            }
            _ => None,
        });
    lengths
        .map(|length| sealed_ms / length * length)
        .min()
        .unwrap_or(0)
}

/// One run: what stays the same from its start to its report.
struct Run<'p> {
    plan: &'p Plan,
    pack: &'p Pack,
    meters: Meters,
    tally: Tally,
    stop: Arc<AtomicBool>,
}

/// Everything that was opened before the start.
struct Opened {
    locations: Vec<Location>,
    starts: Vec<Option<MediaTime>>,
    sinks: Vec<OpenSink>,
    stores: Vec<OpenStore>,
    modules: Modules,
}

impl Run<'_> {
    fn go(
        &self,
        opened: Opened,
        audience: Box<dyn Audience>,
        skipped: Vec<String>,
    ) -> Result<Outcome, EngineError> {
        let begun = Instant::now();
        let Opened {
            locations,
            starts,
            sinks,
            stores,
            modules,
        } = opened;
        let lengths_ms: Vec<Arc<AtomicU64>> = locations.iter().map(|_| Arc::default()).collect();
        let (inlets, jobs) = self.sources(locations, &starts, &lengths_ms);
        let writer = self.writer(sinks, stores, audience, lengths_ms);
        let healths = (Health::default(), Health::default());
        let parts = Parts {
            inlets,
            vision: modules.vision,
            decoder: modules.decoder,
            connector: self.pack.connector().clone(),
            vision_health: healths.0.clone(),
            decoder_health: healths.1.clone(),
            tally: self.tally.clone(),
        };
        let (out, sealed) = unbounded();
        let (jobs, broken) = (Mutex::new(jobs), Mutex::new(Vec::new()));
        let written = thread::scope(|threads| {
            let written = threads.spawn(|| writer.run(sealed));
            let players = AT_ONCE.min(starts.len().max(1));
            for _ in 0..players {
                threads.spawn(|| play_all(&jobs, &broken));
            }
            let worked = self.work(parts, &[&healths.0, &healths.1], out);
            self.stop.store(true, SeqCst);
            let mut written = written.join().unwrap_or_else(|_| Written {
                errors: vec!["the writer of results panicked".into()],
                ..Written::default()
            });
            written.errors.extend(worked.err());
            written
        });
        let mut written = written;
        written.errors.splice(
            0..0,
            broken.into_inner().unwrap_or_else(PoisonError::into_inner),
        );
        for (health, name) in [(&healths.0, "vision encoder"), (&healths.1, "decoder")] {
            if let Some(fault) = health.given_up().or_else(|| health.never_worked()) {
                written.errors.push(format!(
                    "the {name} failed on everything it was given: {fault}"
                ));
            }
        }
        Ok(self.outcome(written, begun, &starts, skipped))
    }

    /// The graph's ways in, and what the players have to play.
    fn sources(
        &self,
        locations: Vec<Location>,
        starts: &[Option<MediaTime>],
        lengths_ms: &[Arc<AtomicU64>],
    ) -> (Vec<Inlet>, Vec<(Wanted, Outlet)>) {
        let (mut inlets, mut jobs) = (Vec::new(), Vec::new());
        for ((at, location), start) in locations.into_iter().enumerate().zip(starts) {
            let Some(from) = *start else { continue };
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
                grids: self.grids(at),
                from,
            };
            let (tally, stop) = (self.tally.clone(), Arc::clone(&self.stop));
            let length_ms = Arc::clone(&lengths_ms[at]);
            jobs.push((
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
        // Players take from the end.
        jobs.reverse();
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
            written: Written::default(),
        }
    }

    /// Works through the graph on this thread until it is complete.
    fn work(&self, parts: Parts, healths: &[&Health], out: Sender<Sealed>) -> Result<(), String> {
        let (plan, stop) = (self.plan.clone(), Arc::clone(&self.stop));
        let healths: Vec<Health> = healths.iter().map(|health| (*health).clone()).collect();
        // timely wants what it is given to be shareable; one worker takes it all.
        let given = Mutex::new(Some((parts, out)));
        let graph = AssertUnwindSafe(move || {
            timely::execute_directly(move |worker| {
                let given = given.lock().unwrap_or_else(PoisonError::into_inner).take();
                let (parts, out) = given.expect("one worker takes the parts once");
                let crew = Crew::default();
                worker.dataflow(|scope| {
                    // The writer takes everything until this sender is gone; it ends with the graph.
                    let deliver = move |sealed| drop(out.send(sealed));
                    assemble(scope, &plan, parts, &crew, deliver);
                });
                while worker.has_dataflows() {
                    worker.step_or_park(Some(LOOK));
                    if healths.iter().any(|health| health.given_up().is_some()) {
                        stop.store(true, SeqCst);
                    }
                }
                crew.join();
            });
        });
        catch_unwind(graph).map_err(|_| "the graph panicked".to_owned())
    }

    fn outcome(
        &self,
        written: Written,
        begun: Instant,
        starts: &[Option<MediaTime>],
        skipped: Vec<String>,
    ) -> Outcome {
        let mut sources = BTreeMap::new();
        let played = self
            .plan
            .sources
            .iter()
            .enumerate()
            .zip(starts)
            .filter(|(_, start)| start.is_some());
        for ((at, planned), _) in played {
            let id = SourceId(at as u32);
            let (tally, passed) = (
                self.tally.source(id),
                written.sources.get(&id).copied().unwrap_or_default(),
            );
            let report = SourceReport {
                frames_received: tally.frames_received(),
                frames_sampled: tally.frames_sampled(),
                frames_dropped: tally.frames_dropped(),
                segments: passed.segments,
                complete_through_ms: passed.complete_through.millis(),
            };
            sources.insert(planned.name.clone(), report);
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
        }
    }
}

/// Plays one source after another until none is left.
fn play_all(jobs: &Mutex<Vec<(Wanted, Outlet)>>, broken: &Mutex<Vec<String>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some((wanted, outlet)) = job else { return };
        let played = match wanted.location.check() {
            Ok(()) => {
                catch_unwind(AssertUnwindSafe(|| gst::play(wanted, &outlet))).unwrap_or_else(|_| {
                    Err(EngineError::Graph {
                        reason: "a source panicked".into(),
                    })
                })
            }
            Err(error) => {
                outlet.end(MediaTime::default(), false);
                Err(error)
            }
        };
        if let Err(error) = played {
            broken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(error.to_string());
        }
    }
}
