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
use atom::bench::{
    Reuse, Settings, Work, curves,
    figures::Figure,
    gantt,
    overhead::{self, Overhead},
    program::READY,
    reuse::{self, ShapeFigures},
    scale::{self, Scale},
    tasks::Task,
    work,
};
use clap::{Args, Subcommand};

use super::terminal;

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

#[derive(Args)]
struct Measured {
    /// The videos.
    #[arg(required = true, value_name = "VIDEO")]
    videos: Vec<PathBuf>,
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// How often each shape has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Draw when which module was at work into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Compared {
    /// The video.
    video: PathBuf,
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// How often each has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Frames that the graph alone moves, of all sources together; they wait in memory.
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(u64).range(64..=1_000_000))]
    frames: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Varied {
    /// The video; some seconds are enough, more than eight, since segments are up to eight seconds long.
    video: PathBuf,
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// How often each has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    rounds: u8,
    /// Segments of the largest store.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    segments: u64,
    /// Draw how cost grows into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
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
            pack: self.pack,
            rounds: usize::from(self.rounds),
            segments: self.segments,
        };
        let scale = scale::measure(&settings, &mut |what| terminal::tell(what))?;
        if let Some(path) = &self.svg {
            draw(path, curves::picture(&scale.sweeps))?;
        }
        match self.json {
            true => terminal::result(&serde_json::to_string(&scale)?)?,
            false => terminal::result(&growth(&scale))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Compared {
    fn run(self) -> anyhow::Result<ExitCode> {
        is_there(&self.video)?;
        let settings = overhead::Settings {
            video: self.video,
            pack: self.pack,
            rounds: usize::from(self.rounds),
            frames: self.frames,
        };
        let overhead = overhead::measure(&settings, &mut |what| terminal::tell(what))?;
        match self.json {
            true => terminal::result(&serde_json::to_string(&overhead)?)?,
            false => terminal::result(&costs(&overhead))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Measured {
    fn run(self) -> anyhow::Result<ExitCode> {
        self.videos.iter().try_for_each(|video| is_there(video))?;
        let settings = Settings {
            videos: self.videos,
            pack: self.pack,
            rounds: usize::from(self.rounds),
            program: env::current_exe().context("cannot find this program")?,
        };
        let reuse = reuse::measure(&settings, &mut |what| terminal::tell(what))?;
        if let Some(path) = &self.svg {
            draw(path, gantt::picture(&reuse.timelines))?;
        }
        match self.json {
            true => terminal::result(&serde_json::to_string(&reuse)?)?,
            false => terminal::result(&table(&reuse))?,
        }
        if let Some(difference) = &reuse.difference {
            terminal::tell(&format!(
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
                let _ = terminal::result(READY);
                let _ = io::stdin().lock().read_line(&mut String::new());
            }
        })?;
        terminal::result(&serde_json::to_string(&worked)?)?;
        io::stdout().flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What the engine costs, as tables in Markdown.
fn costs(overhead: &Overhead) -> String {
    let mut lines = vec![
        format!(
            "Pack {}; {} calls of modules; {} rounds. The middle of the rounds (least to most).\n",
            overhead.pack, overhead.calls, overhead.rounds
        ),
        "| | wall | processor |\n|---|---|---|".to_owned(),
    ];
    for (name, cost) in [
        ("the engine", overhead.engine),
        ("its module calls, one loop", overhead.one_loop),
        (
            "its module calls, a loop for each module",
            overhead.side_by_side,
        ),
    ] {
        let (wall, cpu) = (seconds(cost.wall_seconds), seconds(cost.cpu_seconds));
        lines.push(format!("| {name} | {wall} | {cpu} |"));
    }
    lines.push(format!(
        "\nWall time of the engine: {:.2} of one loop, {:.2} of loops side by side, in which nothing waits for anything.\n",
        overhead.engine_over_one_loop, overhead.engine_over_side_by_side
    ));
    lines.push("The graph alone, with modules that cost next to nothing:\n".to_owned());
    lines.push(
        "| sources | frames a second | a frame | most of it in |\n|---|---|---|---|".to_owned(),
    );
    for figures in &overhead.graph {
        let mut operators: Vec<_> = figures.operator_ns.iter().collect();
        operators.sort_by(|a, b| b.1.total_cmp(a.1));
        let most = operators.iter().take(4);
        let most: Vec<_> = most
            .map(|(name, ns)| format!("{name} {:.1} us", *ns / 1e3))
            .collect();
        lines.push(format!(
            "| {} | {:.0} | {:.1} us | {} |",
            figures.sources,
            figures.frames_per_second,
            figures.frame_ns / 1e3,
            most.join(", ")
        ));
    }
    lines.push(format!(
        "\nA frame of the most sources takes {:.2} of the time of one of a single source.",
        overhead.graph_most_over_one
    ));
    lines.join("\n")
}

/// How cost grows, as tables in Markdown with the slope in words.
fn growth(scale: &Scale) -> String {
    let mut lines = vec![format!(
        "Pack {}; {} rounds. The middle of the rounds (least to most).",
        scale.pack, scale.rounds
    )];
    for sweep in &scale.sweeps {
        let digits = if sweep.unit == "s" { 1 } else { 2 };
        lines.push(format!("\n| {} | {} |\n|---|---|", sweep.of, sweep.cost));
        for point in &sweep.points {
            let Figure { median, min, max } = point.cost;
            lines.push(format!(
                "| {} | {median:.digits$} {} ({min:.digits$} to {max:.digits$}) |",
                point.at, sweep.unit
            ));
        }
        lines.push(format!("\n{}", sweep.said));
    }
    lines.join("\n")
}

/// What was measured, as a table in Markdown, and the ratios.
fn table(reuse: &Reuse) -> String {
    let columns = ["per_task", "kept", "sequential", "shared"].map(|name| &reuse.shapes[name]);
    let mut lines = vec![
        format!(
            "{} videos, {:.0} s in all; pack {}; {} rounds; {} cores; threads: decoder {}, vision {} beside it, text {}. The middle of the rounds (least to most).\n",
            reuse.videos,
            reuse.video_seconds,
            reuse.pack,
            reuse.rounds,
            reuse.threads.cores,
            reuse.threads.decoder,
            reuse.threads.vision_beside,
            reuse.threads.text
        ),
        "| | per task | kept | sequential | shared |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    let mut line = |name: &str, cell: &dyn Fn(&ShapeFigures) -> String| {
        let cells = columns.map(cell);
        lines.push(format!("| {name} | {} |", cells.join(" | ")));
    };
    line("wall", &|shape| seconds(shape.wall_seconds));
    line("processor", &|shape| seconds(shape.cpu_seconds));
    line("peak memory", &|shape| {
        format!("{:.2} GB", shape.peak_rss_bytes.median / 1e9)
    });
    line("first caption", &|shape| {
        seconds(shape.first_caption_seconds)
    });
    line("a segment, p50 / p95", &|shape| {
        let latency = shape.segment_latency_ms;
        format!(
            "{:.2} / {:.2} s",
            latency.p50 / 1000.0,
            latency.p95 / 1000.0
        )
    });
    for module in ["vision", "decoder", "text"] {
        line(&format!("{module}: loads, runs"), &|shape| {
            let of = |counts: &std::collections::BTreeMap<String, u64>| {
                counts.get(module).copied().unwrap_or(0)
            };
            format!("{}, {}", of(&shape.module_loads), of(&shape.module_runs))
        });
    }
    line("prompt tokens computed / reused", &|shape| {
        format!(
            "{} / {}",
            shape.tokens.prefilled + shape.tokens.at_load,
            shape.tokens.reused
        )
    });
    line("new tokens", &|shape| shape.tokens.generated.to_string());
    let (ratios, pictures) = (&reuse.ratios, &reuse.embeddings_only);
    lines.push(format!(
        "\n| wall time of shared against | |\n|---|---|\n| per task | {:.2} |\n| kept | {:.2} |\n| sequential | {:.2} |\n\
         | per task, only pictures indexed | {:.2} |\n| kept, only pictures indexed | {:.2} |\n\
         | two files in one run against two runs | {:.2} |\n",
        ratios.shared_over_per_task,
        ratios.shared_over_kept,
        ratios.shared_over_sequential.unwrap_or(0.0),
        pictures.shared_over_per_task,
        pictures.shared_over_kept,
        reuse.two_files_over_two_runs
    ));
    lines.push(match &reuse.difference {
        None => "All shapes gave the same captions, answers and rows in all rounds.".to_owned(),
        Some(difference) => format!("What came out differs: {difference}"),
    });
    lines.join("\n")
}

fn seconds(figure: Figure) -> String {
    format!(
        "{:.1} s ({:.1} to {:.1})",
        figure.median, figure.min, figure.max
    )
}
