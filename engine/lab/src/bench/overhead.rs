//! Measures the cost of the engine on top of its modules: a run against its module calls without a graph, and the graph
//! without modules.
//!
//! A first run records every module call. Then come, in turn: a run that is not recorded, and the recorded calls made
//! again, once in one loop and once in a loop for each module, side by side. The video is decoded meanwhile as in the run,
//! because no program could avoid that. Modules stay loaded throughout; loading never counts.

use std::{
    panic::resume_unwind,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use atom_models::{ModelError, Pack};
use atom_operators::{
    counters::Counters, ids::SourceId, media_time::MediaTime, sampling_grid::SamplingGrid,
};
use crossbeam::channel::bounded;
use serde::Serialize;

use super::{
    call_replay::{CallLog, ReplayTimes},
    graph_throughput::{self, GraphThroughput},
    preloaded_modules::{PreloadedModules, RunTime, run_preloaded},
    round_statistics::RoundStatistics,
    tasks::Task,
};
use crate::LabError;
use atom_media::{
    FrameSelection, FrameSender, Location, MediaError, PlaybackRequest, play_recording,
};
use atom_runtime::{RuntimeError, process_usage::cpu_seconds};

/// The report of `atom bench overhead`.
#[derive(Clone, Debug, Serialize)]
pub struct OverheadReport {
    /// The pack.
    pub pack: String,
    /// Number of rounds.
    pub rounds: usize,
    /// Module calls of a run.
    pub calls: usize,
    /// The run with the engine, without loading.
    pub engine: TimeStatistics,
    /// The calls in one loop.
    pub one_loop: TimeStatistics,
    /// The calls in a loop for each module, as if no call depended on another.
    pub side_by_side: TimeStatistics,
    /// Wall time of the engine over that of one loop; the median of the rounds.
    pub engine_over_one_loop: f64,
    /// Wall time of the engine over that of loops side by side.
    pub engine_over_side_by_side: f64,
    /// The graph alone.
    pub graph: Vec<GraphThroughput>,
    /// Time per frame with the most sources over that with one.
    pub graph_most_over_one: f64,
}

/// The times of several rounds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct TimeStatistics {
    /// Wall time in seconds.
    pub wall_seconds: RoundStatistics,
    /// Processor time in seconds.
    pub cpu_seconds: RoundStatistics,
}

/// Numbers of sources of the graph alone.
const SOURCES: [usize; 4] = [1, 4, 16, 64];

/// The settings of `atom bench overhead`.
#[derive(Clone, Debug)]
pub struct OverheadSettings {
    /// The video.
    pub video: PathBuf,
    /// The pack.
    pub pack: String,
    /// Number of rounds.
    pub rounds: usize,
    /// Frames that the graph alone moves, of all sources together.
    pub frames: u64,
}

/// Runs the benchmark; `progress` is called with each step.
///
/// # Errors
/// If the video or the pack cannot be used, or a run fails.
pub fn measure(
    settings: &OverheadSettings,
    progress: &mut dyn FnMut(&str),
) -> Result<OverheadReport, LabError> {
    let pack = Pack::open(&settings.pack)?;
    progress("loading modules and recording the module calls of a run");
    let modules = PreloadedModules::load(&pack)?;
    let log = CallLog::default();
    run_engine(settings, &modules, Some(&log))?;
    let calls = log.take();
    let (mut engine, mut one_loop, mut side_by_side) = (Vec::new(), Vec::new(), Vec::new());
    for n in 1..=settings.rounds {
        progress(&format!("round {n} of {}", settings.rounds));
        engine.push(run_engine(settings, &modules, None)?);
        let mut bare = modules.bare();
        one_loop.push(beside_video(settings, &pack, || {
            bare.replay_in_order(&calls)
        })?);
        side_by_side.push(beside_video(settings, &pack, || {
            bare.replay_side_by_side(&calls)
        })?);
    }
    let graph = measure_graph(settings, progress)?;
    let frame_ns = |at: usize| graph.get(at).map_or(0.0, |one| one.frame_ns);
    Ok(OverheadReport {
        pack: pack.id(),
        rounds: settings.rounds,
        calls: calls.len(),
        engine: TimeStatistics::of(&engine),
        one_loop: TimeStatistics::of(&one_loop),
        side_by_side: TimeStatistics::of(&side_by_side),
        engine_over_one_loop: median_ratio(&engine, &one_loop),
        engine_over_side_by_side: median_ratio(&engine, &side_by_side),
        graph_most_over_one: frame_ns(SOURCES.len() - 1) / frame_ns(0),
        graph,
    })
}

fn measure_graph(
    settings: &OverheadSettings,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<GraphThroughput>, LabError> {
    let mut graph = Vec::new();
    for sources in SOURCES {
        progress(&format!("the graph alone, {sources} sources"));
        let frames = settings.frames.div_ceil(sources as u64);
        graph.push(graph_throughput::measure(sources, frames)?);
    }
    Ok(graph)
}

impl TimeStatistics {
    fn of(rounds: &[RunTime]) -> Self {
        Self {
            wall_seconds: RoundStatistics::of(rounds.iter().map(|time| time.wall.as_secs_f64())),
            cpu_seconds: RoundStatistics::of(rounds.iter().map(|time| time.cpu_seconds)),
        }
    }
}

fn median_ratio(numerators: &[RunTime], denominators: &[RunTime]) -> f64 {
    let ratios = numerators
        .iter()
        .zip(denominators)
        .map(|(a, b)| a.wall.as_secs_f64() / b.wall.as_secs_f64());
    RoundStatistics::of(ratios).median
}

/// Runs all tasks, without loading.
fn run_engine(
    settings: &OverheadSettings,
    modules: &PreloadedModules,
    log: Option<&CallLog>,
) -> Result<RunTime, LabError> {
    let folder = tempfile::tempdir().map_err(LabError::results_folder)?;
    let videos = [settings.video.clone()];
    let files = [Task::Caption, Task::Index, Task::Reason].iter();
    let files = files.map(|task| task.pipeline_file(&videos, &settings.pack, folder.path()));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    run_preloaded(&files, modules.for_run(log, true))
}

/// Replays calls while the video is decoded as in a run; the longer of both counts.
fn beside_video(
    settings: &OverheadSettings,
    pack: &Pack,
    replay: impl FnOnce() -> Result<ReplayTimes, ModelError>,
) -> Result<RunTime, LabError> {
    let cpu_at_start = cpu_seconds();
    let (played, replayed) = thread::scope(|threads| {
        let played = threads.spawn(|| decode_video(settings, pack));
        let replayed = replay();
        let played = played.join().unwrap_or_else(|panic| resume_unwind(panic));
        (played, replayed)
    });
    let replayed = replayed?;
    Ok(RunTime {
        wall: replayed.modules.max(played.map_err(RuntimeError::from)?),
        // A single thread allocates caches, so its wall time is its processor time.
        cpu_seconds: cpu_seconds() - cpu_at_start - replayed.allocation.as_secs_f64(),
    })
}

/// Decodes the video, drops its frames, and returns the time it took.
fn decode_video(settings: &OverheadSettings, pack: &Pack) -> Result<Duration, MediaError> {
    let start = Instant::now();
    let request = PlaybackRequest {
        source: SourceId::new(0),
        location: Location::parse(&settings.video.to_string_lossy())?,
        size: pack.frame_size(),
        selection: FrameSelection::Grids(vec![SamplingGrid::new(2.0, &[4000])]),
        from: MediaTime::default(),
        live: None,
        growing: false,
    };
    let (sender, records) = bounded(2);
    let frames = FrameSender::for_recording(SourceId::new(0), sender, Counters::default());
    thread::scope(|threads| {
        threads.spawn(move || records.into_iter().for_each(drop));
        let played = play_recording(request, &frames);
        // This ends the receiver.
        drop(frames);
        played.map(|_| start.elapsed())
    })
}
