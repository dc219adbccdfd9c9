//! The report of `atom bench reuse`.

use std::collections::BTreeMap;

use atom_models::ThreadCounts;
use serde::Serialize;

use super::{
    gantt_chart::{Bar, Timeline},
    output_comparison::first_difference,
    process_shapes::{
        EMBEDDINGS, EMBEDDINGS_PRELOADED, EMBEDDINGS_SHARED, PER_TASK, PRELOADED, REPORTED, Round,
        SEQUENTIAL, SHARED, TWO_FILES, wall_seconds,
    },
    round_statistics::{RoundStatistics, percentile},
    task_process::ProcessOutcome,
    tasks::{Task, task_names},
};

/// The report of `atom bench reuse`.
#[derive(Clone, Debug, Serialize)]
pub struct ReuseReport {
    /// The pack.
    pub pack: String,
    /// Number of videos.
    pub videos: usize,
    /// Length of all videos together.
    pub video_seconds: f64,
    /// Number of rounds that count.
    pub rounds: usize,
    /// Threads of each module, and cores of the machine.
    pub threads: ThreadCounts,
    /// The cost of each shape, by name.
    pub shapes: BTreeMap<&'static str, ShapeStatistics>,
    /// Medians of the ratios within a round.
    pub ratios: Ratios,
    /// The same if only frames are indexed, not captions.
    pub embeddings_only: Ratios,
    /// Wall time of two pipeline files in one run over that of a run of each.
    pub two_files_over_two_runs: f64,
    /// True if all shapes gave the same captions, answers and rows in all rounds.
    pub outputs_identical: bool,
    /// The first difference between outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// The activity of modules, in the median round.
    #[serde(skip)]
    pub timelines: Vec<Timeline>,
}

/// Wall time of the shared graph over that of other shapes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Ratios {
    /// Over a process for each task.
    pub shared_over_per_task: f64,
    /// Over preloaded processes.
    pub shared_over_kept: f64,
    /// Over one graph that works sequentially.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_over_sequential: Option<f64>,
}

/// The cost of a shape.
#[derive(Clone, Debug, Serialize)]
pub struct ShapeStatistics {
    /// From the start of the first process to the end of the last one; without loading if they are preloaded.
    pub wall_seconds: RoundStatistics,
    /// Processor time, likewise.
    pub cpu_seconds: RoundStatistics,
    /// Largest resident memory at a time.
    pub peak_rss_bytes: RoundStatistics,
    /// From the start of the process that captions to its first caption.
    pub first_caption_seconds: RoundStatistics,
    /// From the intake of the frame that closed a segment to a caption or an answer about it.
    pub segment_latency_ms: Latency,
    /// Number of loads of each module in a round.
    pub module_loads: BTreeMap<String, u64>,
    /// Number of runs of each module in a round.
    pub module_runs: BTreeMap<String, u64>,
    /// Tokens of the decoder in a round.
    pub tokens: TokenCounts,
}

/// Percentiles of the latency of segments.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
}

/// Tokens of the decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TokenCounts {
    /// Prompt tokens that were computed.
    pub prefilled: u64,
    /// Prompt tokens taken from earlier prompts.
    pub reused: u64,
    /// New tokens.
    pub generated: u64,
    /// Tokens computed once, when the decoder was loaded.
    pub at_load: u64,
}

impl ReuseReport {
    pub(crate) fn new(pack: &str, videos: usize, threads: ThreadCounts, rounds: &[Round]) -> Self {
        let shapes = REPORTED.map(|name| {
            let processes: Vec<&[ProcessOutcome]> =
                rounds.iter().map(|round| &*round[name]).collect();
            (name, ShapeStatistics::of(&processes))
        });
        let difference = first_difference(rounds);
        let two_runs = |round: &Round| wall_seconds(&round[PER_TASK][..2]);
        Self {
            pack: pack.to_owned(),
            videos,
            video_seconds: rounds[0][SHARED][0].report.video_seconds,
            rounds: rounds.len(),
            threads,
            shapes: shapes.into(),
            ratios: Ratios::of(rounds),
            embeddings_only: Ratios::of_embeddings_only(rounds),
            two_files_over_two_runs: median_ratio(rounds, wall(TWO_FILES), two_runs),
            outputs_identical: difference.is_none(),
            difference,
            timelines: timelines(median_round(rounds)),
        }
    }
}

impl Ratios {
    fn of(rounds: &[Round]) -> Self {
        let ratio = |other| median_ratio(rounds, wall(SHARED), wall(other));
        Self {
            shared_over_per_task: ratio(PER_TASK),
            shared_over_kept: ratio(PRELOADED),
            shared_over_sequential: Some(ratio(SEQUENTIAL)),
        }
    }

    fn of_embeddings_only(rounds: &[Round]) -> Self {
        // Captions and answers cost the same as before; the index of frames replaces the other index.
        let with_embeddings = |name: &'static str, embeddings: &'static str| {
            move |round: &Round| {
                let index = round[name]
                    .iter()
                    .find(|process| process.tasks == [Task::Index]);
                let index_seconds = index.map_or(0.0, |process| process.wall.as_secs_f64());
                wall_seconds(&round[name]) - index_seconds + wall_seconds(&round[embeddings])
            }
        };
        let ratio = |name, embeddings| {
            let other = with_embeddings(name, embeddings);
            median_ratio(rounds, wall(EMBEDDINGS_SHARED), other)
        };
        Self {
            shared_over_per_task: ratio(PER_TASK, EMBEDDINGS),
            shared_over_kept: ratio(PRELOADED, EMBEDDINGS_PRELOADED),
            shared_over_sequential: None,
        }
    }
}

/// Returns a function from a round to the wall time of a shape.
fn wall(name: &'static str) -> impl Fn(&Round) -> f64 {
    move |round| wall_seconds(&round[name])
}

fn median_ratio(
    rounds: &[Round],
    numerator: impl Fn(&Round) -> f64,
    denominator: impl Fn(&Round) -> f64,
) -> f64 {
    let ratios = rounds
        .iter()
        .map(|round| numerator(round) / denominator(round));
    RoundStatistics::of(ratios).median
}

/// Returns the round in which the processes per task took the median time.
fn median_round(rounds: &[Round]) -> &Round {
    let mut sorted: Vec<_> = rounds.iter().collect();
    sorted.sort_by(|a, b| wall_seconds(&a[PER_TASK]).total_cmp(&wall_seconds(&b[PER_TASK])));
    sorted[(sorted.len() - 1) / 2]
}

impl ShapeStatistics {
    /// Computes the statistics of a shape from its processes in each round.
    fn of(rounds: &[&[ProcessOutcome]]) -> Self {
        let statistics = |value: &dyn Fn(&[ProcessOutcome]) -> f64| {
            RoundStatistics::of(rounds.iter().map(|processes| value(processes)))
        };
        let first_caption = |processes: &[ProcessOutcome]| {
            let mut seconds = processes
                .iter()
                .filter_map(ProcessOutcome::first_caption_seconds);
            seconds.next().unwrap_or(0.0)
        };
        let (module_loads, module_runs) = module_counts(rounds[0]);
        Self {
            wall_seconds: statistics(&wall_seconds),
            cpu_seconds: statistics(&|processes| {
                processes.iter().map(ProcessOutcome::cpu_seconds).sum()
            }),
            peak_rss_bytes: statistics(&peak_bytes),
            first_caption_seconds: statistics(&first_caption),
            segment_latency_ms: Latency::of(rounds),
            module_loads,
            module_runs,
            tokens: TokenCounts::of(rounds[0]),
        }
    }
}

/// Returns the number of loads and of runs of each module.
fn module_counts(processes: &[ProcessOutcome]) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let (mut loads, mut runs) = (BTreeMap::new(), BTreeMap::new());
    for (module, reading) in processes.iter().flat_map(|process| &process.report.modules) {
        *loads.entry(module.clone()).or_default() += reading.loads;
        *runs.entry(module.clone()).or_default() += reading.runs;
    }
    (loads, runs)
}

impl Latency {
    fn of(rounds: &[&[ProcessOutcome]]) -> Self {
        let processes = rounds.iter().copied().flatten();
        let latencies = processes.flat_map(|process| &process.report.latencies_ms);
        let latencies: Vec<f64> = latencies.copied().collect();
        Self {
            p50: percentile(&latencies, 50),
            p95: percentile(&latencies, 95),
        }
    }
}

impl TokenCounts {
    fn of(processes: &[ProcessOutcome]) -> Self {
        let mut counts = Self::default();
        for (task, tokens) in processes.iter().flat_map(|process| &process.report.tokens) {
            match task.as_str() {
                "load" => counts.at_load += tokens.prefilled,
                _ => counts.prefilled += tokens.prefilled,
            }
            counts.reused += tokens.reused;
            counts.generated += tokens.generated;
        }
        counts
    }
}

/// Returns the largest resident memory at a time. One preloaded process works while the others hold what they loaded; the
/// code that they share is counted for each.
fn peak_bytes(processes: &[ProcessOutcome]) -> f64 {
    let loaded = |process: &ProcessOutcome| match process.preloaded {
        true => process.report.loaded_rss_bytes as f64,
        false => 0.0,
    };
    let all_loaded: f64 = processes.iter().map(loaded).sum();
    let peaks = processes
        .iter()
        .map(|process| process.report.peak_rss_bytes as f64 - loaded(process) + all_loaded);
    peaks.fold(0.0, f64::max)
}

/// Returns the activity of modules in a round, from the start of each shape.
fn timelines(round: &Round) -> Vec<Timeline> {
    let timeline = |name: &&'static str| {
        let processes = &round[*name];
        let mut timeline = Timeline {
            name: name.replace('_', " "),
            seconds: wall_seconds(processes),
            ..Timeline::default()
        };
        let mut start = 0.0;
        for process in processes {
            timeline.programs.push((start, task_names(process.tasks)));
            let activity = process.report.module_activity.iter();
            // A preloaded process was loaded before.
            let activity = activity.filter(|span| span.start_us >= process.start_us);
            timeline.bars.extend(activity.map(|span| Bar {
                module: span.module.clone(),
                loading: span.loading,
                start: start + (span.start_us - process.start_us) as f64 / 1e6,
                seconds: span.duration_us as f64 / 1e6,
            }));
            start += process.wall.as_secs_f64();
        }
        timeline
    };
    REPORTED.iter().map(timeline).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::{process_shapes::SHAPES, task_run::TaskReport};

    fn outcome(tasks: &'static [Task], seconds: f64, results: &[&str]) -> ProcessOutcome {
        ProcessOutcome {
            tasks,
            wall: Duration::from_secs_f64(seconds),
            report: TaskReport {
                results: results.iter().map(|line| (*line).to_owned()).collect(),
                ..TaskReport::default()
            },
            ..ProcessOutcome::default()
        }
    }

    /// Returns a round in which a process takes `each` seconds for one task and `shared` seconds for several.
    fn round(each: f64, shared: f64, result: &str) -> Round {
        let mut round = Round::new();
        for shape in &SHAPES {
            let processes = shape.processes.iter().map(|tasks| {
                let results: &[&str] = match tasks {
                    [Task::Embeddings] => &[],
                    _ if shape.name == SHARED => &[result],
                    _ => &["a"],
                };
                let seconds = if tasks.len() > 1 { shared } else { each };
                outcome(tasks, seconds, results)
            });
            round.insert(shape.name, processes.collect());
        }
        round
    }

    fn report(rounds: &[Round]) -> ReuseReport {
        ReuseReport::new("fake", 0, ThreadCounts::for_this_machine(), rounds)
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let rounds = [
            round(1.0, 1.0, "a"),
            round(2.0, 2.4, "a"),
            round(9.0, 9.0, "a"),
        ];
        let reuse = report(&rounds);
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
    fn an_output_of_one_shape_that_differs_is_reported() {
        let reuse = report(&[round(1.0, 1.0, "a"), round(1.0, 1.0, "b")]);
        assert!(!reuse.outputs_identical);
        let difference = reuse.difference.unwrap();
        assert!(difference.starts_with("round 2, shared: "), "{difference}");
    }
}
