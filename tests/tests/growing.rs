//! A recording that is still being written is played as far as it is whole: what it gives is the beginning of what the whole
//! recording will give, wherever it ends.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use atom_media::{
    PlaybackRequest,
    file::growing::{ContainerKind, ContentDigest},
};
use atom_operators::data::MediaTime;
use atom_tests::{
    frames::{Played, every, play},
    media,
    program::Place,
};

const SIZE: (u32, u32) = (64, 48);
/// A file of which GStreamer says nothing at all is given up after 30 s.
const LONG: Duration = Duration::from_secs(45);

const B_FRAMES: &str = "keyint=20:min-keyint=20:bframes=3:b-pyramid=normal:scenecut=0";
const FRAGMENTS: &str = "frag_keyframe+empty_moov+default_base_moof";

/// A video in which every picture differs from all others.
fn video(name: &str, options: &[&str]) -> PathBuf {
    let mut arguments = vec!["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=4"];
    arguments.extend(["-pix_fmt", "yuv420p", "-threads", "1"]);
    arguments.extend(options);
    media::made(name, &arguments)
}

fn growing() -> Vec<PathBuf> {
    let h264 = ["-c:v", "libx264", "-x264-params", B_FRAMES];
    let with = |options: &[&'static str]| [&h264, options].concat();
    vec![
        video("growing.ts", &h264),
        video("growing.m2ts", &h264),
        video("growing.mp4", &with(&["-movflags", FRAGMENTS])),
        video(
            "pieces.mp4",
            &with(&[
                "-movflags",
                "empty_moov+default_base_moof",
                "-frag_duration",
                "300000",
            ]),
        ),
        video(
            "plain.ts",
            &["-c:v", "libx264", "-x264-params", "keyint=25:bframes=0"],
        ),
        video("mpeg2.ts", &["-c:v", "mpeg2video", "-bf", "2", "-g", "12"]),
        with_sound(),
    ]
}

/// Sound lies between the pictures.
fn with_sound() -> PathBuf {
    let inputs = "-f lavfi -i testsrc2=s=160x120:r=25:d=4 -f lavfi -i sine=d=4 -pix_fmt yuv420p -threads 1 -c:v libx264";
    let mut arguments: Vec<_> = inputs.split(' ').collect();
    arguments.extend(["-x264-params", B_FRAMES, "-movflags", FRAGMENTS]);
    media::made("sound.mp4", &arguments)
}

/// What a file gives that ends after so many bytes.
fn cut(place: &Place, video: &Path, length: usize, growing: bool) -> Played {
    let bytes = fs::read(video).unwrap();
    let path = place.write("cut", &bytes[..length]);
    let begun = Instant::now();
    let played = play(PlaybackRequest {
        growing,
        ..every(&path, SIZE)
    });
    let taken = begun.elapsed();
    assert!(taken < LONG, "{} to {length}: {taken:?}", video.display());
    played
}

/// Byte positions all over a file, odd ones and those near its ends among them.
fn lengths(whole: usize) -> Vec<usize> {
    let mut all: Vec<_> = (0..40).map(|n| whole * n / 40 + n * 37 % 191).collect();
    all.extend([1, 7, 187, 188, 189, 192, 377, 600, 900, 1500]);
    all.extend([whole - 1, whole - 9, whole - 188, whole]);
    all.retain(|length| *length <= whole);
    all
}

#[test]
fn what_grows_gives_the_beginning_of_the_whole() {
    let place = Place::new();
    for video in growing() {
        assert!(
            ContainerKind::sniff(&video)
                .unwrap()
                .playable_while_growing()
        );
        let whole = play(every(&video, SIZE));
        let size = fs::metadata(&video).unwrap().len() as usize;
        let mut most = 0;
        for length in lengths(size) {
            let what = format!("{} to {length} of {size}", video.display());
            let part = cut(&place, &video, length, true);
            assert!(part.outcome.is_ok(), "{what}: {:?}", part.outcome);
            assert!(
                !part.whole && part.told.is_empty(),
                "{what}: {:?}",
                part.told
            );
            assert!(part.seen.len() <= whole.seen.len(), "{what}");
            for (found, expected) in part.seen.iter().zip(&whole.seen) {
                assert_eq!(found.0, expected.0, "{what}");
                assert!(
                    found.1 == expected.1,
                    "{what}: another picture at {}",
                    found.0
                );
            }
            most = most.max(part.seen.len());
        }
        // Some pictures wait for those that are shown before them.
        assert!(most + 8 >= whole.seen.len(), "{}: {most}", video.display());
    }
}

#[test]
fn what_broke_off_is_played_without_a_hang() {
    let place = Place::new();
    for video in growing() {
        let size = fs::metadata(&video).unwrap().len() as usize;
        for length in lengths(size).into_iter().step_by(4) {
            // However it ends, it ends.
            cut(&place, &video, length, false);
        }
    }
}

#[test]
fn what_grew_goes_on_where_it_was() {
    let place = Place::new();
    for video in growing() {
        let whole = play(every(&video, SIZE));
        let size = fs::metadata(&video).unwrap().len() as usize;
        let before = cut(&place, &video, size / 2, true);
        let from = before.seen.last().unwrap().0;
        let after = play(PlaybackRequest {
            from: MediaTime::from_nanos(from.nanos() + 1_000_000),
            ..every(&video, SIZE)
        });
        let both: Vec<_> = before.seen.iter().chain(&after.seen).collect();
        assert_eq!(both.len(), whole.seen.len(), "{}", video.display());
        assert!(
            both.iter()
                .zip(&whole.seen)
                .all(|(found, expected)| *found == expected),
            "{}",
            video.display()
        );
    }
}

#[test]
fn a_file_is_known_to_have_grown() {
    let place = Place::new();
    let bytes = fs::read(video(
        "growing.ts",
        &["-c:v", "libx264", "-x264-params", B_FRAMES],
    ))
    .unwrap();
    let path = place.write("grown.ts", &bytes[..bytes.len() / 2]);
    let before = ContentDigest::of_file(&path).unwrap();
    place.write("grown.ts", &bytes);
    assert_eq!(
        ContentDigest::of_prefix(&path, before.size).unwrap(),
        Some(before)
    );
}
