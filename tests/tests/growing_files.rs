//! A recording that is still being written is played as far as it is complete. Wherever it ends, its frames are the first
//! frames of the complete recording.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use atom_media::{
    PlaybackRequest,
    file::{container_kind::ContainerKind, content_digest::ContentDigest},
};
use atom_operators::media_time::MediaTime;
use atom_tests::{
    generated_media,
    playback::{Playback, all_frames, play, play_all},
    program::Workdir,
};

const SIZE: (u32, u32) = (64, 48);
/// The longest playback of a cut file. Playback gives up after 30 s without a message from GStreamer.
const LONGEST: Duration = Duration::from_secs(45);

const B_FRAMES: &str = "keyint=20:min-keyint=20:bframes=3:b-pyramid=normal:scenecut=0";
const FRAGMENTS: &str = "frag_keyframe+empty_moov+default_base_moof";

/// Generates a video in which every frame is different.
fn video(name: &str, options: &[&str]) -> PathBuf {
    let mut arguments = vec!["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=4"];
    arguments.extend(["-pix_fmt", "yuv420p", "-threads", "1"]);
    arguments.extend(options);
    generated_media::generate(name, &arguments)
}

/// Generates videos in all formats that can be played while they grow.
fn growing_videos() -> Vec<PathBuf> {
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
        video_with_sound(),
    ]
}

/// Generates a video in which the frames are interleaved with sound.
fn video_with_sound() -> PathBuf {
    let inputs = "-f lavfi -i testsrc2=s=160x120:r=25:d=4 -f lavfi -i sine=d=4 -pix_fmt yuv420p -threads 1 -c:v libx264";
    let mut arguments: Vec<_> = inputs.split(' ').collect();
    arguments.extend(["-x264-params", B_FRAMES, "-movflags", FRAGMENTS]);
    generated_media::generate("sound.mp4", &arguments)
}

/// Plays the first `length` bytes of a video.
fn play_cut(dir: &Workdir, video: &Path, length: usize, growing: bool) -> Playback {
    let bytes = fs::read(video).unwrap();
    let path = dir.write("cut", &bytes[..length]);
    let start = Instant::now();
    let playback = play(PlaybackRequest {
        growing,
        ..all_frames(&path, SIZE)
    });
    let elapsed = start.elapsed();
    assert!(
        elapsed < LONGEST,
        "{} to {length}: {elapsed:?}",
        video.display()
    );
    playback
}

/// Returns lengths to which a file of `size` bytes is cut: all over the file, odd ones, and some near its ends.
fn cut_lengths(size: usize) -> Vec<usize> {
    let mut all: Vec<_> = (0..40).map(|n| size * n / 40 + n * 37 % 191).collect();
    all.extend([1, 7, 187, 188, 189, 192, 377, 600, 900, 1500]);
    all.extend([size - 1, size - 9, size - 188, size]);
    all.retain(|length| *length <= size);
    all
}

#[test]
fn a_cut_file_gives_the_first_frames_of_the_complete_file() {
    let dir = Workdir::new();
    for video in growing_videos() {
        assert!(
            ContainerKind::sniff(&video)
                .unwrap()
                .playable_while_growing()
        );
        let whole = play_all(&video, SIZE);
        let size = fs::metadata(&video).unwrap().len() as usize;
        let mut most = 0;
        for length in cut_lengths(size) {
            let case = format!("{} to {length} of {size}", video.display());
            let part = play_cut(&dir, &video, length, true);
            assert!(part.result.is_ok(), "{case}: {:?}", part.result);
            assert!(
                !part.complete && part.errors.is_empty(),
                "{case}: {:?}",
                part.errors
            );
            assert!(part.frames.len() <= whole.frames.len(), "{case}");
            for (found, expected) in part.frames.iter().zip(&whole.frames) {
                assert_eq!(found.0, expected.0, "{case}");
                assert!(
                    found.1 == expected.1,
                    "{case}: another frame at {}",
                    found.0
                );
            }
            most = most.max(part.frames.len());
        }
        // The decoder holds back some frames to reorder them.
        assert!(
            most + 8 >= whole.frames.len(),
            "{}: {most}",
            video.display()
        );
    }
}

#[test]
fn a_truncated_file_is_played_without_a_hang() {
    let dir = Workdir::new();
    for video in growing_videos() {
        let size = fs::metadata(&video).unwrap().len() as usize;
        for length in cut_lengths(size).into_iter().step_by(4) {
            // It may fail, but it must end.
            play_cut(&dir, &video, length, false);
        }
    }
}

#[test]
fn playback_continues_where_a_shorter_file_ended() {
    let dir = Workdir::new();
    for video in growing_videos() {
        let whole = play_all(&video, SIZE);
        let size = fs::metadata(&video).unwrap().len() as usize;
        let before = play_cut(&dir, &video, size / 2, true);
        let from = before.frames.last().unwrap().0;
        let after = play(PlaybackRequest {
            from: MediaTime::from_nanos(from.nanos() + 1_000_000),
            ..all_frames(&video, SIZE)
        });
        let both: Vec<_> = before.frames.iter().chain(&after.frames).collect();
        assert_eq!(both.len(), whole.frames.len(), "{}", video.display());
        assert!(
            both.iter()
                .zip(&whole.frames)
                .all(|(found, expected)| *found == expected),
            "{}",
            video.display()
        );
    }
}

#[test]
fn a_grown_file_is_recognised_by_its_first_part() {
    let dir = Workdir::new();
    let bytes = fs::read(video(
        "growing.ts",
        &["-c:v", "libx264", "-x264-params", B_FRAMES],
    ))
    .unwrap();
    let path = dir.write("grown.ts", &bytes[..bytes.len() / 2]);
    let before = ContentDigest::of_file(&path).unwrap();
    dir.write("grown.ts", &bytes);
    assert_eq!(
        ContentDigest::of_prefix(&path, before.size).unwrap(),
        Some(before)
    );
}
