//! `atom bench`: measures on this machine what sharing modules saves, what the engine costs, and how cost grows.

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

/// Measure on this machine what sharing modules saves.
#[derive(Args)]
pub struct Bench {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Subcommand)]
enum Benchmark {
    /// Do three tasks with videos in four shapes, and compare what they take.
    #[command(after_help = "\
The tasks: a caption of each segment; an index of pictures and captions; three questions about each segment.
The shapes: a program for each task (per task); the same, kept loaded (kept); one graph that does one thing after the other
(sequential); one graph as `atom run caption.toml index.toml reason.toml` works (shared). All use the same engine.
Nothing else should run meanwhile.

Examples:
  atom bench reuse clips/*.mp4 --svg reuse.svg
  atom bench reuse holiday.mp4 --rounds 1 --json")]
    Reuse(ReuseArgs),
    /// Compare a run with its module calls alone, and with the graph alone.
    #[command(after_help = "\
A run notes every call of a module; the same calls are made again without a graph, in one loop and in a loop for each module.
Nothing else should run meanwhile.

Example:
  atom bench overhead holiday.mp4")]
    Overhead(OverheadArgs),
    /// See how cost grows with sources, the length of segments, questions, standing queries, and stored segments.
    #[command(after_help = "\
Sources are the video several times; of their prompts nothing is taken for the next. Stores hold segments that are made up.
Nothing else should run meanwhile.

Example:
  atom bench scale holiday.mp4 --svg scale.svg")]
    Scale(ScaleArgs),
    /// Do tasks in this process; the other benchmarks start it.
    #[command(hide = true)]
    Work(WorkArgs),
}

/// Arguments of all benchmarks.
#[derive(Args)]
struct BenchArgs {
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// How often each has its turn.
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
    /// The videos.
    #[arg(required = true, value_name = "VIDEO")]
    videos: Vec<PathBuf>,
    /// Draw when which module was at work into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    common: BenchArgs,
}

#[derive(Args)]
struct OverheadArgs {
    /// The video.
    video: PathBuf,
    /// Frames that the graph alone moves, of all sources together; they wait in memory.
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(u64).range(64..=1_000_000))]
    frames: u64,
    #[command(flatten)]
    common: BenchArgs,
}

#[derive(Args)]
struct ScaleArgs {
    /// The video; some seconds are enough, more than eight, since segments are up to eight seconds long.
    video: PathBuf,
    /// Segments of the largest store.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    segments: u64,
    /// Draw how cost grows into this file.
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
    /// One frame or segment after the other.
    #[arg(long)]
    one_by_one: bool,
    /// Say when everything is loaded, and wait for a line before the videos begin.
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
            program: env::current_exe().context("cannot find this program")?,
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
        false => bail!("{} is no file; expected a video", video.display()),
    }
}

/// Opens the file of a chart, before anything is measured.
fn open_chart(path: Option<&Path>, videos: &[PathBuf]) -> anyhow::Result<Option<OutputFile>> {
    path.map(|path| open_output(path, DRAWING, videos.to_vec()))
        .transpose()
}
