//! The report of a run: its counts and times, as `--report` writes them.
//!
//! The names of the fields are the keys of the JSON file.

use std::collections::BTreeMap;

use atom_media::live::connection_status::Gap;
use atom_models::{MeterReading, Meters};
use atom_operators::{
    counters::{Counters, DropReason, Task, TaskCounters},
    utc::utc,
};
use serde::{Deserialize, Serialize};

use crate::run_status::{RunStatus, SealProgress, SourceStatus};

/// The report of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Time from the start of the sources to the last result.
    pub wall_seconds: f64,
    /// Peak memory of the process.
    pub peak_rss_bytes: u64,
    /// Captions sent out.
    pub captions: u64,
    /// Answers sent out.
    pub answers: u64,
    /// Counts by source.
    pub sources: BTreeMap<String, SourceReport>,
    /// Run times of the modules that were loaded.
    pub modules: BTreeMap<&'static str, MeterReading>,
    /// The decoder's work.
    pub decoder: DecoderReport,
    /// Failures by stage and reason.
    pub failures: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
}

/// The counts of one source.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SourceReport {
    /// Frames received, counted once for each sampler that reads the source.
    pub frames_received: u64,
    /// Frames sent to the encoder.
    pub frames_sampled: u64,
    /// Frames dropped, by reason.
    pub frames_dropped: BTreeMap<DropReason, u64>,
    /// Segments that closed.
    pub segments: u64,
    /// Everything before this is out; 0 for a watched folder, whose recordings each have their own.
    pub complete_through_ms: u64,
    /// The connection of a live source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveReport>,
}

impl SourceReport {
    /// Returns the counts of a source so far.
    pub(crate) fn new(status: &RunStatus, source: &SourceStatus, progress: SealProgress) -> Self {
        let counters = status.counters.source(source.id);
        Self {
            frames_received: counters.frames_received(),
            frames_sampled: counters.frames_sampled(),
            frames_dropped: counters.frames_dropped(),
            segments: progress.segments,
            complete_through_ms: progress.complete_through.millis(),
            live: source.live.then(|| LiveReport::new(source)),
        }
    }

    /// Adds the counts of another recording of a watched folder.
    pub(crate) fn add(&mut self, other: &Self) {
        self.frames_received += other.frames_received;
        self.frames_sampled += other.frames_sampled;
        self.segments += other.segments;
        for (reason, frames) in &other.frames_dropped {
            *self.frames_dropped.entry(*reason).or_default() += frames;
        }
    }
}

/// The connection of a live source.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LiveReport {
    /// Wall time of media time 0; `None` if no frame ever came.
    pub start_utc: Option<String>,
    /// Connections that brought a frame.
    pub connects: u64,
    /// Gaps that have ended.
    pub gap_count: u64,
    /// Total length of the gaps.
    pub gap_seconds: f64,
    /// The last hundred gaps.
    pub gaps: Vec<Gap>,
}

impl LiveReport {
    fn new(source: &SourceStatus) -> Self {
        let connection = source.connection.status();
        Self {
            start_utc: source.start_time().map(utc),
            connects: connection.connects,
            gap_count: connection.gap_count,
            gap_seconds: connection.gap_seconds,
            gaps: connection.gaps.into(),
        }
    }
}

/// Requests and tokens of the decoder.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DecoderReport {
    /// Requests by task.
    pub requests: BTreeMap<Task, u64>,
    /// Tokens by task; under `load` those of the prompt beginnings shared by all prompts of a task, computed once.
    pub tokens: BTreeMap<&'static str, Tokens>,
}

/// Tokens of one task. Prefilled and reused tokens add up to all tokens of its prompts, except those computed at load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Prompt tokens computed.
    pub prefilled: u64,
    /// Prompt tokens taken from an earlier request.
    pub reused: u64,
    /// Tokens generated.
    pub generated: u64,
}

impl DecoderReport {
    /// Returns the counts of a run so far.
    pub(crate) fn new(counters: &Counters) -> Self {
        let tasks = counters.tasks();
        let tokens = |t: &TaskCounters| Tokens {
            prefilled: t.prefilled,
            reused: t.reused,
            generated: t.generated,
        };
        let mut by_task: BTreeMap<_, _> = tasks
            .iter()
            .map(|(task, counts)| (task.name(), tokens(counts)))
            .collect();
        if counters.preloaded_tokens() > 0 {
            let loaded = Tokens {
                prefilled: counters.preloaded_tokens(),
                ..Tokens::default()
            };
            by_task.insert("load", loaded);
        }
        Self {
            requests: tasks
                .iter()
                .map(|(task, counts)| (*task, counts.requests))
                .collect(),
            tokens: by_task,
        }
    }
}

/// Returns the run times of the modules that were loaded.
pub(crate) fn module_readings(meters: &Meters) -> BTreeMap<&'static str, MeterReading> {
    meters.readings().into_iter().collect()
}
