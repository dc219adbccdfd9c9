//! `atom bench`: measures on this machine what Atom promises of itself.

use std::{
    env,
    error::Error,
    fs,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use atom_lab::bench::{
    Settings, Work, curves, gantt, overhead, program::READY, reuse, scale, tasks::Task, work,
};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::output::{eprint_line, print_line};

mod tables;

/// Measure on this machine what sharing modules saves.
#[derive(Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Do three tasks with videos in four shapes, and compare what they take.
    #[command(after_help = "\
The tasks: a caption of each segment; an index of pictures and captions; three questions about each segment.
The shapes: a program for each task (per task); the same, kept loaded (kept); one graph that does one thing after the other
(sequential); one graph as `atom run caption.toml index.toml reason.toml` works (shared). All use the same engine.
Nothing else should run meanwhile.

Examples:
  atom bench reuse clips/*.mp4 --svg reuse.svg
  atom bench reuse holiday.mp4 --rounds 1 --json")]
    Reuse(Measured),
    /// Compare a run with its module calls alone, and with the graph alone.
    #[command(after_help = "\
A run notes every call of a module; the same calls are made again without a graph, in one loop and in a loop for each module.
Nothing else should run meanwhile.

Example:
  atom bench overhead holiday.mp4")]
    Overhead(Compared),
    /// See how cost grows with sources, the length of segments, questions, standing queries, and stored segments.
    #[command(after_help = "\
Sources are the video several times; of their prompts nothing is taken for the next. Stores hold segments that are made up.
Nothing else should run meanwhile.

Example:
  atom bench scale holiday.mp4 --svg scale.svg")]
    Scale(Varied),
    /// What the other commands start.
    #[command(hide = true)]
    Work(Doing),
}

/// What all that is measured has in common.
#[derive(Args)]
struct Common {
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

impl Common {
    fn rounds(&self) -> usize {
        usize::from(self.rounds)
    }

    /// Prints what was measured.
    fn tell<F: Serialize>(&self, figures: &F, table: fn(&F) -> String) -> anyhow::Result<()> {
        match self.json {
            true => print_line(&serde_json::to_string(figures)?)?,
            false => print_line(&table(figures))?,
        }
        Ok(())
    }
}

#[derive(Args)]
struct Measured {
    /// The videos.
    #[arg(required = true, value_name = "VIDEO")]
    videos: Vec<PathBuf>,
    /// Draw when which module was at work into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Compared {
    /// The video.
    video: PathBuf,
    /// Frames that the graph alone moves, of all sources together; they wait in memory.
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(u64).range(64..=1_000_000))]
    frames: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Varied {
    /// The video; some seconds are enough, more than eight, since segments are up to eight seconds long.
    video: PathBuf,
    /// Segments of the largest store.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    segments: u64,
    /// Draw how cost grows into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Doing {
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
    /// Measures, and tells what it came to.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Reuse(measured) => measured.run(),
            What::Overhead(compared) => compared.run(),
            What::Scale(varied) => varied.run(),
            What::Work(doing) => doing.run(),
        }
    }
}

/// Says early what cannot be played.
fn is_there(video: &Path) -> anyhow::Result<()> {
    match video.is_file() {
        true => Ok(()),
        false => bail!("{} is no file; expected a video", video.display()),
    }
}

fn draw(path: &Path, picture: Result<String, Box<dyn Error>>) -> anyhow::Result<()> {
    let told = path.display();
    let picture = picture.map_err(|error| anyhow::anyhow!("cannot draw {told}: {error}"))?;
    fs::write(path, picture).with_context(|| format!("cannot write {told}"))
}

impl Varied {
    fn run(self) -> anyhow::Result<ExitCode> {
        is_there(&self.video)?;
        let settings = scale::Settings {
            video: self.video,
            pack: self.common.pack.clone(),
            rounds: self.common.rounds(),
            segments: self.segments,
        };
        let scale = scale::measure(&settings, &mut |what| eprint_line(what))?;
        if let Some(path) = &self.svg {
            draw(path, curves::picture(&scale.sweeps))?;
        }
        self.common.tell(&scale, tables::growth)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Compared {
    fn run(self) -> anyhow::Result<ExitCode> {
        is_there(&self.video)?;
        let settings = overhead::Settings {
            video: self.video,
            pack: self.common.pack.clone(),
            rounds: self.common.rounds(),
            frames: self.frames,
        };
        let overhead = overhead::measure(&settings, &mut |what| eprint_line(what))?;
        self.common.tell(&overhead, tables::costs)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Measured {
    fn run(self) -> anyhow::Result<ExitCode> {
        self.videos.iter().try_for_each(|video| is_there(video))?;
        let settings = Settings {
            videos: self.videos,
            pack: self.common.pack.clone(),
            rounds: self.common.rounds(),
            program: env::current_exe().context("cannot find this program")?,
        };
        let reuse = reuse::measure(&settings, &mut |what| eprint_line(what))?;
        if let Some(path) = &self.svg {
            draw(path, gantt::picture(&reuse.timelines))?;
        }
        self.common.tell(&reuse, tables::reuse)?;
        if let Some(difference) = &reuse.difference {
            eprint_line(&format!(
                "error: what came out is not the same. {difference}"
            ));
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Doing {
    fn run(self) -> anyhow::Result<ExitCode> {
        let task = |name: &String| Task::of(name).with_context(|| format!("no task {name:?}"));
        let doing = Work {
            tasks: self.tasks.iter().map(task).collect::<Result<_, _>>()?,
            videos: self.videos,
            pack: self.pack,
            folder: self.folder,
            one_by_one: self.one_by_one,
        };
        let wait = self.wait;
        let worked = work::work(&doing, move || {
            if wait {
                // Who reads it starts us, and has gone if it cannot be told.
                let _ = print_line(READY);
                let _ = io::stdin().lock().read_line(&mut String::new());
            }
        })?;
        print_line(&serde_json::to_string(&worked)?)?;
        io::stdout().flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
