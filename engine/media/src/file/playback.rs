//! Plays a recording, a file or a test pattern, from its beginning to its end.
//!
//! Only video is decoded, and frames are turned upright. Media time is GStreamer's stream time: the position in the video,
//! whatever the container's own timestamps are. When the graph is full, playback waits. Packets before the first wanted frame,
//! and between wanted frames that are far apart, are read but not decoded. Invariant: the wanted frames and their times are the
//! same as if everything were decoded.

use std::sync::atomic::Ordering::Relaxed;

use atom_operators::media_time::MediaTime;
use gstreamer as gst;

use super::{
    frame_processor::{FrameProcessor, PlaybackStop},
    stall_watch::{Stall, StallWatch},
    video_track_length::video_track_length,
};
use crate::{
    error::MediaError,
    frame_sender::{FrameSender, PlaybackSummary},
    gst::video_pipeline::{BusEvent, PipelineOptions, VideoPipeline},
    playback_request::PlaybackRequest,
    source_location::Location,
};

/// Time that a pull waits before errors and cancellation are checked.
const PULL_TIMEOUT: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// The reason why a video without a key frame gives no frame.
const NO_KEY_FRAME: &str = "it has no key frame, so every frame depends on missing data (it may be cut from a longer video)";
/// GStreamer sometimes loses the error that stops it before the first frame; then the file is opened again.
const ATTEMPTS: usize = 3;
/// A video whose container gives a length more than this beyond its last frame was cut short.
const LENGTH_TOLERANCE_MS: u64 = 1000;
/// The reason of a playback that stopped without one.
const STUCK: &str = "it is damaged: nothing after this position can be read";
/// The reason of a playback that was abandoned.
const TOO_SLOW: &str = "no frame for 30 s";

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
        Err(PlaybackStop::Stuck) => Some(STUCK.into()),
        Err(PlaybackStop::WronglyDecoded) => {
            Some("its frames depend on frames that are missing".into())
        }
        // A run that resumes at the very end finds nothing left.
        Ok(()) if processor.frames == 0 && (resumed || growing) => None,
        Ok(()) if processor.all_concealed() => Some(NO_KEY_FRAME.into()),
        Ok(()) if processor.frames == 0 => Some("it contains no frames".into()),
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
    match play_attempts(processor, sender) {
        Err(PlaybackStop::WronglyDecoded) => {
            processor.restart_without_skipping();
            play_attempts(processor, sender)
        }
        outcome => outcome,
    }
}

/// Plays; again if it stopped before the first frame without a reason.
fn play_attempts(processor: &mut FrameProcessor, sender: &FrameSender) -> Result<(), PlaybackStop> {
    for _ in 1..ATTEMPTS {
        match play_once(processor, sender) {
            Err(PlaybackStop::Stuck) if processor.frames == 0 => {}
            outcome => return outcome,
        }
    }
    play_once(processor, sender)
}

fn play_once(processor: &mut FrameProcessor, sender: &FrameSender) -> Result<(), PlaybackStop> {
    let options = PipelineOptions {
        growing: processor.growing,
        ..PipelineOptions::default()
    };
    let opened = VideoPipeline::open(&processor.location, options);
    let pipeline = opened.map_err(|error| PlaybackStop::Failed(error.message))?;
    processor.attach(&pipeline);
    let track_length = match &processor.location {
        Location::File(path) => video_track_length(path),
        _ => None,
    };
    let mut player = Player {
        pipeline,
        track_length,
        watch: StallWatch::new(),
    };
    let outcome = player.run(processor, sender);
    processor.observe_concealment(sender);
    processor.count_undecoded(sender);
    outcome
}

/// Moves frames from a pipeline into the frame processor.
struct Player {
    pipeline: VideoPipeline,
    /// The length of the video track, if the file gives it.
    track_length: Option<MediaTime>,
    watch: StallWatch,
}

impl Player {
    fn run(
        &mut self,
        processor: &mut FrameProcessor,
        sender: &FrameSender,
    ) -> Result<(), PlaybackStop> {
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
                    self.watch.note_frame();
                }
                None if self.pipeline.at_end() => return self.finish(processor, sender),
                None => {}
            }
            match self.pipeline.poll() {
                Some(BusEvent::DamagedFrame(why)) => processor.report_fault(&why, sender)?,
                Some(BusEvent::Failed(error)) => {
                    return self.fail(PlaybackStop::Failed(error.message), processor, sender);
                }
                None => {}
            }
            processor.observe_concealment(sender);
            let stop = match self.watch.check(&self.pipeline) {
                Some(Stall::Stuck) => PlaybackStop::Stuck,
                Some(Stall::TooSlow) => PlaybackStop::Failed(TOO_SLOW.into()),
                None => continue,
            };
            return self.fail(stop, processor, sender);
        }
    }

    fn report_length(&self, sender: &FrameSender) {
        if let Some(length) = self.track_length.or_else(|| self.container_length()) {
            sender.length_ms.store(length.millis(), Relaxed);
        }
    }

    /// Returns the length of the longest track.
    fn container_length(&self) -> Option<MediaTime> {
        let length = self.pipeline.length()?;
        Some(MediaTime::from_nanos(length.nseconds()))
    }

    /// Returns the length of the video if its end is missing. Where the container tells only the length of its longest track, any
    /// track may last that long.
    fn length_if_truncated(&self, processor: &FrameProcessor) -> Option<MediaTime> {
        // The length of an MPEG stream is read from its last packets, so a cut one is shorter.
        let mpeg = self.pipeline.mpeg_clock.load(Relaxed);
        if mpeg || self.pipeline.reading.ended_by_mark() {
            return None;
        }
        let packets = processor.since_origin(self.pipeline.reading.packets_end());
        let (length, played) = match self.track_length {
            Some(length) => (length, processor.end),
            None => (self.container_length()?, processor.end.max(packets)),
        };
        (length.millis() > played.millis() + LENGTH_TOLERANCE_MS).then_some(length)
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
        let missing = self.length_if_truncated(processor);
        if let Some(length) = missing.filter(|_| processor.frames > 0 && !processor.growing) {
            let why = format!(
                "the video is truncated: its frames end at {}, but its header gives a length of {length}",
                processor.end
            );
            sender.report_fault(processor.at, &why)?;
        }
        Ok(())
    }

    /// Ends playback early, after the frames that were decoded before.
    fn fail(
        &self,
        stop: PlaybackStop,
        processor: &mut FrameProcessor,
        sender: &FrameSender,
    ) -> Result<(), PlaybackStop> {
        // Decoded frames wait in the sink.
        while let Some(sample) = self.pipeline.pull(gst::ClockTime::ZERO) {
            processor.take(sample, sender)?;
        }
        match &stop {
            _ if processor.frames == 0 => {}
            PlaybackStop::Failed(reason) => processor.report_fault(reason, sender)?,
            PlaybackStop::Stuck => processor.report_fault(STUCK, sender)?,
            PlaybackStop::Cancelled | PlaybackStop::WronglyDecoded => {}
        }
        Err(stop)
    }
}
