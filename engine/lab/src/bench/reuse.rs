//! The same three tasks with the same videos, in four shapes: a program for each task, the same with modules kept loaded, one
//! graph that does one thing after the other, and one graph as it is run.
//!
//! Every shape is made of programs that are started for it, all of them this one: they differ only in how many pipeline files each
//! is given. So they share decoding, sampling, threads and store, and what differs is what is shared within a program.
//! Rounds are interleaved: in each every shape has its turn, and a ratio is taken within a round.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

use atom_models::{ModelError, Pack, ThreadCounts};
use serde::Serialize;

use super::{
    figures::{Figure, percentile},
    gantt::{Bar, Timeline},
    program::{Order, Program, ProgramError, Ran, names},
    tasks::Task,
};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// With these videos.
    pub videos: Vec<PathBuf>,
    /// By this pack.
    pub pack: String,
    /// So many times; the first time, which is not counted, warms caches up.
    pub rounds: usize,
    /// The program that does it: `atom`.
    pub program: PathBuf,
}

/// What it came to.
#[derive(Clone, Debug, Serialize)]
pub struct Reuse {
    /// The pack.
    pub pack: String,
    /// How many videos there were.
    pub videos: usize,
    /// How long they are together.
    pub video_seconds: f64,
    /// So many rounds were counted.
    pub rounds: usize,
    /// On how many threads the modules ran, and cores of the machine.
    pub threads: ThreadCounts,
    /// The shapes, by name.
    pub shapes: BTreeMap<&'static str, ShapeFigures>,
    /// Of rounds, the middle one.
    pub ratios: Ratios,
    /// The same where only pictures are indexed, not captions.
    pub embeddings_only: Ratios,
    /// Two of the pipeline files in one run against a run of each.
    pub two_files_over_two_runs: f64,
    /// Whether all shapes gave the same captions, answers and rows in all rounds.
    pub outputs_identical: bool,
    /// Where they first differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// When modules were at work, in one round.
    #[serde(skip)]
    pub timelines: Vec<Timeline>,
}

/// Wall time of one graph as it is run against that of other shapes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Ratios {
    /// Against a program for each task.
    pub shared_over_per_task: f64,
    /// Against programs that are kept loaded.
    pub shared_over_kept: f64,
    /// Against one thing after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_over_sequential: Option<f64>,
}

/// What a shape cost.
#[derive(Clone, Debug, Serialize)]
pub struct ShapeFigures {
    /// From the start of its first program to the end of its last; of programs that are kept, without loading.
    pub wall_seconds: Figure,
    /// Processor time, likewise.
    pub cpu_seconds: Figure,
    /// Most memory that was held at a time.
    pub peak_rss_bytes: Figure,
    /// From the start of the program that captions to its first caption.
    pub first_caption_seconds: Figure,
    /// From the taking in of the frame that closed a segment to a caption or an answer about it.
    pub segment_latency_ms: Latency,
    /// How often each module was loaded in a round.
    pub module_loads: BTreeMap<String, u64>,
    /// How often it ran in a round.
    pub module_runs: BTreeMap<String, u64>,
    /// Tokens of the decoder in a round.
    pub tokens: TokenFigures,
}

/// How long segments waited for what is said about them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// Half of them no longer.
    pub p50: f64,
    /// Of twenty all but one no longer.
    pub p95: f64,
}

/// Tokens of the decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TokenFigures {
    /// Computed of prompts.
    pub prefilled: u64,
    /// Taken from earlier prompts.
    pub reused: u64,
    /// New ones.
    pub generated: u64,
    /// Computed once, when the decoder was loaded.
    pub at_load: u64,
}

/// Why it could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum ReuseError {
    /// There is no such pack.
    #[error(transparent)]
    Pack(#[from] ModelError),
    /// A folder for results could not be made, or a video not be read.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A program did not do its tasks.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

/// How tasks are divided among programs.
struct Shape {
    name: &'static str,
    programs: &'static [&'static [Task]],
    kept: bool,
    one_by_one: bool,
}

const PER_TASK: &str = "per_task";
const KEPT: &str = "kept";
const SEQUENTIAL: &str = "sequential";
const SHARED: &str = "shared";
/// What is told of; the others are for single ratios.
const TOLD: [&str; 4] = [PER_TASK, KEPT, SEQUENTIAL, SHARED];

const ALL_TASKS: &[Task] = &[Task::Caption, Task::Index, Task::Reason];
const EACH_TASK: &[&[Task]] = &[&[Task::Caption], &[Task::Index], &[Task::Reason]];

const SHAPES: [Shape; 8] = [
    shape(PER_TASK, EACH_TASK),
    Shape {
        kept: true,
        ..shape(KEPT, EACH_TASK)
    },
    Shape {
        one_by_one: true,
        ..shape(SEQUENTIAL, &[ALL_TASKS])
    },
    shape(SHARED, &[ALL_TASKS]),
    // With embeddings in the place of the index; captions and answers are made as before.
    shape("embeddings", &[&[Task::Embeddings]]),
    Shape {
        kept: true,
        ..shape("embeddings kept", &[&[Task::Embeddings]])
    },
    shape(
        "embeddings shared",
        &[&[Task::Caption, Task::Embeddings, Task::Reason]],
    ),
    shape("two files", &[&[Task::Caption, Task::Index]]),
];

const fn shape(name: &'static str, programs: &'static [&'static [Task]]) -> Shape {
    Shape {
        name,
        programs,
        kept: false,
        one_by_one: false,
    }
}

/// The programs of each shape in one round.
type Round = BTreeMap<&'static str, Vec<Ran>>;

/// Measures it; `tell` is told what is being done.
///
/// # Errors
/// If a program fails, or a video cannot be read.
pub fn measure(settings: &Settings, tell: &mut dyn FnMut(&str)) -> Result<Reuse, ReuseError> {
    // An unknown pack is an error before anything runs.
    Pack::open(&settings.pack)?;
    let threads = ThreadCounts::for_this_machine();
    tell("warming up");
    read_all(&settings.videos)?;
    run_shape(settings, &shape(SHARED, &[ALL_TASKS]))?;
    let mut rounds = Vec::new();
    for n in 0..settings.rounds {
        let mut round = Round::new();
        // Every other round the other way round, so that no shape always comes after the same one.
        for at in 0..SHAPES.len() {
            let last = SHAPES.len() - 1;
            let shape = &SHAPES[if n % 2 == 0 { at } else { last - at }];
            tell(&format!(
                "round {} of {}: {}",
                n + 1,
                settings.rounds,
                shape.name
            ));
            round.insert(shape.name, run_shape(settings, shape)?);
        }
        rounds.push(round);
    }
    Ok(conclude(settings, threads, &rounds))
}

/// Brings files into the page cache.
fn read_all(files: &[PathBuf]) -> Result<(), ReuseError> {
    for path in files {
        std::fs::read(path).map_err(|source| ReuseError::Io {
            what: format!("read {}", path.display()),
            source,
        })?;
    }
    Ok(())
}

/// Runs the programs of a shape one after the other; those that are kept are all loaded before the first begins.
fn run_shape(settings: &Settings, shape: &Shape) -> Result<Vec<Ran>, ReuseError> {
    let folder = tempfile::tempdir().map_err(|source| ReuseError::Io {
        what: "make a folder for results".to_owned(),
        source,
    })?;
    let start = |tasks: &&'static [Task]| {
        let order = Order {
            program: &settings.program,
            pack: &settings.pack,
            videos: &settings.videos,
            folder: folder.path(),
            tasks,
            kept: shape.kept,
            one_by_one: shape.one_by_one,
        };
        Program::start(&order)
    };
    if !shape.kept {
        let each = shape.programs.iter();
        let each = each.map(|tasks| start(tasks)?.finish());
        return Ok(each.collect::<Result<_, _>>()?);
    }
    let loaded: Vec<_> = shape.programs.iter().map(start).collect::<Result<_, _>>()?;
    let each = loaded.into_iter().map(|mut program| {
        program.go()?;
        program.finish()
    });
    Ok(each.collect::<Result<_, _>>()?)
}

fn conclude(settings: &Settings, threads: ThreadCounts, rounds: &[Round]) -> Reuse {
    let shapes = TOLD.map(|name| {
        let runs: Vec<&[Ran]> = rounds.iter().map(|round| &*round[name]).collect();
        (name, ShapeFigures::of(&runs))
    });
    let ratio = |above: &dyn Fn(&Round) -> f64, below: &dyn Fn(&Round) -> f64| {
        Figure::of(rounds.iter().map(|round| above(round) / below(round))).median
    };
    let of = |name: &'static str| move |round: &Round| wall(&round[name]);
    // Captions and answers are made as before, the index of pictures takes the place of the other.
    let with_embeddings = |name: &'static str, embeddings: &'static str| {
        move |round: &Round| {
            let index = round[name].iter().find(|ran| ran.tasks == [Task::Index]);
            wall(&round[name]) - index.map_or(0.0, |ran| ran.wall.as_secs_f64())
                + wall(&round[embeddings])
        }
    };
    let two_runs = |round: &Round| wall(&round[PER_TASK][..2]);
    let difference = difference(rounds);
    let first = &rounds[0][SHARED][0].worked;
    Reuse {
        pack: settings.pack.clone(),
        videos: settings.videos.len(),
        video_seconds: first.video_seconds,
        rounds: rounds.len(),
        threads,
        shapes: shapes.into(),
        ratios: Ratios {
            shared_over_per_task: ratio(&of(SHARED), &of(PER_TASK)),
            shared_over_kept: ratio(&of(SHARED), &of(KEPT)),
            shared_over_sequential: Some(ratio(&of(SHARED), &of(SEQUENTIAL))),
        },
        embeddings_only: Ratios {
            shared_over_per_task: ratio(
                &of("embeddings shared"),
                &with_embeddings(PER_TASK, "embeddings"),
            ),
            shared_over_kept: ratio(
                &of("embeddings shared"),
                &with_embeddings(KEPT, "embeddings kept"),
            ),
            shared_over_sequential: None,
        },
        two_files_over_two_runs: ratio(&of("two files"), &two_runs),
        outputs_identical: difference.is_none(),
        difference,
        timelines: timelines(middle(rounds)),
    }
}

/// The round in which the programs for each task took neither longest nor shortest.
fn middle(rounds: &[Round]) -> &Round {
    let mut sorted: Vec<_> = rounds.iter().collect();
    sorted.sort_by(|a, b| wall(&a[PER_TASK]).total_cmp(&wall(&b[PER_TASK])));
    sorted[(sorted.len() - 1) / 2]
}

fn wall(runs: &[Ran]) -> f64 {
    runs.iter().map(|ran| ran.wall.as_secs_f64()).sum()
}

impl ShapeFigures {
    /// Of its programs in each round.
    fn of(rounds: &[&[Ran]]) -> Self {
        let each =
            |figure: &dyn Fn(&[Ran]) -> f64| Figure::of(rounds.iter().map(|runs| figure(runs)));
        let latencies: Vec<f64> = rounds
            .iter()
            .flat_map(|runs| runs.iter().flat_map(|ran| &ran.worked.latencies_ms))
            .copied()
            .collect();
        let (mut module_loads, mut module_runs) = (BTreeMap::new(), BTreeMap::new());
        let mut tokens = TokenFigures::default();
        for worked in rounds[0].iter().map(|ran| &ran.worked) {
            for (module, reading) in &worked.modules {
                *module_loads.entry(module.clone()).or_default() += reading.loads;
                *module_runs.entry(module.clone()).or_default() += reading.runs;
            }
            for (task, count) in &worked.tokens {
                match task.as_str() {
                    "load" => tokens.at_load += count.prefilled,
                    _ => tokens.prefilled += count.prefilled,
                }
                tokens.reused += count.reused;
                tokens.generated += count.generated;
            }
        }
        Self {
            wall_seconds: each(&wall),
            cpu_seconds: each(&|runs| runs.iter().map(Ran::cpu_seconds).sum()),
            peak_rss_bytes: each(&peak_bytes),
            first_caption_seconds: each(&|runs| {
                runs.iter().find_map(Ran::first_caption).unwrap_or(0.0)
            }),
            segment_latency_ms: Latency {
                p50: percentile(&latencies, 50),
                p95: percentile(&latencies, 95),
            },
            module_loads,
            module_runs,
            tokens,
        }
    }
}

/// The most that is held at a time. Of programs that are kept one works while the others hold what they loaded; the code that
/// they share is counted for each.
fn peak_bytes(runs: &[Ran]) -> f64 {
    let held = |ran: &Ran| match ran.kept {
        true => ran.worked.loaded_rss_bytes as f64,
        false => 0.0,
    };
    let loaded: f64 = runs.iter().map(held).sum();
    let at_work = runs
        .iter()
        .map(|ran| ran.worked.peak_rss_bytes as f64 - held(ran) + loaded);
    at_work.fold(0.0, f64::max)
}

/// Where what came out first differs from what the programs for each task gave in the first round.
fn difference(rounds: &[Round]) -> Option<String> {
    let said = |runs: &[Ran]| -> BTreeSet<String> {
        runs.iter()
            .flat_map(|ran| ran.worked.results.iter().cloned())
            .collect()
    };
    let rows = |runs: &[Ran]| -> Vec<String> {
        runs.iter()
            .flat_map(|ran| ran.worked.rows.iter().cloned())
            .collect()
    };
    let first = &rounds[0];
    for (n, round) in rounds.iter().enumerate() {
        for shape in &SHAPES {
            let (results, stored): (BTreeSet<String>, _) = match shape.name {
                "embeddings" | "embeddings kept" => (BTreeSet::new(), &first["embeddings"]),
                "embeddings shared" => (said(&first[PER_TASK]), &first["embeddings"]),
                "two files" => (said(&first[PER_TASK][..2]), &first[PER_TASK]),
                _ => (said(&first[PER_TASK]), &first[PER_TASK]),
            };
            let runs = &round[shape.name];
            let place = format!("round {}, {}", n + 1, shape.name);
            let now = said(runs);
            if let Some(other) = now.symmetric_difference(&results).next() {
                return Some(format!("{place}: only on one side: {other}"));
            }
            if rows(runs) != rows(stored) {
                return Some(format!("{place}: other rows are stored"));
            }
        }
    }
    None
}

/// When modules were at work in a round, from the start of each shape.
fn timelines(round: &Round) -> Vec<Timeline> {
    let timeline = |name: &&'static str| {
        let runs = &round[*name];
        let mut timeline = Timeline {
            name: name.replace('_', " "),
            seconds: wall(runs),
            ..Timeline::default()
        };
        let mut before = 0.0;
        for ran in runs {
            timeline.programs.push((before, names(ran.tasks)));
            let spans = ran.worked.spans.iter();
            // One that is kept was loaded before.
            let spans = spans.filter(|span| span.begun_us >= ran.begun_us);
            timeline.bars.extend(spans.map(|span| Bar {
                module: span.module.clone(),
                load: span.load,
                begin: before + (span.begun_us - ran.begun_us) as f64 / 1e6,
                seconds: span.took_us as f64 / 1e6,
            }));
            before += ran.wall.as_secs_f64();
        }
        timeline
    };
    TOLD.iter().map(timeline).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::work::Worked;

    fn ran(tasks: &'static [Task], seconds: f64, results: &[&str]) -> Ran {
        Ran {
            tasks,
            wall: Duration::from_secs_f64(seconds),
            worked: Worked {
                results: results.iter().map(|line| (*line).to_owned()).collect(),
                ..Worked::default()
            },
            ..Ran::default()
        }
    }

    /// A round in which a task took as many seconds as given, together and apart.
    fn round(each: f64, shared: f64, said: &str) -> Round {
        let mut round = Round::new();
        for shape in &SHAPES {
            let runs = shape.programs.iter().map(|tasks| {
                let results: &[&str] = match tasks {
                    [Task::Embeddings] => &[],
                    _ if shape.name == SHARED => &[said],
                    _ => &["a"],
                };
                ran(tasks, if tasks.len() > 1 { shared } else { each }, results)
            });
            round.insert(shape.name, runs.collect());
        }
        round
    }

    fn concluded(rounds: &[Round]) -> Reuse {
        let settings = Settings {
            videos: Vec::new(),
            pack: "fake".to_owned(),
            rounds: rounds.len(),
            program: PathBuf::new(),
        };
        conclude(&settings, ThreadCounts::for_this_machine(), rounds)
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let rounds = [
            round(1.0, 1.0, "a"),
            round(2.0, 2.4, "a"),
            round(9.0, 9.0, "a"),
        ];
        let reuse = concluded(&rounds);
        let third = 1.0 / 3.0;
        assert!(
            (reuse.ratios.shared_over_per_task - third).abs() < 1e-9,
            "{:?}",
            reuse.ratios
        );
        assert!((reuse.two_files_over_two_runs - 0.5).abs() < 1e-9);
        assert!((reuse.embeddings_only.shared_over_kept - third).abs() < 1e-9);
        assert_eq!(reuse.shapes[PER_TASK].wall_seconds.median, 6.0);
        assert!(reuse.outputs_identical);
    }

    #[test]
    fn what_one_shape_says_otherwise_is_told() {
        let reuse = concluded(&[round(1.0, 1.0, "a"), round(1.0, 1.0, "b")]);
        assert!(!reuse.outputs_identical);
        let told = reuse.difference.unwrap();
        assert!(told.starts_with("round 2, shared: "), "{told}");
    }
}
