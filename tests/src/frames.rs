//! Takes the frames of a video from the engine's source, every one, without a graph behind it.

use std::{path::Path, sync::Arc, thread};

use atom::{
    EngineError,
    source::{Choice, Location, Outlet, Wanted, gst, recording},
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

/// All frames in this size, the media time of the end, and how playing ended.
pub fn frames(video: &Path, size: (u32, u32)) -> (Vec<Seen>, MediaTime, Result<(), EngineError>) {
    gst::init().expect("GStreamer starts");
    let (sender, records) = bounded(2);
    let outlet = Outlet::of_recording(SourceId::of(0), sender, Tally::default());
    let wanted = Wanted {
        source: SourceId::of(0),
        location: Location::File(video.to_owned()),
        size,
        // A place for each millisecond, so that no frame shares one.
        choice: Choice::Grids(vec![Grid::new(1000.0, &[])]),
        from: MediaTime::default(),
        live: None,
    };
    thread::scope(|threads| {
        let player = threads.spawn(move || {
            let played = recording::play(wanted, &outlet);
            let ended = played.as_ref().copied().unwrap_or_default();
            outlet.end(ended);
            played.map(drop)
        });
        let (mut seen, mut end) = (Vec::new(), MediaTime::default());
        for record in records {
            match record {
                Record::Frame(frame) => seen.push((frame.at, Arc::new(frame.image.clone()))),
                Record::End(told) => end = told.at,
                Record::Lost(_) | Record::Quiet(_) => {}
            }
        }
        (seen, end, player.join().expect("the source does not panic"))
    })
}
