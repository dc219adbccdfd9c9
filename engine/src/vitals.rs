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
use atom_operators::{flow::Flow, sample::Grid, tally::Tally};

use jiff::Timestamp;

use crate::source::Standing;

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

/// When the worker of the graph was seen last.
#[derive(Debug)]
struct Pulse {
    begun: Instant,
    last_ms: AtomicU64,
}

impl Vitals {
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
