//! Frames evenly spaced over a whole file, however long it is.
//!
//! The number of frames is known only when all of them were decoded, so a file is played twice: to count its frames, then to
//! take the chosen ones. The first pass already keeps the first frames, so an image or a very short video is decoded once.
//! Invariant: never more than the wanted frames are held.

use std::{collections::BTreeSet, path::Path};

use atom_operators::{
    cancel::CancellationToken, counters::Counters, frame::Frame, ids::SourceId, intake::Record,
    media_time::MediaTime,
};
use crossbeam::channel::{Receiver, unbounded};

use super::{playback::play_recording, truncated_jpeg::is_truncated_jpeg};
use crate::{
    error::MediaError,
    frame_sender::{FrameSender, PlaybackSummary},
    gst::video_pipeline::init,
    playback_request::{FrameSelection, PlaybackRequest},
    source_location::Location,
};

/// Some frames of a file.
pub struct EvenlySpacedFrames {
    /// The frames in order.
    pub frames: Vec<Frame>,
    /// Problems with the file, though it could be played to its end.
    pub warnings: Vec<String>,
}

/// Returns `count` frames of a file in the given size: the k-th is the middle one of the k-th of `count` equal parts. A file
/// with fewer frames gives all of them.
///
/// # Errors
/// If the file cannot be played to its end (also because `stop` was cancelled), or one of the frames cannot be used.
pub fn evenly_spaced_frames(
    path: &Path,
    size: (u32, u32),
    count: u64,
    stop: &CancellationToken,
) -> Result<EvenlySpacedFrames, MediaError> {
    let pass = |numbers| Pass::play(path, size, numbers, stop);
    let first = pass((0..count).collect())?;
    let frames = first.summary.frames;
    if frames == 1 && is_truncated_jpeg(path) {
        return Err(incomplete(path, "the image file is truncated".into()));
    }
    if frames <= count {
        return first.into_frames(frames, path);
    }
    let second = pass(middle_frames(frames, count))?;
    if second.summary.frames != frames {
        let reason = format!(
            "it has {frames} frames when it is played the first time, and {} the second time",
            second.summary.frames
        );
        return Err(incomplete(path, reason));
    }
    second.into_frames(count, path)
}

/// Returns the number of the middle frame of each of `count` equal parts.
fn middle_frames(frames: u64, count: u64) -> BTreeSet<u64> {
    (0..count)
        .map(|k| (2 * k + 1) * frames / (2 * count))
        .collect()
}

/// The result of playing a file to its end once.
struct Pass {
    summary: PlaybackSummary,
    frames: Vec<Frame>,
    warnings: Vec<String>,
}

impl Pass {
    fn play(
        path: &Path,
        size: (u32, u32),
        numbers: BTreeSet<u64>,
        stop: &CancellationToken,
    ) -> Result<Self, MediaError> {
        init()?;
        let source = SourceId::new(0);
        // The channel has room for all wanted frames, so no second thread is needed.
        let (records_sender, records) = unbounded();
        let sender = FrameSender {
            stop: stop.clone(),
            ..FrameSender::for_recording(source, records_sender, Counters::default())
        };
        let request = PlaybackRequest {
            source,
            location: Location::File(path.to_owned()),
            size,
            selection: FrameSelection::Numbers(numbers),
            from: MediaTime::default(),
            live: None,
            growing: false,
        };
        let summary = play_recording(request, &sender)?;
        drop(sender);
        Self::collect(summary, records).check_complete(path)
    }

    fn collect(summary: PlaybackSummary, records: Receiver<Record>) -> Self {
        let (mut frames, mut warnings) = (Vec::new(), Vec::new());
        for record in records {
            match record {
                Record::Frame(frame) => frames.push(frame),
                Record::Lost(failure) => warnings.push(failure.fault.detail.to_string()),
                Record::Idle(_) | Record::End(_) => {}
            }
        }
        Self {
            summary,
            frames,
            warnings,
        }
    }

    fn check_complete(mut self, path: &Path) -> Result<Self, MediaError> {
        if self.summary.complete {
            return Ok(self);
        }
        let cause = self.warnings.pop();
        let cause = cause.unwrap_or_else(|| "playback stopped before the end".into());
        let reason = format!(
            "playback stops after {} frames: {cause}",
            self.summary.frames
        );
        Err(incomplete(path, reason))
    }

    /// Returns the wanted frames, if all of them could be used.
    fn into_frames(self, wanted: u64, path: &Path) -> Result<EvenlySpacedFrames, MediaError> {
        let (frames, mut warnings) = (self.frames, self.warnings);
        if frames.len() as u64 == wanted {
            return Ok(EvenlySpacedFrames { frames, warnings });
        }
        let cause = warnings.pop().unwrap_or_else(|| "unknown reason".into());
        let reason = format!(
            "only {} of {wanted} frames are usable: {cause}",
            frames.len()
        );
        Err(incomplete(path, reason))
    }
}

fn incomplete(path: &Path, reason: String) -> MediaError {
    MediaError::Incomplete {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_middle_frame_of_each_part() {
        let numbers = |frames| middle_frames(frames, 8).into_iter().collect::<Vec<_>>();
        assert_eq!(numbers(16), [1, 3, 5, 7, 9, 11, 13, 15]);
        assert_eq!(numbers(9), [0, 1, 2, 3, 5, 6, 7, 8]);
        assert_eq!(numbers(250), [15, 46, 78, 109, 140, 171, 203, 234]);
    }

    #[test]
    fn never_takes_a_frame_twice_or_beyond_the_end() {
        for frames in 8..2000 {
            let numbers = middle_frames(frames, 8);
            assert_eq!(numbers.len(), 8, "{frames}");
            assert!(numbers.iter().all(|number| *number < frames), "{frames}");
            for (k, number) in numbers.into_iter().enumerate() {
                let exact = (k as f64 + 0.5) * frames as f64 / 8.0;
                assert_eq!(number, exact.floor() as u64, "{k} of {frames}");
            }
        }
    }
}
