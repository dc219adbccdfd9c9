//! Prints the media time and the size of the frames of a file, one frame per second:
//! `cargo run --release -p atom-media --example frames -- VIDEO`.
#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::{env, error::Error, thread};

use atom_media::{FrameSelection, FrameSender, Location, PlaybackRequest, init, play_recording};
use atom_operators::{
    counters::Counters, ids::SourceId, intake::Record, media_time::MediaTime,
    sampling_grid::SamplingGrid,
};
use crossbeam::channel::bounded;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("expected a video file")?;
    init()?;
    let source = SourceId::new(0);
    let request = PlaybackRequest {
        source,
        location: Location::parse(&path)?,
        size: (320, 180),
        selection: FrameSelection::Grids(vec![SamplingGrid::new(1.0, &[])]),
        from: MediaTime::default(),
        live: None,
        growing: false,
    };
    let (records_sender, records) = bounded(2);
    let sender = FrameSender::for_recording(source, records_sender, Counters::default());
    thread::scope(|threads| {
        let player = threads.spawn(move || {
            let played = play_recording(request, &sender);
            sender.end(played.as_ref().cloned().unwrap_or_default());
            played
        });
        for record in records {
            if let Record::Frame(frame) = record {
                println!(
                    "{} {}x{}",
                    frame.at,
                    frame.image.width(),
                    frame.image.height()
                );
            }
        }
        let summary = player.join().expect("the source does not panic")?;
        println!("{} frames decoded, end at {}", summary.frames, summary.end);
        Ok(())
    })
}
