//! Checks that a file holds a video that can be decoded, before anything expensive is started for it.
//!
//! The file is opened only as far as a decoder is found for it. Invariant: a file that passes may still turn out to be damaged
//! when it is played; one that is refused cannot be played.

use std::time::{Duration, Instant};

use super::stall_watch::StallWatch;
use crate::{
    error::MediaError,
    gst::{
        pipeline_error::PipelineError,
        video_pipeline::{BusEvent, PipelineOptions, VideoPipeline, init},
    },
    source_location::Location,
};
use gstreamer as gst;

/// The time after which a file is left to its playback.
const LIMIT: Duration = Duration::from_secs(10);
/// Time between two looks at the pipeline.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(5);
/// GStreamer sometimes loses the error that stops it; then the file is opened again.
const ATTEMPTS: usize = 3;

/// Checks that a file holds a video for which there is a decoder; other locations are not checked.
///
/// # Errors
/// If it holds none.
pub fn check_playable(location: &Location) -> Result<(), MediaError> {
    if !matches!(location, Location::File(_)) {
        return Ok(());
    }
    init()?;
    for _ in 0..ATTEMPTS {
        match find_decoder(location) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                return Err(MediaError::NoVideo {
                    location: location.redacted(),
                    reason: error.message,
                });
            }
        }
    }
    Ok(())
}

/// Returns true if a decoder was found, or if that takes too long; false if the pipeline stopped without a reason.
fn find_decoder(location: &Location) -> Result<bool, PipelineError> {
    let mut pipeline = VideoPipeline::open(location, PipelineOptions::default())?;
    let (start, mut watch) = (Instant::now(), StallWatch::new());
    while start.elapsed() < LIMIT {
        if pipeline.decodes() || pipeline.pull(LOOK).is_some() || pipeline.at_end() {
            return Ok(true);
        }
        if let Some(BusEvent::Failed(error)) = pipeline.poll() {
            return Err(error);
        }
        if watch.check(&pipeline).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
