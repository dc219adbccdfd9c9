//! Frames evenly spread over a whole file, however long it is.
//!
//! How many frames a file has is known only when all of them were decoded, so it is played twice: to count them, then to
//! take the chosen ones. The first playing keeps the first frames already: a picture, or a video of so few frames, is
//! decoded once. Never are more than the wanted frames held.

use atom_operators::cancel::CancellationToken;
use std::{collections::BTreeSet, path::Path};

use atom_models::Image;
use atom_operators::{
    data::{MediaTime, SourceId},
    intake::Record,
    tally::Tally,
};
use crossbeam::channel::unbounded;

use super::{playback::play_recording, truncated_jpeg};
use crate::{
    error::MediaError,
    frame_sender::{FrameSender, PlaybackSummary},
    gst::pipeline::init,
    location::Location,
    request::{FrameSelection, PlaybackRequest},
};

/// What a file shows, in a few frames.
pub struct EvenlySpacedFrames {
    /// The frames in order.
    pub images: Vec<Image>,
    /// What was wrong with the file, though it could be played to its end.
    pub warnings: Vec<String>,
}

/// `count` frames of a file, in the size given: the k-th is the middle one of the k-th of `count` equal parts. All frames
/// of a file that has no more.
///
/// # Errors
/// If the file cannot be played to its end (also because `stop` was set), or one of the frames cannot be used.
pub fn evenly_spaced_frames(
    path: &Path,
    size: (u32, u32),
    count: u64,
    stop: &CancellationToken,
) -> Result<EvenlySpacedFrames, MediaError> {
    let play = |numbers| Playing::of(path, size, numbers, stop);
    let first = play((0..count).collect())?;
    let frames = first.ended.frames;
    if frames == 1 && truncated_jpeg::cut_short(path) {
        return Err(unreadable(path, "the picture is cut short".into()));
    }
    if frames <= count {
        return first.whole(frames, path);
    }
    let second = play(evenly(frames, count))?;
    if second.ended.frames != frames {
        let reason = format!(
            "it gave {frames} frames when it was played first and {} then",
            second.ended.frames
        );
        return Err(unreadable(path, reason));
    }
    second.whole(count, path)
}

/// The number of the middle frame of each of `count` equal parts.
fn evenly(frames: u64, count: u64) -> BTreeSet<u64> {
    (0..count)
        .map(|k| (2 * k + 1) * frames / (2 * count))
        .collect()
}

/// A file that was played to its end.
struct Playing {
    ended: PlaybackSummary,
    images: Vec<Image>,
    warnings: Vec<String>,
}

impl Playing {
    fn of(
        path: &Path,
        size: (u32, u32),
        numbers: BTreeSet<u64>,
        stop: &CancellationToken,
    ) -> Result<Self, MediaError> {
        init()?;
        let source = SourceId::of(0);
        // There is room for all that is wanted, so nothing waits and no thread is needed.
        let (sender, records) = unbounded();
        let outlet = FrameSender {
            stop: stop.clone(),
            ..FrameSender::for_recording(source, sender, Tally::default())
        };
        let wanted = PlaybackRequest {
            source,
            location: Location::File(path.to_owned()),
            size,
            selection: FrameSelection::Numbers(numbers),
            from: MediaTime::default(),
            live: None,
            growing: false,
        };
        let ended = play_recording(wanted, &outlet)?;
        drop(outlet);
        let (mut images, mut warnings) = (Vec::new(), Vec::new());
        for record in records {
            match record {
                Record::Frame(frame) => images.push(frame.image),
                Record::Lost(failure) => warnings.push(failure.fault.detail.to_string()),
                Record::Quiet(_) | Record::End(_) => {}
            }
        }
        if !ended.complete {
            let why = warnings
                .pop()
                .unwrap_or_else(|| "it was not played to its end".into());
            let reason = format!("it breaks off after {} frames: {why}", ended.frames);
            return Err(unreadable(path, reason));
        }
        Ok(Self {
            ended,
            images,
            warnings,
        })
    }

    /// What was wanted, if all of it is there.
    fn whole(self, wanted: u64, path: &Path) -> Result<EvenlySpacedFrames, MediaError> {
        let (images, mut warnings) = (self.images, self.warnings);
        if images.len() as u64 == wanted {
            return Ok(EvenlySpacedFrames { images, warnings });
        }
        let why = warnings
            .pop()
            .unwrap_or_else(|| "no reason is known".into());
        let reason = format!("{} of {wanted} frames could be used: {why}", images.len());
        Err(unreadable(path, reason))
    }
}

fn unreadable(path: &Path, reason: String) -> MediaError {
    MediaError::Unreadable {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_middle_frame_of_each_part() {
        let numbers = |frames| evenly(frames, 8).into_iter().collect::<Vec<_>>();
        assert_eq!(numbers(16), [1, 3, 5, 7, 9, 11, 13, 15]);
        assert_eq!(numbers(9), [0, 1, 2, 3, 5, 6, 7, 8]);
        assert_eq!(numbers(250), [15, 46, 78, 109, 140, 171, 203, 234]);
    }

    #[test]
    fn never_takes_a_frame_twice_or_beyond_the_end() {
        for frames in 8..2000 {
            let numbers = evenly(frames, 8);
            assert_eq!(numbers.len(), 8, "{frames}");
            assert!(numbers.iter().all(|number| *number < frames), "{frames}");
            for (k, number) in numbers.into_iter().enumerate() {
                let exact = (k as f64 + 0.5) * frames as f64 / 8.0;
                assert_eq!(number, exact.floor() as u64, "{k} of {frames}");
            }
        }
    }
}
