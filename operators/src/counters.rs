//! Counters of a run: frames by source, requests and tokens by decoder task.
//!
//! For each source, received = sampled + all drops, and each drop has a reason. Where a source feeds several samplers,
//! each of them counts the frames it was offered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use atom_models::GeneratedTexts;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;

use crate::{ids::SourceId, media_time::MediaTime};

/// The reason why a frame was not sent to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// Another frame of the same cell of the sampling grid was chosen.
    Rate,
    /// The frame looks like the last one chosen.
    Gated,
    /// A live source sent frames faster than they could be processed.
    Overload,
    /// The frame could not be decoded.
    Undecodable,
    /// The decoder made the frame up, because data that it depends on is missing.
    Concealed,
    /// The run ended before the frame was processed.
    Stopped,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Rate,
        Self::Gated,
        Self::Overload,
        Self::Undecodable,
        Self::Concealed,
        Self::Stopped,
    ];

    /// Returns the reason's name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Gated => "gated",
            Self::Overload => "overload",
            Self::Undecodable => "undecodable",
            Self::Concealed => "concealed",
            Self::Stopped => "stopped",
        }
    }
}

/// The counters of one source.
#[derive(Debug, Default)]
pub struct SourceCounters {
    received: AtomicU64,
    sampled: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    latest_nanos: AtomicU64,
}

impl SourceCounters {
    /// Counts frames that arrived.
    pub fn add_received(&self, frames: u64) {
        self.received.fetch_add(frames, Relaxed);
    }

    /// Counts a frame sent to the encoder.
    pub fn add_sampled(&self) {
        self.sampled.fetch_add(1, Relaxed);
    }

    /// Counts frames that were dropped.
    pub fn add_dropped(&self, reason: DropReason, frames: u64) {
        self.dropped[reason as usize].fetch_add(frames, Relaxed);
    }

    /// Returns the number of frames that arrived.
    pub fn frames_received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Returns the number of frames sent to the encoder.
    pub fn frames_sampled(&self) -> u64 {
        self.sampled.load(Relaxed)
    }

    /// Records that a frame of this media time arrived.
    pub fn advance_media_time(&self, at: MediaTime) {
        self.latest_nanos.fetch_max(at.nanos(), Relaxed);
    }

    /// Returns the media time of the latest frame that arrived.
    pub fn latest_media_time(&self) -> MediaTime {
        MediaTime::from_nanos(self.latest_nanos.load(Relaxed))
    }

    /// Returns the number of dropped frames for every reason, zeros included.
    pub fn all_dropped(&self) -> [(DropReason, u64); DropReason::ALL.len()] {
        DropReason::ALL.map(|reason| (reason, self.dropped[reason as usize].load(Relaxed)))
    }

    /// Returns the number of dropped frames by reason, without reasons that have none.
    pub fn frames_dropped(&self) -> BTreeMap<DropReason, u64> {
        self.all_dropped()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// A task of the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A caption of a segment.
    Caption,
    /// An answer about a segment.
    Reason,
    /// A summary of a window.
    Summary,
    /// An answer to a question of a user.
    Ask,
}

impl Task {
    /// Returns the task's name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caption => "caption",
            Self::Reason => "reason",
            Self::Summary => "summary",
            Self::Ask => "ask",
        }
    }
}

/// The requests and tokens of one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TaskCounters {
    /// Requests that the decoder worked on.
    pub requests: u64,
    /// Prompt tokens that were computed.
    pub prefilled: u64,
    /// Prompt tokens reused from an earlier request; those of preloaded prefixes are in neither count.
    pub reused: u64,
    /// New tokens.
    pub generated: u64,
}

/// All counters of one run; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    sources: Arc<RwLock<BTreeMap<SourceId, Arc<SourceCounters>>>>,
    tasks: Arc<Mutex<BTreeMap<Task, TaskCounters>>>,
    preloaded: Arc<AtomicU64>,
}

impl Counters {
    /// Counts tokens of shared prompt prefixes, which are computed before the first request.
    pub fn add_preloaded_tokens(&self, tokens: usize) {
        self.preloaded.fetch_add(tokens as u64, Relaxed);
    }

    /// Returns the number of tokens of shared prompt prefixes.
    pub fn preloaded_tokens(&self) -> u64 {
        self.preloaded.load(Relaxed)
    }

    /// Returns the counters of a source.
    pub fn source(&self, source: SourceId) -> Arc<SourceCounters> {
        let known = self.sources.read();
        if let Some(counters) = known.get(&source) {
            return Arc::clone(counters);
        }
        drop(known);
        let mut sources = self.sources.write();
        Arc::clone(sources.entry(source).or_default())
    }

    /// Removes the counters of a source that ended.
    pub fn remove_source(&self, source: SourceId) {
        self.sources.write().remove(&source);
    }

    /// Counts a request that the decoder works on, whatever its result.
    pub fn add_request(&self, task: Task) {
        self.tasks.lock().entry(task).or_default().requests += 1;
    }

    /// Counts the tokens of a finished request.
    pub fn add_tokens(&self, task: Task, generation: &GeneratedTexts) {
        let mut tasks = self.tasks.lock();
        let counters = tasks.entry(task).or_default();
        counters.prefilled += generation.prefilled as u64;
        counters.reused += generation.reused as u64;
        counters.generated += generation.generated as u64;
    }

    /// Returns the requests and tokens by task.
    pub fn tasks(&self) -> BTreeMap<Task, TaskCounters> {
        self.tasks.lock().clone()
    }
}
