//! Takes the frames of a video from the engine's source, every one, without a graph behind it.

use std::{path::Path, sync::Arc, thread};

use atom_media::{
    FrameSelection, FrameSender, Location, MediaError, PlaybackRequest, init, play_recording,
};
use atom_models::Image;
use atom_operators::{
    data::{MediaTime, SourceId},
    intake::Record,
    sample::Grid,
    tally::Tally,
};
use crossbeam::channel::bounded;

/// A frame with its media time.
pub type Seen = (MediaTime, Arc<Image>);

/// What playing a video gave.
pub struct Played {
    /// The frames in order.
    pub seen: Vec<Seen>,
    /// Faults that were told on the way.
    pub told: Vec<String>,
    /// Media time of the end.
    pub end: MediaTime,
    /// Whether all of it was played.
    pub whole: bool,
    /// How playing ended.
    pub outcome: Result<(), MediaError>,
    /// How many frames were counted.
    pub received: u64,
    /// How many of them were decoded.
    pub decoded: u64,
}

/// All frames in this size, the media time of the end, and how playing ended.
pub fn frames(video: &Path, size: (u32, u32)) -> (Vec<Seen>, MediaTime, Result<(), MediaError>) {
    let played = play(every(video, size));
    (played.seen, played.end, played.outcome)
}

/// Every frame of a video is wanted.
pub fn every(video: &Path, size: (u32, u32)) -> PlaybackRequest {
    PlaybackRequest {
        source: SourceId::of(0),
        location: Location::File(video.to_owned()),
        size,
        // A place for each millisecond, so that no frame shares one.
        selection: FrameSelection::Grids(vec![Grid::new(1000.0, &[])]),
        from: MediaTime::default(),
        live: None,
        growing: false,
    }
}

/// Plays what is wanted of a recording.
pub fn play(wanted: PlaybackRequest) -> Played {
    init().expect("GStreamer starts");
    let (sender, records) = bounded(2);
    let tally = Tally::default();
    let outlet = FrameSender::for_recording(SourceId::of(0), sender, tally.clone());
    thread::scope(|threads| {
        let player = threads.spawn(move || {
            let played = play_recording(wanted, &outlet);
            let ended = played.as_ref().copied().unwrap_or_default();
            outlet.end(ended);
            played
        });
        let (mut seen, mut told) = (Vec::new(), Vec::new());
        let (mut end, mut whole) = (MediaTime::default(), false);
        for record in records {
            match record {
                Record::Frame(frame) => seen.push((frame.at, Arc::new(frame.image.clone()))),
                Record::End(ended) => (end, whole) = (ended.at, ended.whole),
                Record::Lost(failure) => told.push(failure.fault.detail.to_string()),
                Record::Quiet(_) => {}
            }
        }
        let played = player.join().expect("the source does not panic");
        Played {
            decoded: played.as_ref().map_or(0, |ended| ended.frames),
            seen,
            told,
            end,
            whole,
            outcome: played.map(drop),
            received: tally.source(SourceId::of(0)).frames_received(),
        }
    })
}
