//! What of a run can be read while it goes on: by metrics, by health checks, and by its report in the end.
//!
//! Everything in here is shared with the threads that work; reading it never holds them up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use atom_models::Meters;
use atom_operators::{
    flow::{Bounds, Flow},
    node::NodeKind,
    sample::{Grid, SampleSpec},
    tally::Tally,
};
use atom_pipelines::{Input, Plan, PlannedNode};

use jiff::Timestamp;

use crate::{open::Start, source::Standing};

/// What of a run can be read while it goes on. Clones share it.
#[derive(Clone, Debug)]
pub struct Vitals {
    /// The sources, in the order of the plan.
    pub sources: Arc<[SourceVitals]>,
    /// Counts of frames, requests and tokens.
    pub tally: Tally,
    /// What the modules do.
    pub meters: Meters,
    pulse: Arc<Pulse>,
}

/// What of a source can be read.
#[derive(Debug)]
pub struct SourceVitals {
    /// Its name.
    pub name: String,
    /// Whether it shows the present.
    pub live: bool,
    /// What of it is in flight.
    pub flow: Arc<Flow>,
    /// How it stands, if it is live.
    pub standing: Arc<Standing>,
    /// Its length in milliseconds, 0 where that is not known.
    pub length_ms: Arc<AtomicU64>,
    /// The grids on which it is sampled.
    pub grids: Vec<Grid>,
}

impl SourceVitals {
    /// When the media time of a live source was 0; none of a recording, and before the first picture.
    pub fn start(&self) -> Option<Timestamp> {
        self.standing.start().filter(|_| self.live)
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
        NodeKind::Sample(spec) => Some((spec, &node.stretches_ms)),
        _ => None,
    })
}

/// When the worker of the graph was seen last.
#[derive(Debug)]
struct Pulse {
    begun: Instant,
    last_ms: AtomicU64,
}

impl Vitals {
    /// What can be read of a run of this plan that begins now.
    pub(crate) fn of(plan: &Plan, starts: &[Option<Start>], meters: Meters) -> Self {
        let sources = plan.sources.iter().zip(starts).enumerate();
        let sources = sources.map(|(at, (planned, start))| {
            let live = planned.is_live();
            let late_after = Duration::from_millis(planned.settings.late_after_ms);
            let bounds = match live {
                true => Bounds::of_live(late_after, pieces(plan, at)),
                false => Bounds::default(),
            };
            let flow = Flow::new(bounds);
            let grid = |(spec, stretches): (&SampleSpec, &Vec<u64>)| {
                let grid = Grid::new(spec.fps, stretches);
                match live {
                    true => grid.paced(Arc::clone(flow.pace()), spec.least()),
                    false => grid,
                }
            };
            SourceVitals {
                name: planned.name.clone(),
                live,
                grids: samplers(plan, at).map(grid).collect(),
                flow: Arc::clone(&flow),
                standing: Arc::new(Standing::begun(start.and_then(|start| start.begun))),
                length_ms: Arc::default(),
            }
        });
        Self::new(sources.collect(), meters)
    }

    /// The vitals of a run that begins now.
    pub fn new(sources: Vec<SourceVitals>, meters: Meters) -> Self {
        Self {
            tally: Tally::new(sources.len()),
            sources: sources.into(),
            meters,
            pulse: Arc::new(Pulse {
                begun: Instant::now(),
                last_ms: AtomicU64::new(0),
            }),
        }
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
