//! What the engine costs beside its modules: a run against the same module calls without a graph, and the graph without modules.
//!
//! A first run notes every call of a module. Then, in turns: a run that is not noted, and the noted calls made again, once in one
//! loop and once in a loop for each module, side by side. The video is decoded meanwhile as in the run, since no program could
//! do without. Modules stay loaded throughout; loading counts nowhere.

use std::{
    panic::resume_unwind,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use atom_models::{ModelError, Pack};
use atom_operators::{
    data::{MediaTime, SourceId},
    sample::Grid,
    tally::Tally,
};
use crossbeam::channel::bounded;
use serde::Serialize;

use super::{
    figures::Figure,
    graph::{self, GraphFigures},
    kept::{Kept, Taken, run_with},
    replay::Calls,
    tasks::Task,
    work::WorkError,
};
use atom_media::{
    FrameSelection, FrameSender, Location, MediaError, PlaybackRequest, play_recording,
};
use atom_runtime::{RuntimeError, process::cpu_seconds};

/// What the engine costs.
#[derive(Clone, Debug, Serialize)]
pub struct Overhead {
    /// The pack.
    pub pack: String,
    /// So many rounds were counted.
    pub rounds: usize,
    /// Calls of modules in a run.
    pub calls: usize,
    /// The run with the engine, without loading.
    pub engine: Cost,
    /// The calls in one loop.
    pub one_loop: Cost,
    /// The calls in a loop for each module, as if nothing depended on anything.
    pub side_by_side: Cost,
    /// Wall time of the engine against one loop, the middle of the rounds.
    pub engine_over_one_loop: f64,
    /// Wall time of the engine against loops side by side.
    pub engine_over_side_by_side: f64,
    /// The graph alone.
    pub graph: Vec<GraphFigures>,
    /// Time for a frame with the most sources against one.
    pub graph_most_over_one: f64,
}

/// What a way of doing it took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Cost {
    /// Wall time in seconds.
    pub wall_seconds: Figure,
    /// Processor time in seconds.
    pub cpu_seconds: Figure,
}

/// Sources of the graph alone.
const SOURCES: [usize; 4] = [1, 4, 16, 64];

/// What is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// With this video.
    pub video: PathBuf,
    /// By this pack.
    pub pack: String,
    /// So many times.
    pub rounds: usize,
    /// Frames of all sources together that the graph alone moves.
    pub frames: u64,
}

/// Measures it; `tell` is told what is being done.
///
/// # Errors
/// If the video or the pack cannot be used, or anything fails on the way.
pub fn measure(settings: &Settings, tell: &mut dyn FnMut(&str)) -> Result<Overhead, WorkError> {
    let pack = Pack::open(&settings.pack)?;
    tell("loading, and noting what a run asks of its modules");
    let kept = Kept::load(&pack)?;
    let calls = Calls::default();
    engine(settings, &kept, Some(&calls))?;
    let calls = calls.taken();
    let (mut with, mut looped, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..settings.rounds {
        tell(&format!("round {} of {}", n + 1, settings.rounds));
        with.push(engine(settings, &kept, None)?);
        let mut bare = kept.bare();
        looped.push(beside_video(settings, &pack, || bare.in_a_loop(&calls))?);
        beside.push(beside_video(settings, &pack, || bare.side_by_side(&calls))?);
    }
    let mut graphs = Vec::new();
    for sources in SOURCES {
        tell(&format!("the graph alone, {sources} sources"));
        graphs.push(graph::measure(
            sources,
            settings.frames.div_ceil(sources as u64),
        )?);
    }
    let frame = |at: usize| graphs.get(at).map_or(0.0, |figures| figures.frame_ns);
    Ok(Overhead {
        pack: pack.id(),
        rounds: settings.rounds,
        calls: calls.len(),
        engine: cost(&with),
        one_loop: cost(&looped),
        side_by_side: cost(&beside),
        engine_over_one_loop: ratio(&with, &looped),
        engine_over_side_by_side: ratio(&with, &beside),
        graph_most_over_one: frame(SOURCES.len() - 1) / frame(0),
        graph: graphs,
    })
}

fn cost(rounds: &[Taken]) -> Cost {
    Cost {
        wall_seconds: Figure::of(rounds.iter().map(|(wall, _)| wall.as_secs_f64())),
        cpu_seconds: Figure::of(rounds.iter().map(|(_, cpu)| *cpu)),
    }
}

fn ratio(above: &[Taken], below: &[Taken]) -> f64 {
    let each = above.iter().zip(below);
    Figure::of(each.map(|((a, _), (b, _))| a.as_secs_f64() / b.as_secs_f64())).median
}

/// A run of all tasks, without loading.
fn engine(settings: &Settings, kept: &Kept, calls: Option<&Calls>) -> Result<Taken, WorkError> {
    let folder = tempfile::tempdir().map_err(|error| WorkError::Failed(error.to_string()))?;
    let videos = [settings.video.clone()];
    let files = [Task::Caption, Task::Index, Task::Reason];
    let file = |task: &Task| task.file(&videos, &settings.pack, folder.path());
    let files = files.iter().map(file).collect::<Result<Vec<_>, _>>()?;
    run_with(&files, kept.modules(calls, true))
}

/// Does something while the video is decoded as in a run; what takes longer counts.
fn beside_video(
    settings: &Settings,
    pack: &Pack,
    work: impl FnOnce() -> Result<(Duration, Duration), ModelError>,
) -> Result<Taken, WorkError> {
    let cpu = cpu_seconds();
    let (played, worked) = thread::scope(|threads| {
        let played = threads.spawn(|| play(settings, pack));
        let worked = work();
        let played = played.join().unwrap_or_else(|panic| resume_unwind(panic));
        (played, worked)
    });
    let (worked, making) = worked?;
    // One thread makes what the decoder works on.
    let cpu = cpu_seconds() - cpu - making.as_secs_f64();
    Ok((worked.max(played.map_err(RuntimeError::from)?), cpu))
}

/// Decodes the video and lets its frames go.
fn play(settings: &Settings, pack: &Pack) -> Result<Duration, MediaError> {
    let begun = Instant::now();
    let wanted = PlaybackRequest {
        source: SourceId::of(0),
        location: Location::parse(&settings.video.to_string_lossy())?,
        size: pack.frame_size(),
        selection: FrameSelection::Grids(vec![Grid::new(2.0, &[4000])]),
        from: MediaTime::default(),
        live: None,
        growing: false,
    };
    let (sender, records) = bounded(2);
    let outlet = FrameSender::for_recording(SourceId::of(0), sender, Tally::default());
    thread::scope(|threads| {
        threads.spawn(move || records.into_iter().for_each(drop));
        let played = play_recording(wanted, &outlet);
        // Who takes the frames ends with this.
        drop(outlet);
        played.map(|_| begun.elapsed())
    })
}
