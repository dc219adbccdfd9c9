//! Measures how cost grows with sources, the length of segments, questions, standing queries, and stored segments.
//!
//! Each quantity is varied alone. Runs of a video use preloaded modules. Runs of several sources reuse nothing from prompt
//! to prompt: all sources show the same video, so the second one would cost little. Indexes hold synthetic segments. The
//! growth is the exponent of a power law, fitted to the medians of the rounds.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use atom_models::Pack;
use atom_pipelines::{PipelineFile, Problems, parse};
use fastrand::Rng;
use serde::Serialize;

use super::{
    preloaded_modules::{PreloadedModules, run_preloaded},
    round_statistics::percentile,
    sweep::{Costs, Sweep},
    synthetic_segments::{self, TopicIndex},
    tasks::{QUESTIONS, toml_string},
};
use crate::LabError;
use atom_index::Store;

/// The settings of `atom bench scale`.
#[derive(Clone, Debug)]
pub struct ScaleSettings {
    /// The video.
    pub video: PathBuf,
    /// The pack.
    pub pack: String,
    /// Number of rounds.
    pub rounds: usize,
    /// Segments of the largest index.
    pub segments: u64,
}

/// The report of `atom bench scale`.
#[derive(Clone, Debug, Serialize)]
pub struct ScaleReport {
    /// The pack.
    pub pack: String,
    /// Number of rounds.
    pub rounds: usize,
    /// A sweep of each quantity.
    pub sweeps: Vec<Sweep>,
}

/// New segments, or searches, in a round; the median counts.
const REPETITIONS: u64 = 40;
/// Segments of the index with standing queries, at most as many as the largest index has.
const QUERIED_SEGMENTS: u64 = 10_000;

/// The pipeline of a run.
#[derive(Clone, Copy)]
struct RunShape {
    sources: usize,
    length_ms: u64,
    /// Questions about each segment; if there is none, captions.
    questions: usize,
    /// True if computed prompts are reused for the next ones.
    reuse: bool,
}

const DEFAULT_RUN: RunShape = RunShape {
    sources: 1,
    length_ms: 4000,
    questions: 0,
    reuse: true,
};

/// A quantity of a run that is varied.
struct RunSweep {
    varied: &'static str,
    values: [u64; 4],
    shape: fn(u64) -> RunShape,
}

const RUN_SWEEPS: [RunSweep; 3] = [
    RunSweep {
        varied: "sources",
        values: [1, 2, 4, 8],
        shape: |n| RunShape {
            sources: n as usize,
            reuse: false,
            ..DEFAULT_RUN
        },
    },
    RunSweep {
        varied: "seconds of a segment",
        values: [1, 2, 4, 8],
        shape: |n| RunShape {
            length_ms: n * 1000,
            ..DEFAULT_RUN
        },
    },
    RunSweep {
        varied: "questions",
        values: [1, 2, 4, 8],
        shape: |n| RunShape {
            questions: n as usize,
            ..DEFAULT_RUN
        },
    },
];

/// Runs the benchmark; `progress` is called with each step.
///
/// # Errors
/// If the video or the pack cannot be used, or anything fails on the way.
pub fn measure(
    settings: &ScaleSettings,
    progress: &mut dyn FnMut(&str),
) -> Result<ScaleReport, LabError> {
    let pack = Pack::open(&settings.pack)?;
    let mut sweeps = run_sweeps(settings, &pack, progress)?;
    progress("standing queries");
    let costs = standing_query_costs(settings, &pack)?;
    sweeps.push(Sweep::new(
        "standing queries",
        "a new segment",
        "ms",
        &costs,
    ));
    progress("stored segments");
    let costs = search_costs(settings)?;
    sweeps.push(Sweep::new("stored segments", "a search", "ms", &costs));
    Ok(ScaleReport {
        pack: pack.id(),
        rounds: settings.rounds,
        sweeps,
    })
}

/// Measures runs of the video, in interleaved rounds.
fn run_sweeps(
    settings: &ScaleSettings,
    pack: &Pack,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Sweep>, LabError> {
    progress("loading and warming up");
    let modules = PreloadedModules::load(pack)?;
    run(settings, &modules, DEFAULT_RUN)?;
    let mut costs = [Costs::new(), Costs::new(), Costs::new()];
    for round in 1..=settings.rounds {
        for (sweep, costs) in RUN_SWEEPS.iter().zip(&mut costs) {
            for n in sweep.values {
                progress(&format!(
                    "round {round} of {}: {n} {}",
                    settings.rounds, sweep.varied
                ));
                let seconds = run(settings, &modules, (sweep.shape)(n))?;
                costs.entry(n).or_default().push(seconds);
            }
        }
    }
    let each = RUN_SWEEPS.iter().zip(&costs);
    let sweeps =
        each.map(|(sweep, costs)| Sweep::new(sweep.varied, "a run of the video", "s", costs));
    Ok(sweeps.collect())
}

/// Returns the seconds that a run takes.
fn run(
    settings: &ScaleSettings,
    modules: &PreloadedModules,
    shape: RunShape,
) -> Result<f64, LabError> {
    let folder = tempfile::tempdir().map_err(LabError::results_folder)?;
    let file = shape.pipeline_file(&settings.video, &settings.pack, folder.path())?;
    let time = run_preloaded(&[file], modules.for_run(None, shape.reuse))?;
    Ok(time.wall.as_secs_f64())
}

impl RunShape {
    /// Returns the pipeline file of the run.
    fn pipeline_file(
        self,
        video: &Path,
        pack: &str,
        folder: &Path,
    ) -> Result<PipelineFile, Problems> {
        let uri = toml_string(&video.to_string_lossy());
        let path = toml_string(&folder.join("results.jsonl").to_string_lossy());
        let names = |prefix: &str, count: usize| -> Vec<String> {
            (1..=count).map(|n| format!("{prefix}{n}")).collect()
        };
        let list = |names: &[String]| format!("[\"{}\"]", names.join("\", \""));
        let sources = names("video", self.sources);
        let mut text = format!("pack = {}\n", toml_string(pack));
        for name in &sources {
            text += &format!("[source.{name}]\nuri = {uri}\n");
        }
        text += &format!(
            "[node.frames]\nkind = \"sample\"\ninputs = {}\nfps = 2\n\
             [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
             [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = {}\n",
            list(&sources),
            self.length_ms
        );
        let branches = names("result", self.questions.max(1));
        for (n, name) in branches.iter().enumerate() {
            text += &match self.questions {
                0 => format!("[node.{name}]\nkind = \"caption\"\ninputs = [\"scenes\"]\n"),
                _ => format!(
                    "[node.{name}]\nkind = \"reason\"\ninputs = [\"scenes\"]\nask = {}\n",
                    toml_string(QUESTIONS[n])
                ),
            };
        }
        text += &format!(
            "[sink.lines]\nkind = \"jsonl\"\ninputs = {}\npath = {path}\n",
            list(&branches)
        );
        parse(Path::new("scale.toml"), &text)
    }
}

/// Returns the milliseconds that a new segment takes, by the number of standing queries.
fn standing_query_costs(settings: &ScaleSettings, pack: &Pack) -> Result<Costs, LabError> {
    let folder = tempfile::tempdir().map_err(LabError::results_folder)?;
    let path = folder.path().join("atom.db");
    let topics = TopicIndex::new(pack);
    let mut next = QUERIED_SEGMENTS.min(settings.segments);
    let mut store = topics.create(&path, next)?;
    let mut maintainer = synthetic_segments::open_maintainer(&path, pack)?;
    let mut costs = Costs::new();
    for _ in 0..settings.rounds {
        for queries in [10, 30, 100, 300, 1000] {
            store.set_queries("bench", &synthetic_segments::topic_queries(queries))?;
            maintainer.step()?;
            let median = median_of_repetitions(|_| {
                topics.seal(&mut store, next..next + 1)?;
                next += 1;
                let start = Instant::now();
                maintainer.step()?;
                Ok(start.elapsed().as_secs_f64() * 1000.0)
            })?;
            costs.entry(queries).or_default().push(median);
        }
    }
    Ok(costs)
}

/// Returns the milliseconds that a search takes, by the number of segments. The index grows, so the rounds of one size
/// follow each other, with different searches.
fn search_costs(settings: &ScaleSettings) -> Result<Costs, LabError> {
    let folder = tempfile::tempdir().map_err(LabError::results_folder)?;
    let mut store = Store::open(&folder.path().join("atom.db"))?;
    let (mut costs, mut filled) = (Costs::new(), 0);
    store.begin("synthetic", synthetic_segments::PACK)?;
    for tenths in [1, 2, 5, 10, 20, 50, 100] {
        let size = (settings.segments * tenths).div_ceil(100);
        while filled < size {
            let until = size.min(filled + 1000);
            let rows: Vec<_> = (filled..until)
                .map(|n| synthetic_segments::row(n, 0))
                .collect();
            synthetic_segments::seal(&mut store, "synthetic", synthetic_segments::PACK, &rows)?;
            filled = until;
        }
        for round in 0..settings.rounds as u64 {
            let median = median_of_repetitions(|n| {
                let mut rng = Rng::with_seed(round * REPETITIONS + n);
                let query =
                    synthetic_segments::search(&mut rng, [30, 300, synthetic_segments::WORDS]);
                let start = Instant::now();
                store.search(&query)?;
                Ok(start.elapsed().as_secs_f64() * 1000.0)
            })?;
            costs.entry(size).or_default().push(median);
        }
    }
    Ok(costs)
}

/// Returns the median of repeated measurements.
fn median_of_repetitions(
    mut each: impl FnMut(u64) -> Result<f64, LabError>,
) -> Result<f64, LabError> {
    let times = (0..REPETITIONS)
        .map(&mut each)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(percentile(&times, 50))
}

#[cfg(test)]
mod tests {
    use atom_pipelines::plan;

    use super::*;

    #[test]
    fn each_source_is_opened_for_itself_and_each_question_is_a_branch() {
        let planned = |sweep: usize| {
            let shape = (RUN_SWEEPS[sweep].shape)(8);
            let video = Path::new("a \"b\".mp4");
            let file = shape.pipeline_file(video, "fake", Path::new("results"));
            plan(&[file.unwrap()])
        };
        assert_eq!(planned(0).sources.len(), 8);
        assert_eq!(planned(1).nodes.len(), 4);
        // All questions follow the same three nodes.
        assert_eq!(planned(2).nodes.len(), 3 + 8);
    }
}
