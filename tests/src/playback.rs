//! The frames that the media crate decodes from a recording, without a graph that consumes them.

use std::{path::Path, sync::Arc, thread};

use atom_media::{
    FrameSelection, FrameSender, Location, MediaError, PlaybackRequest, init, play_recording,
};
use atom_models::Image;
use atom_operators::{
    counters::{Counters, DropReason},
    ids::SourceId,
    intake::Record,
    media_time::MediaTime,
    sampling_grid::SamplingGrid,
};
use crossbeam::channel::bounded;

/// A frame with its media time.
pub type TimedFrame = (MediaTime, Arc<Image>);

/// The result of playing a video.
pub struct Playback {
    /// The frames in order.
    pub frames: Vec<TimedFrame>,
    /// The errors that did not stop the playback.
    pub errors: Vec<String>,
    /// The media time of the end.
    pub end: MediaTime,
    /// True if the video was played to its end.
    pub complete: bool,
    /// The error that stopped the playback.
    pub result: Result<(), MediaError>,
    /// The number of frames received.
    pub received: u64,
    /// The number of frames dropped because data that they depend on is missing.
    pub concealed: u64,
    /// The number of frames decoded.
    pub decoded: u64,
}

/// Plays a video, with every frame scaled to `size`.
pub fn play_all(video: &Path, size: (u32, u32)) -> Playback {
    play(all_frames(video, size))
}

/// Returns a request for every frame of a video, scaled to `size`.
pub fn all_frames(video: &Path, size: (u32, u32)) -> PlaybackRequest {
    PlaybackRequest {
        source: SourceId::new(0),
        location: Location::File(video.to_owned()),
        size,
        // A grid point for each millisecond, so that no two frames share one.
        selection: FrameSelection::Grids(vec![SamplingGrid::new(1000.0, &[])]),
        from: MediaTime::default(),
        live: None,
        growing: false,
    }
}

/// Plays a recording.
pub fn play(request: PlaybackRequest) -> Playback {
    init().expect("GStreamer starts");
    let (sender, records) = bounded(2);
    let counters = Counters::default();
    let frame_sender = FrameSender::for_recording(SourceId::new(0), sender, counters.clone());
    thread::scope(|threads| {
        let player = threads.spawn(move || {
            let result = play_recording(request, &frame_sender);
            frame_sender.end(result.as_ref().cloned().unwrap_or_default());
            result
        });
        let (mut frames, mut errors) = (Vec::new(), Vec::new());
        let (mut end, mut complete) = (MediaTime::default(), false);
        for record in records {
            match record {
                Record::Frame(frame) => frames.push((frame.at, Arc::new(frame.image.clone()))),
                Record::End(ended) => (end, complete) = (ended.at, ended.complete),
                Record::Lost(failure) => errors.push(failure.fault.detail.to_string()),
                Record::Idle(_) => {}
            }
        }
        let result = player.join().expect("the source does not panic");
        Playback {
            decoded: result.as_ref().map_or(0, |end| end.frames),
            frames,
            errors,
            end,
            complete,
            result: result.map(drop),
            received: counters.source(SourceId::new(0)).frames_received(),
            concealed: concealed(&counters),
        }
    })
}

fn concealed(counters: &Counters) -> u64 {
    let dropped = counters.source(SourceId::new(0)).frames_dropped();
    dropped.get(&DropReason::Concealed).copied().unwrap_or(0)
}
