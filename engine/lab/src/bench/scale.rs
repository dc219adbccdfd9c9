//! How cost grows: with sources, the length of segments, questions, standing queries, and stored segments.
//!
//! Each of these is varied for itself while everything else stays. Runs of a video use modules that stay loaded. Where there are
//! several sources, nothing of one prompt is taken for the next: all show the same video, and the second would cost little.
//! Stores hold segments that are made up. How steeply cost grows is the exponent of a power law, fitted to the middle of the rounds.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use atom_models::Pack;
use atom_pipelines::{PipelineFile, Problems, parse};
use fastrand::Rng;
use serde::Serialize;

use super::{
    figures::{Figure, percentile},
    kept::{Kept, run_with},
    made::{self, Topical},
    tasks::{QUESTIONS, quoted},
    work::WorkError,
};
use atom_index::Store;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// With this video.
    pub video: PathBuf,
    /// By this pack.
    pub pack: String,
    /// So many times.
    pub rounds: usize,
    /// Segments of the largest store.
    pub segments: u64,
}

/// How cost grows.
#[derive(Clone, Debug, Serialize)]
pub struct Scale {
    /// The pack.
    pub pack: String,
    /// So many rounds were counted.
    pub rounds: usize,
    /// One for each thing that was varied.
    pub sweeps: Vec<Sweep>,
}

/// How cost grows with one thing.
#[derive(Clone, Debug, Serialize)]
pub struct Sweep {
    /// What was varied.
    pub of: &'static str,
    /// What was measured.
    pub cost: &'static str,
    /// In which unit.
    pub unit: &'static str,
    /// What it came to, from the least to the most.
    pub points: Vec<Point>,
    /// The cost grows with this power of what was varied.
    pub power: f64,
    /// That in words.
    pub said: String,
}

/// The cost at one place.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// How much there was of what was varied.
    pub at: u64,
    /// What it cost.
    pub cost: Figure,
}

/// New segments, and searches, of which the middle is taken in a round.
const TIMES: u64 = 40;
/// Segments that standing queries are about: no more than the largest store has.
const WATCHED: u64 = 10_000;

/// One video in a run.
#[derive(Clone, Copy)]
struct Shape {
    sources: usize,
    length_ms: u64,
    /// Questions about each segment; of none, captions.
    questions: usize,
    /// Whether what was computed of one prompt is taken for the next.
    reuse: bool,
}

const USUAL: Shape = Shape {
    sources: 1,
    length_ms: 4000,
    questions: 0,
    reuse: true,
};

/// A thing that is varied of a run.
struct Varied {
    of: &'static str,
    at: [u64; 4],
    shape: fn(u64) -> Shape,
}

const RUNS: [Varied; 3] = [
    Varied {
        of: "sources",
        at: [1, 2, 4, 8],
        shape: |n| Shape {
            sources: n as usize,
            reuse: false,
            ..USUAL
        },
    },
    Varied {
        of: "seconds of a segment",
        at: [1, 2, 4, 8],
        shape: |n| Shape {
            length_ms: n * 1000,
            ..USUAL
        },
    },
    Varied {
        of: "questions",
        at: [1, 2, 4, 8],
        shape: |n| Shape {
            questions: n as usize,
            ..USUAL
        },
    },
];

/// Seconds or milliseconds of each round, by what there was.
type Costs = BTreeMap<u64, Vec<f64>>;

/// Measures it; `tell` is told what is being done.
///
/// # Errors
/// If the video or the pack cannot be used, or anything fails on the way.
pub fn measure(settings: &Settings, tell: &mut dyn FnMut(&str)) -> Result<Scale, WorkError> {
    let pack = Pack::open(&settings.pack)?;
    let mut sweeps = runs(settings, &pack, tell)?;
    tell("standing queries");
    let costs = standing(settings, &pack)?;
    sweeps.push(Sweep::of("standing queries", "a new segment", "ms", &costs));
    tell("stored segments");
    let costs = searches(settings)?;
    sweeps.push(Sweep::of("stored segments", "a search", "ms", &costs));
    Ok(Scale {
        pack: pack.id(),
        rounds: settings.rounds,
        sweeps,
    })
}

/// Runs of the video, in rounds in which each has its turn.
fn runs(
    settings: &Settings,
    pack: &Pack,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Sweep>, WorkError> {
    tell("loading and warming up");
    let kept = Kept::load(pack)?;
    run(settings, &kept, USUAL)?;
    let mut costs = [Costs::new(), Costs::new(), Costs::new()];
    for round in 1..=settings.rounds {
        for (varied, costs) in RUNS.iter().zip(&mut costs) {
            for n in varied.at {
                tell(&format!(
                    "round {round} of {}: {n} {}",
                    settings.rounds, varied.of
                ));
                let seconds = run(settings, &kept, (varied.shape)(n))?;
                costs.entry(n).or_default().push(seconds);
            }
        }
    }
    let each = RUNS.iter().zip(&costs);
    let sweeps = each.map(|(varied, costs)| Sweep::of(varied.of, "a run of the video", "s", costs));
    Ok(sweeps.collect())
}

/// Seconds that a run takes.
fn run(settings: &Settings, kept: &Kept, shape: Shape) -> Result<f64, WorkError> {
    let folder = tempfile::tempdir().map_err(|error| WorkError::Failed(error.to_string()))?;
    let file = shape.file(&settings.video, &settings.pack, folder.path())?;
    let (wall, _) = run_with(&[file], kept.modules(None, shape.reuse))?;
    Ok(wall.as_secs_f64())
}

impl Shape {
    fn file(self, video: &Path, pack: &str, folder: &Path) -> Result<PipelineFile, Problems> {
        let uri = quoted(&video.to_string_lossy());
        let path = quoted(&folder.join("said.jsonl").to_string_lossy());
        let names = |of: &str, count: usize| -> Vec<String> {
            (1..=count).map(|n| format!("{of}{n}")).collect()
        };
        let list = |names: &[String]| format!("[\"{}\"]", names.join("\", \""));
        let sources = names("video", self.sources);
        let mut text = format!("pack = {}\n", quoted(pack));
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
        let branches = names("said", self.questions.max(1));
        for (n, name) in branches.iter().enumerate() {
            text += &match self.questions {
                0 => format!("[node.{name}]\nkind = \"caption\"\ninputs = [\"scenes\"]\n"),
                _ => format!(
                    "[node.{name}]\nkind = \"reason\"\ninputs = [\"scenes\"]\nask = {}\n",
                    quoted(QUESTIONS[n])
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

/// Milliseconds that a new segment takes with standing queries; there are more of them in each round from place to place.
fn standing(settings: &Settings, pack: &Pack) -> Result<Costs, WorkError> {
    let folder = tempfile::tempdir().map_err(|error| WorkError::Failed(error.to_string()))?;
    let path = folder.path().join("atom.db");
    let topical = Topical::new(pack);
    let mut next = WATCHED.min(settings.segments);
    let mut store = topical.store(&path, next)?;
    let mut lookout = made::lookout(&path, pack)?;
    let mut costs = Costs::new();
    for _ in 0..settings.rounds {
        for queries in [10, 30, 100, 300, 1000] {
            store.set_queries("bench", &made::queries(queries))?;
            lookout.step()?;
            let times = times(|_| {
                topical.seal(&mut store, next..next + 1)?;
                next += 1;
                let begun = Instant::now();
                lookout.step()?;
                Ok(begun.elapsed().as_secs_f64() * 1000.0)
            })?;
            costs.entry(queries).or_default().push(times);
        }
    }
    Ok(costs)
}

/// Milliseconds that a search takes in a store that grows: its rounds follow each other at each size, with other searches.
fn searches(settings: &Settings) -> Result<Costs, WorkError> {
    let folder = tempfile::tempdir().map_err(|error| WorkError::Failed(error.to_string()))?;
    let mut store = Store::open(&folder.path().join("atom.db"))?;
    let (mut costs, mut filled) = (Costs::new(), 0);
    store.begin("made up", made::PACK)?;
    for tenths in [1, 2, 5, 10, 20, 50, 100] {
        let size = (settings.segments * tenths).div_ceil(100);
        while filled < size {
            let until = size.min(filled + 1000);
            let rows: Vec<_> = (filled..until).map(|n| made::row(n, 0)).collect();
            made::seal(&mut store, "made up", made::PACK, &rows)?;
            filled = until;
        }
        for round in 0..settings.rounds as u64 {
            let times = times(|n| {
                let mut rng = Rng::with_seed(round * TIMES + n);
                let wanted = made::search(&mut rng, [30, 300, made::WORDS]);
                let begun = Instant::now();
                store.search(&wanted)?;
                Ok(begun.elapsed().as_secs_f64() * 1000.0)
            })?;
            costs.entry(size).or_default().push(times);
        }
    }
    Ok(costs)
}

/// The middle of several times.
fn times(mut each: impl FnMut(u64) -> Result<f64, WorkError>) -> Result<f64, WorkError> {
    let times = (0..TIMES).map(&mut each).collect::<Result<Vec<_>, _>>()?;
    Ok(percentile(&times, 50))
}

impl Sweep {
    fn of(of: &'static str, cost: &'static str, unit: &'static str, costs: &Costs) -> Self {
        let point = |(at, rounds): (&u64, &Vec<f64>)| Point {
            at: *at,
            cost: Figure::of(rounds.iter().copied()),
        };
        let points: Vec<Point> = costs.iter().map(point).collect();
        let power = power(&points);
        Self {
            of,
            cost,
            unit,
            said: in_words(of, cost, &points, power),
            points,
            power,
        }
    }
}

/// The exponent of the power law that fits best: least squares of the logarithms. Of a single place it is 0.
fn power(points: &[Point]) -> f64 {
    let ln = |value: f64| value.max(f64::MIN_POSITIVE).ln();
    let points: Vec<(f64, f64)> = points
        .iter()
        .map(|point| (ln(point.at as f64), ln(point.cost.median)))
        .collect();
    let count = points.len().max(1) as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        let from = point.0 - x;
        (above + from * (point.1 - y), below + from * from)
    });
    if below > 0.0 { above / below } else { 0.0 }
}

/// What the slope means, with the two ends.
fn in_words(of: &str, cost: &str, points: &[Point], power: f64) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return String::new();
    };
    let grows = match power {
        p if p < -0.1 => "it falls",
        p if p < 0.1 => "it hardly changes",
        p if p < 0.9 => "it grows more slowly than they do",
        p if p <= 1.1 => "it grows as they do",
        _ => "it grows faster than they do",
    };
    format!(
        "From {} to {} {of} {cost} takes {:.2} times as long: {grows} (power {power:.2}).",
        first.at,
        last.at,
        last.cost.median / first.cost.median.max(f64::MIN_POSITIVE)
    )
}

#[cfg(test)]
mod tests {
    use atom_pipelines::plan;

    use super::*;

    fn sweep(costs: &[(u64, f64)]) -> Sweep {
        let costs = costs.iter().map(|(at, cost)| (*at, vec![*cost])).collect();
        Sweep::of("sources", "a run", "s", &costs)
    }

    #[test]
    fn the_slope_is_that_of_a_power_law_and_is_said_in_words() {
        let squares = sweep(&[(1, 2.0), (2, 8.0), (4, 32.0)]);
        assert!((squares.power - 2.0).abs() < 1e-9);
        assert_eq!(
            squares.said,
            "From 1 to 4 sources a run takes 16.00 times as long: it grows faster than they do (power 2.00)."
        );
        let roots = sweep(&[(1, 3.0), (100, 30.0)]);
        assert!((roots.power - 0.5).abs() < 1e-9 && roots.said.contains("more slowly"));
        let level = sweep(&[(10, 5.0), (1000, 5.0)]);
        assert!(level.power.abs() < 1e-9 && level.said.contains("hardly changes"));
        assert!(sweep(&[(1, 5.0), (2, 10.0)]).said.contains("as they do"));
        assert!(sweep(&[(1, 10.0), (2, 5.0)]).said.contains("falls"));
        assert_eq!(sweep(&[(7, 10.0)]).power, 0.0);
    }

    #[test]
    fn sources_are_opened_each_for_itself_and_questions_are_branches() {
        let file = |shape: Shape| {
            let file = shape.file(Path::new("a \"b\".mp4"), "fake", Path::new("results"));
            plan(&[file.unwrap()])
        };
        let shape = |n: usize| (RUNS[n].shape)(8);
        assert_eq!(file(shape(0)).sources.len(), 8);
        assert_eq!(file(shape(1)).nodes.len(), 4);
        // Questions stand in the same three steps.
        assert_eq!(file(shape(2)).nodes.len(), 3 + 8);
    }
}
