//! What of a run can be read while it goes on: by metrics, by health checks, and by its report in the end.
//!
//! Everything in here is shared with the threads that work; reading it never holds them up.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use atom_models::Meters;
use atom_operators::{
    data::{MediaTime, NodeId, SourceId},
    flow::{Bounds, Flow},
    node::NodeKind,
    sample::{Grid, SampleSpec},
    tally::Tally,
};
use atom_pipelines::{Input, Plan, PlannedNode};

use jiff::Timestamp;

use crate::{open::Begin, shelf::Shelf};
use atom_media::live::connection_status::ConnectionMonitor;

/// What of a run can be read while it goes on. Clones share it.
#[derive(Clone, Debug)]
pub struct Vitals {
    sources: Arc<RwLock<BTreeMap<SourceId, Arc<SourceVitals>>>>,
    /// What is in flight on each lane.
    pub lanes: Arc<[Arc<Flow>]>,
    /// How much of what was found is worked through.
    pub queue: Arc<Queue>,
    /// Counts of frames, requests and tokens.
    pub tally: Tally,
    /// What the modules do.
    pub meters: Meters,
    pulse: Arc<Pulse>,
}

/// How many recordings were found in folders, and how many of them are over; the same in bytes, by which the rest is guessed.
#[derive(Debug, Default)]
pub struct Queue {
    /// Recordings found that need work, as far as that is known.
    pub found: AtomicU64,
    /// Of these, those that are worked through.
    pub over: AtomicU64,
    /// Their bytes.
    pub bytes_found: AtomicU64,
    /// The bytes of those that are over.
    pub bytes_over: AtomicU64,
}

impl Queue {
    /// A recording of so many bytes was found.
    pub(crate) fn add(&self, bytes: u64) {
        self.found.fetch_add(1, Relaxed);
        self.bytes_found.fetch_add(bytes, Relaxed);
    }

    /// A recording of so many bytes turned out to need no work.
    pub(crate) fn skip(&self, bytes: u64) {
        self.found.fetch_sub(1, Relaxed);
        self.bytes_found.fetch_sub(bytes, Relaxed);
    }

    /// One of so many bytes is worked through.
    pub(crate) fn finish(&self, bytes: u64) {
        self.over.fetch_add(1, Relaxed);
        self.bytes_over.fetch_add(bytes, Relaxed);
    }
}

/// What of a source can be read.
#[derive(Debug)]
pub struct SourceVitals {
    /// Which it is.
    pub id: SourceId,
    /// Its name.
    pub name: String,
    /// Whether it shows the present.
    pub live: bool,
    /// Of a recording found in a folder, the file.
    pub found: Option<FoundFile>,
    /// Everything of it before this was stored when it began.
    pub sealed: MediaTime,
    /// Where its rows go, by index node.
    pub shelves: BTreeMap<NodeId, Shelf>,
    /// How it stands, if it is live.
    pub connection: Arc<ConnectionMonitor>,
    /// Its length in milliseconds, 0 where that is not known.
    pub length_ms: Arc<AtomicU64>,
    /// The grids on which it is sampled.
    pub grids: Vec<Grid>,
}

/// A recording found in a folder.
#[derive(Clone, Debug, Default)]
pub struct FoundFile {
    /// Where it is.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// Whether it still grows: then its end is not the end.
    pub growing: bool,
    /// The folder's name in the plan.
    pub folder: String,
    /// Whether the folder is followed for ever: then its recordings are counted together.
    pub followed: bool,
}

impl SourceVitals {
    /// What can be read of a source of the plan that begins now; `flow` is that of its lane, if it is live.
    pub(crate) fn planned(plan: &Plan, at: usize, begin: &Begin, flow: Option<&Arc<Flow>>) -> Self {
        let planned = &plan.sources[at];
        let start = begin.start.and_then(|start| start.begun);
        let grid = |(spec, stretches): (&SampleSpec, &Vec<u64>)| {
            let grid = Grid::new(spec.fps, stretches);
            match flow {
                Some(flow) => grid.paced(Arc::clone(flow.pace()), spec.least()),
                None => grid,
            }
        };
        Self {
            id: SourceId::of(at as u32),
            name: planned.name.clone(),
            live: planned.is_live(),
            found: None,
            sealed: begin.start.unwrap_or_default().sealed,
            shelves: begin.shelves.clone(),
            grids: samplers(plan, at).map(grid).collect(),
            connection: Arc::new(ConnectionMonitor::started_at(start)),
            length_ms: Arc::default(),
        }
    }

    /// Whether it goes on for ever: a camera, or a recording of a folder that is followed.
    pub fn is_followed(&self) -> bool {
        self.live || self.found.as_ref().is_some_and(|found| found.followed)
    }

    /// What metrics call it. There is no end to the recordings of a folder, so they go by its name.
    pub fn label(&self) -> &str {
        self.found
            .as_ref()
            .map_or(&self.name, |found| &found.folder)
    }

    /// What a file calls the source, that has these names for the sources of the plan.
    pub fn called_by<'a>(&'a self, names: &'a BTreeMap<usize, String>) -> Option<&'a str> {
        let called = names.get(&(self.id.planned as usize))?;
        Some(match self.found {
            Some(_) => &self.name,
            None => called,
        })
    }

    /// When the media time of a live source was 0; none of a recording, and before the first picture.
    pub fn start(&self) -> Option<Timestamp> {
        self.connection.start().filter(|_| self.live)
    }
}

/// The lengths of the shortest pieces into which each segment node cuts a source.
fn pieces(plan: &Plan, source: usize) -> impl Iterator<Item = Duration> {
    let reached = move |at: usize| plan.sources_of(Input::Node(at)).contains(&source);
    let nodes = plan.nodes.iter().enumerate();
    nodes.filter_map(move |(at, node)| match &node.kind {
        NodeKind::Segment(spec) if reached(at) => Some(Duration::from_millis(
            spec.length_ms.min(spec.shortest_ms.max(1)),
        )),
        _ => None,
    })
}

/// The samplers that read a source, with the segment lengths below them.
pub(crate) fn samplers(
    plan: &Plan,
    source: usize,
) -> impl Iterator<Item = (&SampleSpec, &Vec<u64>)> {
    let reads = move |node: &&PlannedNode| node.inputs.contains(&Input::Source(source));
    let nodes = plan.nodes.iter().filter(reads);
    nodes.filter_map(|node| match &node.kind {
        NodeKind::Sample(spec) => Some((spec, &node.segment_lengths_ms)),
        _ => None,
    })
}

/// When the worker of the graph was seen last.
#[derive(Debug)]
struct Pulse {
    begun: Instant,
    last_ms: AtomicU64,
}

/// The bounds of a live source's lane.
pub(crate) fn live_bounds(plan: &Plan, source: usize) -> Bounds {
    let settings = &plan.sources[source].settings;
    let late_after = Duration::from_millis(settings.late_after_ms);
    Bounds::of_live(late_after, pieces(plan, source))
}

impl Vitals {
    /// The vitals of a run that begins now on these lanes.
    pub fn new(lanes: Vec<Arc<Flow>>, meters: Meters) -> Self {
        Self {
            sources: Arc::default(),
            lanes: lanes.into(),
            queue: Arc::default(),
            tally: Tally::default(),
            meters,
            pulse: Arc::new(Pulse {
                begun: Instant::now(),
                last_ms: AtomicU64::new(0),
            }),
        }
    }

    /// Takes a source up.
    pub fn add(&self, source: SourceVitals) -> Arc<SourceVitals> {
        let source = Arc::new(source);
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        sources.insert(source.id, Arc::clone(&source));
        source
    }

    /// Lets go of a source that is over.
    pub(crate) fn forget(&self, source: SourceId) {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        sources.remove(&source);
        self.tally.forget(source);
    }

    /// All sources that were taken up and not let go.
    pub fn sources(&self) -> Vec<Arc<SourceVitals>> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        sources.values().cloned().collect()
    }

    /// One of them.
    pub fn source(&self, source: SourceId) -> Option<Arc<SourceVitals>> {
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        sources.get(&source).cloned()
    }

    /// The worker is alive.
    pub fn beat(&self) {
        let now = self.pulse.begun.elapsed().as_millis() as u64;
        self.pulse.last_ms.store(now, Relaxed);
    }

    /// How long the worker was not seen.
    pub fn since_beat(&self) -> Duration {
        let last = Duration::from_millis(self.pulse.last_ms.load(Relaxed));
        self.pulse.begun.elapsed().saturating_sub(last)
    }
}
