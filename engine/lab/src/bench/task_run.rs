//! Does some tasks in this process, in one run, and reports their results and cost.
//!
//! Moments are microseconds since 1970, so that those of several processes are on one time line.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use atom_models::{MeterReading, Meters, ModuleSpan};
use atom_operators::cancel::CancellationToken;
use atom_pipelines::{PipelineFile, Problems, check, plan};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tasks::Task;
use crate::LabError;
use atom_index::{Store, StoreError};
use atom_runtime::{
    Observer, Progress, Report, RunOptions, RunOutcome,
    process_usage::{cpu_seconds, rss_bytes},
    run,
    run_report::Tokens,
    sink::Record,
};

/// Calls of a module with a shorter pause between them are drawn as one.
const MERGED_PAUSE: Duration = Duration::from_millis(3);

/// Some tasks over some videos, in one run.
#[derive(Clone, Debug)]
pub struct TaskRun {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// The videos.
    pub videos: Vec<PathBuf>,
    /// The pack.
    pub pack: String,
    /// The folder of the results.
    pub folder: PathBuf,
    /// True if the run works on one frame or segment after the other, instead of in a pipeline.
    pub sequential: bool,
}

impl TaskRun {
    fn pipeline_files(&self) -> Result<Vec<PipelineFile>, Problems> {
        let tasks = self.tasks.iter();
        tasks
            .map(|task| task.pipeline_file(&self.videos, &self.pack, &self.folder))
            .collect()
    }
}

/// The results and the cost of a run of tasks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TaskReport {
    /// The moment when everything was loaded and opened, and the videos started.
    pub ready_us: u64,
    /// The moment when the first caption was out, if there was one.
    pub first_caption_us: Option<u64>,
    /// The moment when everything was out.
    pub done_us: u64,
    /// Processor time until everything was loaded.
    pub cpu_seconds_until_ready: f64,
    /// Processor time in all.
    pub cpu_seconds: f64,
    /// Resident memory when everything was loaded.
    pub loaded_rss_bytes: u64,
    /// Largest resident memory.
    pub peak_rss_bytes: u64,
    /// Length of all videos together.
    pub video_seconds: f64,
    /// The meters of modules that were loaded.
    pub modules: BTreeMap<String, MeterReading>,
    /// Tokens of the decoder, by task.
    pub tokens: BTreeMap<String, Tokens>,
    /// Time from the intake of the frame that closed a segment to each caption or answer about it, in milliseconds.
    pub latencies_ms: Vec<f64>,
    /// The times in which modules were loaded and running.
    pub module_activity: Vec<ModuleActivity>,
    /// Captions and answers, as lines of JSON, by video and time.
    pub results: Vec<String>,
    /// A digest of each row of the indexes.
    pub row_digests: Vec<String>,
}

/// A time in which a module is loaded or runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleActivity {
    /// The name of the module.
    pub module: String,
    /// True if it is being loaded, false if it runs.
    pub loading: bool,
    /// The start.
    pub start_us: u64,
    /// The duration.
    pub duration_us: u64,
}

/// The state of the process when everything is loaded.
#[derive(Clone, Copy, Default)]
struct ReadyState {
    ready_us: u64,
    cpu_seconds: f64,
    rss_bytes: u64,
}

/// Does the tasks. `on_ready` is called when everything is loaded, before the videos start.
///
/// # Errors
/// If a video, the pack or the folder cannot be used, or the run fails.
pub fn run_tasks(
    tasks: &TaskRun,
    on_ready: impl FnOnce() + Send + 'static,
) -> Result<TaskReport, LabError> {
    let clock = UnixClock::new();
    let files = tasks.pipeline_files()?;
    check(&files)?;
    let (collected, spans) = (Arc::default(), SpanRecorder::default());
    let ready = Arc::new(Mutex::new(ReadyState::default()));
    let set_ready = Arc::clone(&ready);
    let options = RunOptions {
        meters: spans.meters(),
        sequential: tasks.sequential,
        on_ready: Some(Box::new(move || {
            on_ready();
            *lock(&set_ready) = ReadyState {
                ready_us: clock.now(),
                cpu_seconds: cpu_seconds(),
                rss_bytes: rss_bytes(),
            };
        })),
        ..RunOptions::new(
            CancellationToken::new(),
            Box::new(ResultCollector(Arc::clone(&collected))),
        )
    };
    let outcome = run(&plan(&files), options)?;
    let done_us = clock.now();
    if !outcome.errors.is_empty() || !outcome.report.failures.is_empty() {
        return Err(LabError::Run(failures(&outcome)));
    }
    let collected = std::mem::take(&mut *lock(&collected));
    Ok(TaskReport {
        done_us,
        module_activity: spans.activity(&clock),
        row_digests: row_digests(tasks)?,
        ..report(*lock(&ready), collected, outcome.report, &clock)
    })
}

fn report(
    ready: ReadyState,
    mut collected: CollectedResults,
    report: Report,
    clock: &UnixClock,
) -> TaskReport {
    collected.results.sort();
    TaskReport {
        ready_us: ready.ready_us,
        first_caption_us: collected.first_caption.map(|at| clock.at(at)),
        cpu_seconds_until_ready: ready.cpu_seconds,
        cpu_seconds: cpu_seconds(),
        loaded_rss_bytes: ready.rss_bytes,
        peak_rss_bytes: report.peak_rss_bytes,
        video_seconds: video_seconds(&report),
        modules: owned_keys(report.modules),
        tokens: owned_keys(report.decoder.tokens),
        latencies_ms: collected.latencies_ms,
        results: collected
            .results
            .into_iter()
            .map(|(_, line)| line)
            .collect(),
        ..TaskReport::default()
    }
}

fn owned_keys<T>(map: BTreeMap<&'static str, T>) -> BTreeMap<String, T> {
    map.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn video_seconds(report: &Report) -> f64 {
    let through = report
        .sources
        .values()
        .map(|source| source.complete_through_ms);
    through.sum::<u64>() as f64 / 1000.0
}

fn failures(outcome: &RunOutcome) -> String {
    let by_stage = outcome
        .report
        .failures
        .iter()
        .map(|(stage, reasons)| format!("{stage}: {reasons:?}"));
    let all: Vec<_> = outcome
        .error_messages()
        .into_iter()
        .chain(by_stage)
        .collect();
    all.join("; ")
}

/// Returns a digest of each row in the indexes of these tasks.
fn row_digests(run: &TaskRun) -> Result<Vec<String>, StoreError> {
    let mut digests = Vec::new();
    let indexes = run.tasks.iter();
    for path in indexes.filter_map(|task| task.index_path(&run.folder)) {
        for row in Store::open_existing(&path)?.rows(None, None, None)? {
            let digest = Sha256::digest(format!("{row:?}"));
            digests.push(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        }
    }
    Ok(digests)
}

/// Converts instants of this process into microseconds since 1970, by one reading of the wall clock.
#[derive(Clone, Copy)]
struct UnixClock {
    instant: Instant,
    unix_us: u64,
}

impl UnixClock {
    fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            instant: Instant::now(),
            unix_us: since_1970.unwrap_or_default().as_micros() as u64,
        }
    }

    fn at(&self, instant: Instant) -> u64 {
        let after = instant.saturating_duration_since(self.instant);
        let before = self.instant.saturating_duration_since(instant);
        self.unix_us + after.as_micros() as u64 - before.as_micros() as u64
    }

    fn now(&self) -> u64 {
        self.at(Instant::now())
    }
}

/// Records when modules are loaded and run.
#[derive(Clone, Default)]
struct SpanRecorder(Arc<Mutex<BTreeMap<&'static str, Vec<ModuleSpan>>>>);

impl SpanRecorder {
    /// Returns meters that report to this recorder.
    fn meters(&self) -> Meters {
        let meters = Meters::default();
        for (module, meter) in meters.each() {
            let recorder = self.clone();
            meter.on_span(move |span| lock(&recorder.0).entry(module).or_default().push(span));
        }
        meters
    }

    /// Returns the recorded activity; spans close together are merged.
    fn activity(&self, clock: &UnixClock) -> Vec<ModuleActivity> {
        let mut activity = Vec::new();
        for (module, spans) in &*lock(&self.0) {
            activity.extend(merged(spans).map(|(span, end)| ModuleActivity {
                module: (*module).to_owned(),
                loading: span.load,
                start_us: clock.at(span.start),
                duration_us: (end - span.start).as_micros() as u64,
            }));
        }
        activity
    }
}

/// Merges spans with short pauses between them. Returns the first span of each group, and the end of the last one.
fn merged(spans: &[ModuleSpan]) -> impl Iterator<Item = (ModuleSpan, Instant)> + use<> {
    let mut merged: Vec<(ModuleSpan, Instant)> = Vec::new();
    for span in spans {
        let end = span.start + span.duration;
        match merged.last_mut() {
            Some((first, last_end))
                if first.load == span.load
                    && span.start.saturating_duration_since(*last_end) < MERGED_PAUSE =>
            {
                *last_end = end;
            }
            _ => merged.push((*span, end)),
        }
    }
    merged.into_iter()
}

/// Source, start and node: the order of results, because those of several recordings arrive in any order.
type ResultKey = (String, u64, Option<String>);

/// The results of a run, as they come.
#[derive(Default)]
struct CollectedResults {
    first_caption: Option<Instant>,
    latencies_ms: Vec<f64>,
    results: Vec<(ResultKey, String)>,
}

/// Collects the results of a run.
struct ResultCollector(Arc<Mutex<CollectedResults>>);

impl Observer for ResultCollector {
    fn result(&mut self, record: &Record) -> io::Result<()> {
        let mut collected = lock(&self.0);
        if record.kind() == "caption" {
            collected.first_caption.get_or_insert_with(Instant::now);
        }
        let key = (
            record.source.clone(),
            record.start_ms,
            record.node().map(str::to_owned),
        );
        let line = serde_json::to_string(record)?;
        collected.results.push((key, line));
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

fn lock<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
