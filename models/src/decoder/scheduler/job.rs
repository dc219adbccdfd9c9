//! Jobs for the scheduler, their results, and the scheduler's settings.

use std::time::Instant;

use crate::{Fault, GeneratedTexts, Prompt};

/// The priority of a job; the first is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A person waits for it.
    Person,
    /// It concerns a camera's present.
    Live,
    /// It concerns a recording.
    Recording,
    /// It can wait.
    Summary,
}

/// A text to generate.
#[derive(Clone, Debug)]
pub struct Job {
    /// The decoder's input.
    pub prompt: Prompt,
    /// Maximum number of new tokens.
    pub max_tokens: usize,
    /// The job's priority.
    pub urgency: Urgency,
    /// The moment after which the result is useless.
    pub deadline: Option<Instant>,
}

/// The result of a job.
#[derive(Debug)]
pub struct FinishedJob {
    /// The number under which the job was submitted.
    pub id: u64,
    /// The generated texts, or the failure.
    pub result: Result<GeneratedTexts, Fault>,
}

/// The limits of a scheduler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SchedulerSettings {
    /// True if prompt prefixes are cached for later prompts.
    pub reuse: bool,
    /// Bytes for cached prefixes.
    pub prefix_bytes: usize,
    /// Bytes for texts that are decoded together.
    pub batch_bytes: usize,
    /// Texts that are decoded together; each beam is one.
    pub rows: usize,
}

impl Default for SchedulerSettings {
    /// Eight texts together give about 1.8 times the tokens a second of two (default pack, two cores). A caption of three
    /// beams is three texts.
    fn default() -> Self {
        Self {
            reuse: true,
            prefix_bytes: 64 << 20,
            batch_bytes: 128 << 20,
            rows: 12,
        }
    }
}
