//! Counts of what went through the graph: by source, and by the decoder's tasks.
//!
//! For each source: received = sampled + all drops, each drop with a reason. Where a source feeds several samplers,
//! every one of them counts the frames it was offered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use atom_models::Generation;
use serde::Serialize;

use crate::data::{MediaTime, SourceId};

/// Why a frame was not handed to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// Another frame of its place on the sampling grid was chosen.
    Rate,
    /// It looks like the last frame chosen.
    Gated,
    /// A live source brought frames faster than they could be worked on.
    Overload,
    /// It could not be decoded.
    Undecodable,
    /// The run ended before its turn.
    Stopped,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 5] = [
        Self::Rate,
        Self::Gated,
        Self::Overload,
        Self::Undecodable,
        Self::Stopped,
    ];

    /// The word for it in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Gated => "gated",
            Self::Overload => "overload",
            Self::Undecodable => "undecodable",
            Self::Stopped => "stopped",
        }
    }
}

/// The counts of one source.
#[derive(Debug, Default)]
pub struct SourceTally {
    received: AtomicU64,
    sampled: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    reached: AtomicU64,
}

impl SourceTally {
    /// Counts frames that arrived.
    pub fn received(&self, frames: u64) {
        self.received.fetch_add(frames, Relaxed);
    }

    /// Counts a frame handed to the encoder.
    pub fn sampled(&self) {
        self.sampled.fetch_add(1, Relaxed);
    }

    /// Counts frames that were let go.
    pub fn dropped(&self, reason: DropReason, frames: u64) {
        self.dropped[reason as usize].fetch_add(frames, Relaxed);
    }

    /// Frames that arrived so far.
    pub fn frames_received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Frames handed to the encoder so far.
    pub fn frames_sampled(&self) -> u64 {
        self.sampled.load(Relaxed)
    }

    /// A frame of this media time arrived.
    pub fn reach(&self, at: MediaTime) {
        self.reached.fetch_max(at.nanos(), Relaxed);
    }

    /// The media time of the last frame that arrived.
    pub fn reached(&self) -> MediaTime {
        MediaTime::from_nanos(self.reached.load(Relaxed))
    }

    /// Frames let go so far, by every reason there is.
    pub fn all_dropped(&self) -> [(DropReason, u64); DropReason::ALL.len()] {
        DropReason::ALL.map(|reason| (reason, self.dropped[reason as usize].load(Relaxed)))
    }

    /// Frames let go so far, by reason; reasons without frames are left out.
    pub fn frames_dropped(&self) -> BTreeMap<DropReason, u64> {
        self.all_dropped()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// What the decoder is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A caption.
    Caption,
    /// An answer about a segment.
    Reason,
    /// A summary of a stretch.
    Summary,
    /// An answer to a person.
    Ask,
}

impl Task {
    /// The word for it in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caption => "caption",
            Self::Reason => "reason",
            Self::Summary => "summary",
            Self::Ask => "ask",
        }
    }
}

/// Requests and tokens of one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TaskTally {
    /// Requests that the decoder worked on.
    pub requests: u64,
    /// Prompt tokens that were computed.
    pub prefilled: u64,
    /// Prompt tokens taken from an earlier request; those of beginnings run at load are in neither.
    pub reused: u64,
    /// New tokens.
    pub generated: u64,
}

/// All counts of one run; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    sources: Arc<RwLock<BTreeMap<SourceId, Arc<SourceTally>>>>,
    tasks: Arc<Mutex<BTreeMap<Task, TaskTally>>>,
    loaded: Arc<AtomicU64>,
}

impl Tally {
    /// Counts tokens that were run for all prompts, before the first.
    pub fn loaded(&self, tokens: usize) {
        self.loaded.fetch_add(tokens as u64, Relaxed);
    }

    /// Tokens that were run for all prompts, before the first.
    pub fn tokens_loaded(&self) -> u64 {
        self.loaded.load(Relaxed)
    }

    /// The counts of a source.
    pub fn source(&self, source: SourceId) -> Arc<SourceTally> {
        let known = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = known.get(&source) {
            return Arc::clone(tally);
        }
        drop(known);
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sources.entry(source).or_default())
    }

    /// Lets go of the counts of a source that is over.
    pub fn forget(&self, source: SourceId) {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        sources.remove(&source);
    }

    /// Counts a request that the decoder works on, whatever comes of it.
    pub fn asked(&self, task: Task) {
        self.lock().entry(task).or_default().requests += 1;
    }

    /// Counts the tokens of a request.
    pub fn decoded(&self, task: Task, generation: &Generation) {
        let mut tasks = self.lock();
        let tally = tasks.entry(task).or_default();
        tally.prefilled += generation.prefilled as u64;
        tally.reused += generation.reused as u64;
        tally.generated += generation.generated as u64;
    }

    /// Requests and tokens by task.
    pub fn tasks(&self) -> BTreeMap<Task, TaskTally> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Task, TaskTally>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
