//! Measures the savings of shared modules: the same three tasks over the same videos in four shapes. These are a process for
//! each task, the same with modules preloaded, one graph that works sequentially, and one graph as it is normally run.
//!
//! Every shape consists of processes of this program that differ only in the pipeline files each is given. So all shapes
//! share decoding, sampling, threads and index code, and the only difference is what is shared within a process. Rounds
//! are interleaved: every shape has its turn in each, and ratios are taken within a round.

use std::path::PathBuf;

use atom_models::{Pack, ThreadCounts};

use super::{
    process_shapes::{ProcessShape, Round, SHAPES, SHARED_SHAPE},
    reuse_report::ReuseReport,
    task_process::{ProcessOptions, ProcessOutcome, TaskProcess},
};
use crate::LabError;

/// The settings of `atom bench reuse`.
#[derive(Clone, Debug)]
pub struct ReuseSettings {
    /// The videos.
    pub videos: Vec<PathBuf>,
    /// The pack.
    pub pack: String,
    /// Number of rounds that count; one more, before them, warms up caches.
    pub rounds: usize,
    /// The program `atom`.
    pub program: PathBuf,
}

/// Runs the benchmark; `progress` is called with each step.
///
/// # Errors
/// If a process fails, or a video cannot be read.
pub fn measure(
    settings: &ReuseSettings,
    progress: &mut dyn FnMut(&str),
) -> Result<ReuseReport, LabError> {
    // An unknown pack is refused before anything runs.
    Pack::open(&settings.pack)?;
    progress("warming up");
    read_all(&settings.videos)?;
    run_shape(settings, &SHARED_SHAPE)?;
    let mut rounds = Vec::new();
    for n in 0..settings.rounds {
        let mut round = Round::new();
        // The order is reversed in every other round, so that no shape always follows the same one.
        for at in 0..SHAPES.len() {
            let last = SHAPES.len() - 1;
            let shape = &SHAPES[if n % 2 == 0 { at } else { last - at }];
            progress(&format!(
                "round {} of {}: {}",
                n + 1,
                settings.rounds,
                shape.name
            ));
            round.insert(shape.name, run_shape(settings, shape)?);
        }
        rounds.push(round);
    }
    let videos = settings.videos.len();
    let threads = ThreadCounts::for_this_machine();
    Ok(ReuseReport::new(&settings.pack, videos, threads, &rounds))
}

/// Brings files into the page cache.
fn read_all(files: &[PathBuf]) -> Result<(), LabError> {
    for path in files {
        std::fs::read(path).map_err(|source| LabError::Io {
            action: format!("read {}", path.display()),
            source,
        })?;
    }
    Ok(())
}

/// Runs the processes of a shape one after the other. Preloaded ones are all loaded before the first one begins.
fn run_shape(
    settings: &ReuseSettings,
    shape: &ProcessShape,
) -> Result<Vec<ProcessOutcome>, LabError> {
    let folder = tempfile::tempdir().map_err(LabError::results_folder)?;
    let start = |tasks| {
        TaskProcess::start(&ProcessOptions {
            program: &settings.program,
            pack: &settings.pack,
            videos: &settings.videos,
            folder: folder.path(),
            tasks,
            preloaded: shape.preloaded,
            sequential: shape.sequential,
        })
    };
    let processes = shape.processes.iter().copied();
    if !shape.preloaded {
        return processes.map(|tasks| start(tasks)?.finish()).collect();
    }
    let loaded: Vec<_> = processes.map(start).collect::<Result<_, _>>()?;
    let finish = |mut process: TaskProcess| {
        process.begin()?;
        process.finish()
    };
    loaded.into_iter().map(finish).collect()
}
