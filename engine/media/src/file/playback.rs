//! Plays a recording, a file or a test pattern, from its beginning to its end.
//!
//! Only video is decoded, and frames are turned upright. Media time is GStreamer's stream time: the position in the video,
//! whatever the container's own timestamps are. When the graph is full, playback waits. Packets before the first wanted frame,
//! and between wanted frames that are far apart, are read but not decoded. Invariant: the wanted frames and their times are the
//! same as if everything were decoded.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use atom_operators::media_time::MediaTime;
use gstreamer as gst;

use super::frame_processor::{FrameProcessor, PlaybackStop};
use crate::{
    error::MediaError,
    frame_sender::{FrameSender, PlaybackSummary},
    gst::video_pipeline::{BusEvent, PipelineOptions, VideoPipeline},
    playback_request::PlaybackRequest,
};

/// Time that a pull waits before errors and cancellation are checked.
const PULL_TIMEOUT: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// A file that gives no frame for this long is abandoned: local files answer at once.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The reason why a video without a key frame gives no frame.
const NO_KEY_FRAME: &str = "it has no key frame, so each of its frames depends on data that is missing (it may be cut out of a longer video)";
/// A video whose container gives a length more than this beyond its last frame was cut short.
const LENGTH_TOLERANCE_MS: u64 = 1000;

/// Plays the source to its end. A growing recording is played as far as it is whole, which may be nowhere.
///
/// # Errors
/// If not one frame could be used.
pub fn play_recording(
    request: PlaybackRequest,
    sender: &FrameSender,
) -> Result<PlaybackSummary, MediaError> {
    let shown = request.location.redacted();
    let (resumed, growing) = (request.from > MediaTime::default(), request.growing);
    let mut processor = FrameProcessor::new(request);
    let outcome = play_to_end(&mut processor, sender);
    let complete = matches!(outcome, Ok(())) && processor.frames > 0 && !growing;
    let failure = match outcome {
        Err(PlaybackStop::Cancelled) => None,
        Err(_) if growing => None,
        Err(PlaybackStop::Failed(_)) if processor.all_concealed() => Some(NO_KEY_FRAME.into()),
        Err(PlaybackStop::Failed(reason)) => Some(reason),
        Err(PlaybackStop::WronglyDecoded) => {
            Some("its frames need others that are not there".into())
        }
        // A run that resumes at the very end finds nothing left.
        Ok(()) if processor.frames == 0 && (resumed || growing) => None,
        Ok(()) if processor.all_concealed() => Some(NO_KEY_FRAME.into()),
        Ok(()) if processor.frames == 0 => Some("it holds no frames".into()),
        Ok(()) => processor.unusable.take(),
    };
    match failure {
        Some(reason) if processor.delivered == 0 => Err(MediaError::NoVideo {
            location: shown,
            reason: processor.location.unreachable().unwrap_or(reason),
        }),
        failure => Ok(PlaybackSummary {
            end: processor.end,
            complete,
            frames: processor.frames,
            failure: failure.filter(|_| !complete),
        }),
    }
}

/// Plays the source; once more, and decoding everything, if it cannot be decoded otherwise.
fn play_to_end(processor: &mut FrameProcessor, sender: &FrameSender) -> Result<(), PlaybackStop> {
    match play_once(processor, sender) {
        Err(PlaybackStop::WronglyDecoded) => {
            processor.restart_without_skipping();
            play_once(processor, sender)
        }
        outcome => outcome,
    }
}

fn play_once(processor: &mut FrameProcessor, sender: &FrameSender) -> Result<(), PlaybackStop> {
    let options = PipelineOptions {
        growing: processor.growing,
        ..PipelineOptions::default()
    };
    let opened = VideoPipeline::open(&processor.location, options);
    let pipeline = opened.map_err(|error| PlaybackStop::Failed(error.message))?;
    processor.attach(&pipeline);
    let outcome = Player { pipeline }.run(processor, sender);
    processor.observe_concealment(sender);
    processor.count_undecoded(sender);
    outcome
}

/// Moves frames from a pipeline into the frame processor.
struct Player {
    pipeline: VideoPipeline,
}

impl Player {
    fn run(
        &mut self,
        processor: &mut FrameProcessor,
        sender: &FrameSender,
    ) -> Result<(), PlaybackStop> {
        let mut last_frame = Instant::now();
        loop {
            if sender.cancelled() {
                return Err(PlaybackStop::Cancelled);
            }
            match self.pipeline.pull(PULL_TIMEOUT) {
                Some(sample) => {
                    if processor.frames == 0 {
                        self.report_length(sender);
                    }
                    processor.take(sample, sender)?;
                    last_frame = Instant::now();
                }
                None if self.pipeline.at_end() => return self.finish(processor, sender),
                None if last_frame.elapsed() > STALL_TIMEOUT => {
                    return self.fail("it gave no frame for 30 s".into(), processor, sender);
                }
                None => {}
            }
            match self.pipeline.poll() {
                Some(BusEvent::DamagedFrame(why)) => processor.report_fault(&why, sender)?,
                Some(BusEvent::Failed(error)) => {
                    return self.fail(error.message, processor, sender);
                }
                None => {}
            }
            processor.observe_concealment(sender);
        }
    }

    fn report_length(&self, sender: &FrameSender) {
        if let Some(length) = self.pipeline.length() {
            sender.length_ms.store(length.mseconds(), Relaxed);
        }
    }

    /// Ends playback at the end of the stream, with a warning if the file was cut short.
    fn finish(
        &mut self,
        processor: &mut FrameProcessor,
        sender: &FrameSender,
    ) -> Result<(), PlaybackStop> {
        processor.take_final_frames(sender)?;
        if let Some(error) = self.pipeline.take_error().filter(|_| processor.frames == 0) {
            return Err(PlaybackStop::Failed(error.message));
        }
        let length = self.pipeline.length().map_or(0, gst::ClockTime::mseconds);
        let truncated = length > processor.end.millis() + LENGTH_TOLERANCE_MS;
        if processor.frames > 0 && truncated && !processor.growing {
            let why = format!(
                "the video says it lasts {}, its frames end at {}: it was cut short",
                MediaTime::from_millis(length),
                processor.end
            );
            sender.report_fault(processor.at, &why)?;
        }
        Ok(())
    }

    /// Ends playback with an error, after the frames that were decoded before it.
    fn fail(
        &self,
        reason: String,
        processor: &mut FrameProcessor,
        sender: &FrameSender,
    ) -> Result<(), PlaybackStop> {
        // Decoded frames wait in the sink.
        while let Some(sample) = self.pipeline.pull(gst::ClockTime::ZERO) {
            processor.take(sample, sender)?;
        }
        if processor.frames > 0 {
            processor.report_fault(&reason, sender)?;
        }
        Err(PlaybackStop::Failed(reason))
    }
}
