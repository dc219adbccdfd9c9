//! Does some tasks in this process, in one run, and tells what came of it and what it cost.
//!
//! Times are microseconds since 1970, so that those of several programs have their place on one line.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use atom_models::{MeterReading, Meters, ModelError, ModuleSpan};
use atom_operators::cancel::CancellationToken;
use atom_pipelines::{Problems, check, plan};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tasks::Task;
use atom_index::{Store, StoreError};
use atom_runtime::{
    Observer, Progress, Report, RunOptions, RuntimeError,
    process::{cpu_seconds, rss_bytes},
    report::Tokens,
    run,
    sink::Record,
};

/// Runs of a module that follow within this are drawn as one.
const TOGETHER: Duration = Duration::from_millis(3);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Work {
    /// The tasks, in one run.
    pub tasks: Vec<Task>,
    /// With these videos.
    pub videos: Vec<PathBuf>,
    /// By this pack.
    pub pack: String,
    /// Where results go.
    pub folder: PathBuf,
    /// One frame or segment after the other, instead of side by side.
    pub one_by_one: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Worked {
    /// When everything was loaded and opened, and the videos began.
    pub ready_us: u64,
    /// When the first caption was out, if there was one.
    pub first_caption_us: Option<u64>,
    /// When everything was out.
    pub done_us: u64,
    /// Processor time until everything was loaded.
    pub cpu_seconds_until_ready: f64,
    /// Processor time in all.
    pub cpu_seconds: f64,
    /// Memory that was held when everything was loaded.
    pub loaded_rss_bytes: u64,
    /// Most memory that was held.
    pub peak_rss_bytes: u64,
    /// How long the videos are together.
    pub video_seconds: f64,
    /// By module that was loaded.
    pub modules: BTreeMap<String, MeterReading>,
    /// Of the decoder, by task.
    pub tokens: BTreeMap<String, Tokens>,
    /// From the taking in of the frame that closed a segment to a caption or an answer about it, in milliseconds.
    pub latencies_ms: Vec<f64>,
    /// When modules were at work.
    pub spans: Vec<AtWork>,
    /// Captions and answers, as lines of JSON, by video and time.
    pub results: Vec<String>,
    /// A digest of each row that is stored.
    pub rows: Vec<String>,
}

/// A module at work for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtWork {
    /// Which.
    pub module: String,
    /// Whether it was loaded then.
    pub load: bool,
    /// When it began.
    pub begun_us: u64,
    /// How long it took.
    pub took_us: u64,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The pipeline files make no sense: a video is not there.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// The run could not start.
    #[error(transparent)]
    Engine(#[from] RuntimeError),
    /// A module could not be loaded, or failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The run failed.
    #[error("the run failed: {0}")]
    Failed(String),
    /// What it stored cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Does it; `ready` is called when everything is loaded, before the videos begin.
///
/// # Errors
/// If a video, the pack or the folder cannot be used, or anything fails on the way.
pub fn work(work: &Work, ready: impl FnOnce() + Send + 'static) -> Result<Worked, WorkError> {
    let clock = Clock::new();
    let files = work.tasks.iter();
    let files = files.map(|task| task.file(&work.videos, &work.pack, &work.folder));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    check(&files)?;
    let (heard, spans) = (Arc::new(Mutex::new(Heard::default())), Spans::default());
    let began = Arc::new(Mutex::new((0, 0.0, 0)));
    let begins = Arc::clone(&began);
    let options = RunOptions {
        meters: spans.meters(),
        sequential: work.one_by_one,
        on_ready: Some(Box::new(move || {
            ready();
            *lock(&begins) = (clock.now(), cpu_seconds(), rss_bytes());
        })),
        ..RunOptions::new(
            CancellationToken::new(),
            Box::new(Listener(Arc::clone(&heard))),
        )
    };
    let outcome = run(&plan(&files), options)?;
    let done_us = clock.now();
    if !outcome.errors.is_empty() || !outcome.report.failures.is_empty() {
        return Err(WorkError::Failed(failures(
            &outcome.errors,
            &outcome.report,
        )));
    }
    let (ready_us, cpu_seconds_until_ready, loaded_rss_bytes) = *lock(&began);
    let mut heard = std::mem::take(&mut *lock(&heard));
    heard.results.sort();
    Ok(Worked {
        ready_us,
        first_caption_us: heard.first_caption.map(|at| clock.at(at)),
        done_us,
        cpu_seconds_until_ready,
        cpu_seconds: cpu_seconds(),
        loaded_rss_bytes,
        peak_rss_bytes: outcome.report.peak_rss_bytes,
        video_seconds: video_seconds(&outcome.report),
        modules: named(outcome.report.modules),
        tokens: named(outcome.report.decoder.tokens),
        latencies_ms: heard.latencies_ms,
        spans: spans.drawn(&clock),
        results: heard.results.into_iter().map(|(_, line)| line).collect(),
        rows: rows(work)?,
    })
}

fn named<T>(of: BTreeMap<&'static str, T>) -> BTreeMap<String, T> {
    let named = |(name, value): (&str, T)| (name.to_owned(), value);
    of.into_iter().map(named).collect()
}

fn video_seconds(report: &Report) -> f64 {
    let through = report
        .sources
        .values()
        .map(|source| source.complete_through_ms);
    through.sum::<u64>() as f64 / 1000.0
}

fn failures(errors: &[String], report: &Report) -> String {
    let each = |(stage, reasons): (&&str, &BTreeMap<&str, u64>)| format!("{stage}: {reasons:?}");
    let failures = report.failures.iter().map(each);
    let all: Vec<_> = errors.iter().cloned().chain(failures).collect();
    all.join("; ")
}

/// What is in the stores of these tasks, a digest for each row.
fn rows(work: &Work) -> Result<Vec<String>, StoreError> {
    let mut rows = Vec::new();
    for path in work
        .tasks
        .iter()
        .filter_map(|task| task.store(&work.folder))
    {
        for row in Store::open_existing(&path)?.rows(None, None, None)? {
            let digest = Sha256::digest(format!("{row:?}"));
            rows.push(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }
    Ok(rows)
}

/// Turns moments of this process into time since 1970; all by one reading of the clock.
#[derive(Clone, Copy)]
struct Clock(Instant, u64);

impl Clock {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(Instant::now(), since.unwrap_or_default().as_micros() as u64)
    }

    fn at(&self, moment: Instant) -> u64 {
        let after = moment.saturating_duration_since(self.0).as_micros() as u64;
        let before = self.0.saturating_duration_since(moment).as_micros() as u64;
        self.1 + after - before
    }

    fn now(&self) -> u64 {
        self.at(Instant::now())
    }
}

/// What the modules did, as they did it.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<&'static str, Vec<ModuleSpan>>>>);

impl Spans {
    /// Meters that are listened to.
    fn meters(&self) -> Meters {
        let meters = Meters::default();
        for (module, meter) in meters.each() {
            let spans = self.clone();
            meter.on_span(move |span| lock(&spans.0).entry(module).or_default().push(span));
        }
        meters
    }

    /// The same for drawing: runs close together are one.
    fn drawn(&self, clock: &Clock) -> Vec<AtWork> {
        let mut drawn = Vec::new();
        for (module, spans) in &*lock(&self.0) {
            let mut merged: Vec<(ModuleSpan, Instant)> = Vec::new();
            for span in spans {
                let end = span.start + span.duration;
                match merged.last_mut() {
                    Some((last, until))
                        if last.load == span.load
                            && span.start.saturating_duration_since(*until) < TOGETHER =>
                    {
                        *until = end;
                    }
                    _ => merged.push((*span, end)),
                }
            }
            drawn.extend(merged.into_iter().map(|(span, until)| AtWork {
                module: (*module).to_owned(),
                load: span.load,
                begun_us: clock.at(span.start),
                took_us: (until - span.start).as_micros() as u64,
            }));
        }
        drawn
    }
}

/// Source, start and node: results of several recordings at once come in no order.
type Order = (String, u64, Option<String>);

/// What was heard of a run.
#[derive(Default)]
struct Heard {
    first_caption: Option<Instant>,
    latencies_ms: Vec<f64>,
    results: Vec<(Order, String)>,
}

struct Listener(Arc<Mutex<Heard>>);

impl Observer for Listener {
    fn result(&mut self, record: &Record) -> io::Result<()> {
        let mut heard = lock(&self.0);
        if record.kind() == "caption" {
            heard.first_caption.get_or_insert_with(Instant::now);
        }
        let key = (
            record.source.clone(),
            record.start_ms,
            record.node().map(str::to_owned),
        );
        heard.results.push((key, serde_json::to_string(record)?));
        Ok(())
    }

    fn latency(&mut self, branch: &str, took: Duration) {
        if ["caption", "reason"].contains(&branch) {
            lock(&self.0).latencies_ms.push(took.as_secs_f64() * 1000.0);
        }
    }

    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T: ?Sized>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
