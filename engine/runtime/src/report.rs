//! What a run came to, in numbers: the report that `--report` writes.

use std::collections::BTreeMap;

use atom_models::{MeterReading, Meters};
use atom_operators::tally::{DropReason, Tally, Task};
use serde::{Deserialize, Serialize};

use crate::{
    vitals::{SourceVitals, Vitals},
    writer::Passed,
};
use atom_media::live::connection_status::Gap;
use atom_operators::utc::utc;

/// The report of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// From the start of the sources to the last result.
    pub wall_seconds: f64,
    /// Most memory that the process ever held.
    pub peak_rss_bytes: u64,
    /// Captions given out.
    pub captions: u64,
    /// Answers given out.
    pub answers: u64,
    /// By source.
    pub sources: BTreeMap<String, SourceReport>,
    /// By module that was loaded.
    pub modules: BTreeMap<&'static str, MeterReading>,
    /// The decoder's work.
    pub decoder: DecoderReport,
    /// How often each stage failed, by reason.
    pub failures: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
}

/// What became of one source's frames.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SourceReport {
    /// Frames that arrived, once for each sampler that was offered them.
    pub frames_received: u64,
    /// Frames handed to the encoder.
    pub frames_sampled: u64,
    /// Frames let go, by reason.
    pub frames_dropped: BTreeMap<DropReason, u64>,
    /// Segments that closed.
    pub segments: u64,
    /// Everything before this is out; 0 of a folder that is followed, whose recordings each have their own.
    pub complete_through_ms: u64,
    /// Of a live source, how it stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveReport>,
}

impl SourceReport {
    /// What became of a source so far.
    pub(crate) fn of(vitals: &Vitals, source: &SourceVitals, passed: Passed) -> Self {
        let tally = vitals.tally.source(source.id);
        Self {
            frames_received: tally.frames_received(),
            frames_sampled: tally.frames_sampled(),
            frames_dropped: tally.frames_dropped(),
            segments: passed.segments,
            complete_through_ms: passed.complete_through.millis(),
            live: source.live.then(|| LiveReport::of(source)),
        }
    }

    /// Adds what became of another recording of a folder that is followed: there is no end to them.
    pub(crate) fn add(&mut self, other: &Self) {
        self.frames_received += other.frames_received;
        self.frames_sampled += other.frames_sampled;
        self.segments += other.segments;
        for (reason, frames) in &other.frames_dropped {
            *self.frames_dropped.entry(*reason).or_default() += frames;
        }
    }
}

/// How a live source stood.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LiveReport {
    /// When its media time was 0; none if it never showed anything.
    pub start_utc: Option<String>,
    /// Connections that brought a picture.
    pub connects: u64,
    /// Gaps that are over.
    pub gap_count: u64,
    /// How long they were together.
    pub gap_seconds: f64,
    /// The last hundred of them.
    pub gaps: Vec<Gap>,
}

impl LiveReport {
    /// How a source stands now.
    pub fn of(vitals: &SourceVitals) -> Self {
        let reading = vitals.connection.status();
        Self {
            start_utc: vitals.start().map(utc),
            connects: reading.connects,
            gap_count: reading.gap_count,
            gap_seconds: reading.gap_seconds,
            gaps: reading.gaps.into(),
        }
    }
}

/// Requests and tokens of the decoder.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DecoderReport {
    /// Requests by task.
    pub requests: BTreeMap<Task, u64>,
    /// Tokens by task; under `load` those of beginnings that all prompts of a task share, run once.
    pub tokens: BTreeMap<&'static str, Tokens>,
}

/// Tokens of one task. Prefilled and reused together are all tokens of its prompts, but for what was run at load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Prompt tokens that were computed.
    pub prefilled: u64,
    /// Prompt tokens taken from an earlier request.
    pub reused: u64,
    /// New tokens.
    pub generated: u64,
}

impl DecoderReport {
    /// The counts of a run so far.
    pub fn of(tally: &Tally) -> Self {
        let tasks = tally.tasks();
        let tokens = |t: &atom_operators::tally::TaskTally| Tokens {
            prefilled: t.prefilled,
            reused: t.reused,
            generated: t.generated,
        };
        let mut by_task: BTreeMap<_, _> = tasks
            .iter()
            .map(|(task, tally)| (task.name(), tokens(tally)))
            .collect();
        if tally.tokens_loaded() > 0 {
            let loaded = Tokens {
                prefilled: tally.tokens_loaded(),
                ..Tokens::default()
            };
            by_task.insert("load", loaded);
        }
        Self {
            requests: tasks
                .iter()
                .map(|(task, tally)| (*task, tally.requests))
                .collect(),
            tokens: by_task,
        }
    }
}

/// Readings of the modules that were loaded.
pub fn modules(meters: &Meters) -> BTreeMap<&'static str, MeterReading> {
    meters.readings().into_iter().collect()
}

/// Most memory that this process ever held, in bytes; 0 where the system does not say.
pub fn peak_rss_bytes() -> u64 {
    status_bytes("VmHWM:")
}

/// Memory that this process holds now, in bytes; 0 where the system does not say.
pub fn rss_bytes() -> u64 {
    status_bytes("VmRSS:")
}

fn status_bytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

/// Processor time that this process took so far, in seconds; 0 where the system does not say.
pub fn cpu_seconds() -> f64 {
    /// Linux counts in hundredths of a second for programs, whatever the kernel's own clock.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold anything.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    let ticks = fields.filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS
}
