//! `atom bench`: measures on this machine the savings of shared modules, the cost of the engine, and how cost grows.

use std::{
    env,
    io::{self, BufRead},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use atom_lab::bench::{
    gantt_chart::gantt_chart,
    overhead::{self, OverheadSettings},
    reuse::{self, ReuseSettings},
    scale::{self, ScaleSettings},
    scale_chart::scale_chart,
    task_process::READY,
    task_run::{TaskRun, run_tasks},
    tasks::Task,
};
use atom_runtime::sink::OutputFile;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    args::{DRAWING, open_output, write_output},
    output::{eprint_error, eprint_line, print_json, print_layout, print_line},
};

mod report_tables;

/// Benchmark the engine on this machine.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom bench reuse holiday.mp4
  atom bench overhead holiday.mp4
  atom bench scale holiday.mp4 --svg scale.svg")]
pub struct Bench {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Compare four ways to run three tasks, from separate programs to one shared graph.
    #[command(after_help = "\
Tasks: caption every segment; index frames and captions; answer three questions about every segment.

Configurations, all with the same engine:
  per task    one program per task, one after the other
  kept        the same programs, with their modules loaded before the clock starts
  sequential  all tasks in one graph, which does one thing at a time
  shared      all tasks in one graph, like `atom run caption.toml index.toml reason.toml`

Run nothing else on the machine meanwhile.

Examples:
  atom bench reuse clips/*.mp4 --svg reuse.svg
  atom bench reuse holiday.mp4 --rounds 1 --json")]
    Reuse(ReuseArgs),
    /// Measure what the engine costs on top of its model calls.
    #[command(after_help = "\
A run records every call of a module. The benchmark repeats these calls without a graph, in one loop and in one loop per \
module, while it decodes the video as the run does. Then it moves frames through the graph alone.

Run nothing else on the machine meanwhile.

Example:
  atom bench overhead holiday.mp4")]
    Overhead(OverheadArgs),
    /// Measure how cost grows with sources, segment length, questions, standing queries and stored segments.
    #[command(after_help = "\
Several sources are copies of the same video; their prompts are computed without reuse. Stored segments are synthetic.

Run nothing else on the machine meanwhile.

Example:
  atom bench scale holiday.mp4 --svg scale.svg")]
    Scale(ScaleArgs),
    /// Run tasks in this process; the other benchmarks start it.
    #[command(hide = true)]
    Work(WorkArgs),
}

/// Arguments of all benchmarks.
#[derive(Args)]
struct BenchArgs {
    /// Model pack.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// Number of rounds; each measures everything once, and the report shows medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl BenchArgs {
    fn rounds(&self) -> usize {
        usize::from(self.rounds)
    }

    /// Prints a report as JSON or as tables.
    fn print<R: Serialize>(&self, report: &R, tables: fn(&R) -> String) -> anyhow::Result<()> {
        match self.json {
            true => print_json(report),
            false => print_layout(&tables(report)),
        }
    }
}

#[derive(Args)]
struct ReuseArgs {
    /// Videos to process.
    #[arg(required = true, value_name = "VIDEO")]
    videos: Vec<PathBuf>,
    /// Write a chart of module activity over time to this SVG file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    common: BenchArgs,
}

#[derive(Args)]
struct OverheadArgs {
    /// Video to process.
    video: PathBuf,
    /// Number of frames to move through the graph alone, over all sources; they are held in memory.
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(u64).range(64..=1_000_000))]
    frames: u64,
    #[command(flatten)]
    common: BenchArgs,
}

#[derive(Args)]
struct ScaleArgs {
    /// Video to process, longer than eight seconds, since segments are up to eight seconds long.
    video: PathBuf,
    /// Number of segments in the largest index.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    segments: u64,
    /// Write charts of cost growth to this SVG file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    common: BenchArgs,
}

#[derive(Args)]
struct WorkArgs {
    #[arg(long)]
    pack: String,
    #[arg(long)]
    folder: PathBuf,
    #[arg(long, value_delimiter = ',')]
    tasks: Vec<String>,
    /// Process one frame or segment at a time.
    #[arg(long)]
    one_by_one: bool,
    /// Report when everything is loaded, and wait for a line on stdin before starting the videos.
    #[arg(long)]
    wait: bool,
    videos: Vec<PathBuf>,
}

impl Bench {
    /// Runs the benchmark, and prints its report.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.benchmark {
            Benchmark::Reuse(args) => args.run(),
            Benchmark::Overhead(args) => args.run(),
            Benchmark::Scale(args) => args.run(),
            Benchmark::Work(args) => args.run(),
        }
    }
}

impl ReuseArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        self.videos.iter().try_for_each(|video| check_file(video))?;
        let chart = open_chart(self.svg.as_deref(), &self.videos)?;
        let settings = ReuseSettings {
            videos: self.videos,
            pack: self.common.pack.clone(),
            rounds: self.common.rounds(),
            program: env::current_exe().context("cannot find the path of this program")?,
        };
        let report = reuse::measure(&settings, &mut |step| eprint_line(step))?;
        if let Some(chart) = chart {
            write_output(chart, &gantt_chart(&report.timelines)?)?;
        }
        self.common.print(&report, report_tables::reuse)?;
        match &report.difference {
            None => Ok(ExitCode::SUCCESS),
            Some(difference) => {
                eprint_error(&format!("the outputs differ: {difference}"));
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

impl OverheadArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        check_file(&self.video)?;
        let settings = OverheadSettings {
            video: self.video,
            pack: self.common.pack.clone(),
            rounds: self.common.rounds(),
            frames: self.frames,
        };
        let report = overhead::measure(&settings, &mut |step| eprint_line(step))?;
        self.common.print(&report, report_tables::overhead)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl ScaleArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        check_file(&self.video)?;
        let chart = open_chart(self.svg.as_deref(), std::slice::from_ref(&self.video))?;
        let settings = ScaleSettings {
            video: self.video,
            pack: self.common.pack.clone(),
            rounds: self.common.rounds(),
            segments: self.segments,
        };
        let report = scale::measure(&settings, &mut |step| eprint_line(step))?;
        if let Some(chart) = chart {
            write_output(chart, &scale_chart(&report.sweeps)?)?;
        }
        self.common.print(&report, report_tables::scale)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl WorkArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        let task =
            |name: &String| Task::from_name(name).with_context(|| format!("no task {name:?}"));
        let tasks = TaskRun {
            tasks: self.tasks.iter().map(task).collect::<Result<_, _>>()?,
            videos: self.videos,
            pack: self.pack,
            folder: self.folder,
            sequential: self.one_by_one,
        };
        let wait = self.wait;
        let report = run_tasks(&tasks, move || {
            if wait {
                // If the parent process has gone, nobody reads the report either.
                let _ = print_line(READY);
                let _ = io::stdin().lock().read_line(&mut String::new());
            }
        })?;
        print_json(&report)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Refuses a video that is not a file, before anything is measured.
fn check_file(video: &Path) -> anyhow::Result<()> {
    match video.is_file() {
        true => Ok(()),
        false => bail!("{} is not a file; expected a video file", video.display()),
    }
}

/// Opens the file of a chart, before anything is measured.
fn open_chart(path: Option<&Path>, videos: &[PathBuf]) -> anyhow::Result<Option<OutputFile>> {
    path.map(|path| open_output(path, DRAWING, videos.to_vec()))
        .transpose()
}
