//! Decides when a recording that gives no more frames is over.
//!
//! Invariant: as long as anything of the file is being read or decoded, nothing is given up within [`SLOW`]; once nothing can
//! come any more, it is given up within about [`DRAINED`].

use std::time::{Duration, Instant};

use crate::gst::video_pipeline::VideoPipeline;

/// The time in which decoders give the frames of the packets that they hold.
const DRAINED: Duration = Duration::from_secs(1);
/// The time in which one element takes over the reading from another, while nothing is decoded yet.
const TAKEN_OVER: Duration = Duration::from_millis(200);
/// A file that gives nothing for this long is abandoned, even if something is still at work.
const SLOW: Duration = Duration::from_secs(30);

/// The reason why nothing more is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    /// Nothing reads or decodes any more.
    Stuck,
    /// Something has been at work for too long.
    TooSlow,
}

/// Watches one playback.
pub(super) struct StallWatch {
    last_progress: Instant,
    steps: u64,
    closed: bool,
}

impl StallWatch {
    pub(super) fn new() -> Self {
        Self {
            last_progress: Instant::now(),
            steps: 0,
            closed: false,
        }
    }

    /// Notes a frame.
    pub(super) fn note_frame(&mut self) {
        self.last_progress = Instant::now();
    }

    /// Checks a playback that has no frame ready, and returns the reason if it is over.
    pub(super) fn check(&mut self, pipeline: &VideoPipeline) -> Option<Stall> {
        let steps = pipeline.reading.steps();
        if self.steps != steps {
            self.steps = steps;
            self.note_frame();
        }
        let idle = self.last_progress.elapsed();
        let patience = match pipeline.decodes() {
            true => DRAINED,
            false => TAKEN_OVER,
        };
        if idle < patience {
            return None;
        }
        if !self.closed && pipeline.reading.is_looping() {
            // What was read before still becomes frames.
            pipeline.close_file();
            self.closed = true;
            self.note_frame();
            return None;
        }
        match idle < SLOW {
            true => pipeline.reading_stopped().then_some(Stall::Stuck),
            false => Some(Stall::TooSlow),
        }
    }
}
