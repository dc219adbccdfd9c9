//! Counts the frames that a source conceals, and reports once that it waits for a key frame.
//!
//! A camera on a bad line may wait again and again, so later waits are reported at most once a minute.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::{
    frame_filter::FrameFilter,
    frame_sender::FrameSender,
    gst::{concealment::ConcealmentStatus, picture_gate::MAX_WAIT_SECONDS},
};

/// The text for people.
pub(crate) const WAITING: &str = "waiting for a key frame";
/// The shortest time between two reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// The waits of one source, over all its connections.
#[derive(Default)]
pub(crate) struct KeyFrameWait {
    /// Number of waits of this pipeline that are known.
    waits: u64,
    /// Frames concealed since the last wait that was reported.
    frames: u64,
    /// True if that wait is not over.
    reported: bool,
    last_report: Option<Instant>,
    without_key: bool,
}

impl KeyFrameWait {
    /// Starts with another pipeline.
    pub(crate) fn start_pipeline(&mut self) {
        (self.waits, self.frames) = (0, 0);
        (self.reported, self.without_key) = (false, false);
    }

    /// Counts the frames concealed since the last call, and reports the beginning and the end of a wait.
    pub(crate) fn observe(
        &mut self,
        status: &ConcealmentStatus,
        filter: &FrameFilter,
        sender: &FrameSender,
    ) {
        let frames = status.take_concealed();
        if frames > 0 {
            filter.count_concealed(frames, sender);
        }
        self.frames += frames;
        let waits = status.waits();
        // What only delays a camera's first frame may also be a slow start of a recording.
        let live = sender.queued.is_some();
        if waits > std::mem::replace(&mut self.waits, waits) || live && status.waiting() {
            self.report_wait(sender);
        }
        self.report_end(status, sender);
    }

    fn report_wait(&mut self, sender: &FrameSender) {
        let recent = |last: Instant| last.elapsed() < REPORT_INTERVAL;
        if self.reported || self.last_report.is_some_and(recent) {
            return;
        }
        self.last_report = Some(Instant::now());
        self.reported = true;
        // A camera soon sends another key frame; what a recording lacks never comes.
        match sender.queued {
            Some(_) => info!(source = %sender.name, "{WAITING}"),
            None => {
                warn!(source = %sender.name, "{WAITING}: the frames before it depend on missing data")
            }
        }
    }

    fn report_end(&mut self, status: &ConcealmentStatus, sender: &FrameSender) {
        let without_key = status.without_key();
        if without_key && !std::mem::replace(&mut self.without_key, without_key) {
            warn!(source = %sender.name, seconds = MAX_WAIT_SECONDS, "no key frame arrived; decoding starts without one, so the first frames may be damaged");
            self.reported = false;
        }
        self.without_key = without_key;
        if self.reported && !status.waiting() {
            let frames = std::mem::take(&mut self.frames);
            info!(source = %sender.name, frames, "key frame received");
            self.reported = false;
        }
    }
}
