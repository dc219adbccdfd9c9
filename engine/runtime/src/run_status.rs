//! The state of a run, readable while the run works: by metrics, by health checks, and by its report at the end.
//!
//! Everything in here is shared with the working threads; reading it never holds them up.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use atom_media::live::connection_status::ConnectionMonitor;
use atom_models::Meters;
use atom_operators::{
    counters::Counters,
    credits::Credits,
    ids::{NodeId, SourceId},
    media_time::MediaTime,
    sample::SampleSpec,
    sampling_grid::SamplingGrid,
};
use atom_pipelines::Plan;
use jiff::Timestamp;
use parking_lot::RwLock;

use crate::{
    resume_point::{RowKey, SourceStart},
    run_problems::RunProblems,
    source_plan_facts::samplers,
};

/// The state of a run. Clones share it.
#[derive(Clone, Debug)]
pub struct RunStatus {
    sources: Arc<RwLock<BTreeMap<SourceId, Arc<SourceStatus>>>>,
    /// The frames and segments in flight on each input channel.
    pub(crate) channels: Arc<[Arc<Credits>]>,
    /// Counts of the recordings found in folders.
    pub(crate) folders: Arc<FolderProgress>,
    /// Counts of frames, requests and tokens.
    pub(crate) counters: Counters,
    /// Run times of the modules.
    pub(crate) meters: Meters,
    /// The parts that cannot be written or kept up to date at the moment.
    pub problems: RunProblems,
    heartbeat: Arc<Heartbeat>,
}

/// Counts of the recordings found in folders and of those finished, by number and by size in bytes; the sizes serve to
/// estimate the remaining time.
#[derive(Debug, Default)]
pub struct FolderProgress {
    /// Recordings found that need work, as far as that is known.
    pub found: AtomicU64,
    /// Recordings finished.
    pub finished: AtomicU64,
    /// Bytes of the recordings found.
    pub bytes_found: AtomicU64,
    /// Bytes of the recordings finished.
    pub bytes_finished: AtomicU64,
}

impl FolderProgress {
    /// Counts a recording that was found.
    pub(crate) fn add(&self, bytes: u64) {
        self.found.fetch_add(1, Relaxed);
        self.bytes_found.fetch_add(bytes, Relaxed);
    }

    /// Takes back the count of a recording that needs no work after all.
    pub(crate) fn skip(&self, bytes: u64) {
        self.found.fetch_sub(1, Relaxed);
        self.bytes_found.fetch_sub(bytes, Relaxed);
    }

    /// Counts a recording that is finished.
    pub(crate) fn finish(&self, bytes: u64) {
        self.finished.fetch_add(1, Relaxed);
        self.bytes_finished.fetch_add(bytes, Relaxed);
    }
}

/// The state of a source.
#[derive(Debug)]
pub struct SourceStatus {
    /// Its id in this run.
    pub(crate) id: SourceId,
    /// Its name.
    pub name: String,
    /// True if it is live.
    pub live: bool,
    /// The file, if it is a recording found in a folder.
    pub(crate) recording: Option<FolderRecording>,
    /// Everything before this was stored when the source started.
    pub(crate) stored_through: MediaTime,
    /// The key of its rows, by index node.
    pub(crate) row_keys: BTreeMap<NodeId, RowKey>,
    /// The state of its connection, if it is live.
    pub connection: Arc<ConnectionMonitor>,
    /// Its length in milliseconds, 0 if unknown.
    pub(crate) length_ms: Arc<AtomicU64>,
    /// The grids on which it is sampled.
    pub(crate) grids: Vec<SamplingGrid>,
    /// The reason why it could not be played to its end, if it is a file that is to blame; set before its end enters the graph.
    pub(crate) failure: OnceLock<String>,
}

/// A recording found in a folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct FolderRecording {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) bytes: u64,
    /// True if it is still being written: its end is not final then.
    pub(crate) growing: bool,
    /// The folder's name in the plan.
    pub(crate) folder: String,
    /// True if the folder is watched indefinitely: its recordings are counted together then.
    pub(crate) watched: bool,
}

impl SourceStatus {
    /// Returns the state of a source of the plan that starts now. `credits` are those of its channel, if it is live.
    pub(crate) fn new(
        plan: &Plan,
        at: usize,
        start: &SourceStart,
        credits: Option<&Arc<Credits>>,
    ) -> Self {
        let planned = &plan.sources[at];
        let start_time = start.resume_point.and_then(|point| point.start_time);
        let grid = |(spec, segment_lengths): (&SampleSpec, &Vec<u64>)| {
            let grid = SamplingGrid::new(spec.fps, segment_lengths);
            match credits {
                Some(credits) => grid.with_rate(Arc::clone(credits.rate()), spec.lowest_fps()),
                None => grid,
            }
        };
        Self {
            id: SourceId::new(at as u32),
            name: planned.name.clone(),
            live: planned.is_live(),
            recording: None,
            stored_through: start.resume_point.unwrap_or_default().stored_through,
            row_keys: start.row_keys.clone(),
            grids: samplers(plan, at).map(grid).collect(),
            connection: Arc::new(ConnectionMonitor::started_at(start_time)),
            length_ms: Arc::default(),
            failure: OnceLock::new(),
        }
    }

    /// True if the source has no end: a camera, or a recording of a watched folder.
    pub(crate) fn is_endless(&self) -> bool {
        self.live || self.recording.as_ref().is_some_and(|file| file.watched)
    }

    /// Returns the source's label in metrics. Recordings of a folder share the folder's name, since their number is not
    /// bounded.
    pub(crate) fn label(&self) -> &str {
        self.recording
            .as_ref()
            .map_or(&self.name, |file| &file.folder)
    }

    /// Returns the source's name in a pipeline file that has these names for the sources of the plan.
    pub(crate) fn name_in<'a>(&'a self, names: &'a BTreeMap<usize, String>) -> Option<&'a str> {
        let name = names.get(&(self.id.planned as usize))?;
        Some(match self.recording {
            Some(_) => &self.name,
            None => name,
        })
    }

    /// Returns the wall time of a live source's media time 0; `None` for a recording, and before the first frame.
    pub(crate) fn start_time(&self) -> Option<Timestamp> {
        self.connection.start().filter(|_| self.live)
    }
}

/// The sealed part of a source, as counted by the writer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SealProgress {
    /// Segments that closed.
    pub(crate) segments: u64,
    /// Everything before this is out.
    pub(crate) complete_through: MediaTime,
    /// True if the source was processed to its end.
    pub(crate) ended: bool,
}

impl SealProgress {
    /// Returns the progress of a source of which nothing was sealed in this run.
    pub(crate) fn at_start(source: &SourceStatus) -> Self {
        Self {
            complete_through: source.stored_through,
            ..Self::default()
        }
    }
}

/// The time at which the worker of the graph last reported.
#[derive(Debug)]
struct Heartbeat {
    started: Instant,
    last_ms: AtomicU64,
}

impl RunStatus {
    /// Returns the state of a run that starts now with these input channels.
    pub(crate) fn new(channels: Vec<Arc<Credits>>, meters: Meters) -> Self {
        Self {
            sources: Arc::default(),
            channels: channels.into(),
            folders: Arc::default(),
            counters: Counters::default(),
            meters,
            problems: RunProblems::default(),
            heartbeat: Arc::new(Heartbeat {
                started: Instant::now(),
                last_ms: AtomicU64::new(0),
            }),
        }
    }

    /// Adds a source.
    pub(crate) fn add(&self, source: SourceStatus) -> Arc<SourceStatus> {
        let source = Arc::new(source);
        self.sources.write().insert(source.id, Arc::clone(&source));
        source
    }

    /// Removes a source that is finished.
    pub(crate) fn remove(&self, source: SourceId) {
        self.sources.write().remove(&source);
        self.counters.remove_source(source);
    }

    /// Returns all sources that were added and not removed.
    pub fn sources(&self) -> Vec<Arc<SourceStatus>> {
        self.sources.read().values().cloned().collect()
    }

    /// Returns one of the sources.
    pub(crate) fn source(&self, source: SourceId) -> Option<Arc<SourceStatus>> {
        self.sources.read().get(&source).cloned()
    }

    /// Returns the source of a result. It exists: a source is added before any of its frames enters the graph, and removed after its
    /// end.
    pub(crate) fn source_of_result(&self, source: SourceId) -> Arc<SourceStatus> {
        self.source(source)
            .expect("a source is added before its first frame and removed after its end")
    }

    /// Notes that the worker is alive.
    pub(crate) fn beat(&self) {
        let now = self.heartbeat.started.elapsed().as_millis() as u64;
        self.heartbeat.last_ms.store(now, Relaxed);
    }

    /// Returns the time since the last sign of life of the worker.
    pub fn since_heartbeat(&self) -> Duration {
        let last = Duration::from_millis(self.heartbeat.last_ms.load(Relaxed));
        self.heartbeat.started.elapsed().saturating_sub(last)
    }
}
