//! Frames of a recording that a decoder makes up because data is missing are never shown: at a start between key frames, after
//! a loss, and while a stream refreshes its frames piece by piece.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use atom_media::{FrameSelection, PlaybackRequest};
use atom_operators::{media_time::MediaTime, sampling_grid::SamplingGrid};
use atom_tests::{
    generated_media,
    live_run::{FAST_RECONNECT, RUN_ARGUMENTS, StatusClient, pipeline},
    playback::{Playback, all_frames, play, play_all},
    program::{Workdir, path_str},
};

const SIZE: (u32, u32) = (160, 120);
/// Frames per second, frames of a whole video, and frames from one key frame to the next.
const FPS: usize = 25;
const FRAMES: usize = 150;
const KEY_DISTANCE: usize = 50;

/// A kind of video, with a key frame every [`KEY_DISTANCE`] frames.
struct Kind {
    name: &'static str,
    options: &'static str,
}

/// Kinds without frames that follow a key frame and are shown before it.
const CLOSED: [Kind; 8] = [
    Kind {
        name: "h264.mkv",
        options: "-c:v libx264 -threads 1 -x264-params keyint=50:scenecut=0:bframes=2",
    },
    Kind {
        name: "h264.mp4",
        options: "-c:v libx264 -threads 1 -x264-params keyint=50:scenecut=0:bframes=0",
    },
    Kind {
        name: "h264.ts",
        options: "-c:v libx264 -threads 1 -x264-params keyint=50:scenecut=0:bframes=2",
    },
    Kind {
        name: "h265.mkv",
        options: "-c:v libx265 -x265-params log-level=error:keyint=50:min-keyint=50:open-gop=0:scenecut=0:pools=1",
    },
    Kind {
        name: "mpeg2.ts",
        options: "-c:v mpeg2video -g 50 -bf 0 -sc_threshold 1000000000",
    },
    Kind {
        name: "mpeg4.avi",
        options: "-c:v mpeg4 -g 50 -bf 0 -sc_threshold 1000000000",
    },
    Kind {
        name: "vp8.webm",
        options: "-c:v libvpx -deadline realtime -cpu-used 8 -g 50 -keyint_min 50 -auto-alt-ref 0",
    },
    Kind {
        name: "vp9.webm",
        options: "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50 -keyint_min 50",
    },
];

/// Kinds with such frames, which refer to the group before as well.
const OPEN: [Kind; 4] = [
    Kind {
        name: "open264.mkv",
        options: "-c:v libx264 -threads 1 -x264-params open-gop=1:keyint=50:min-keyint=50:bframes=3:b-pyramid=normal:scenecut=0",
    },
    Kind {
        name: "open265.mkv",
        options: "-c:v libx265 -x265-params log-level=error:keyint=50:min-keyint=50:open-gop=1:bframes=3:scenecut=0:pools=1",
    },
    Kind {
        name: "open_mpeg2.ts",
        options: "-c:v mpeg2video -g 50 -bf 2 -sc_threshold 1000000000",
    },
    Kind {
        name: "open_mpeg4.mkv",
        options: "-c:v mpeg4 -g 50 -bf 2 -sc_threshold 1000000000",
    },
];

impl Kind {
    /// Generates a whole video in which every frame is different.
    fn whole(&self) -> PathBuf {
        let seconds = FRAMES / FPS;
        let source = format!("testsrc2=s=160x120:r={FPS}:d={seconds}");
        let mut arguments = vec!["-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p"];
        arguments.extend(self.options.split(' '));
        generated_media::generate(self.name, &arguments)
    }

    /// Copies a video without the packets for which an expression of ffmpeg holds.
    fn without(&self, packets: &str) -> PathBuf {
        without(&self.whole(), self.name, packets)
    }
}

fn without(whole: &Path, name: &str, packets: &str) -> PathBuf {
    let filter = format!("noise=drop={}", packets.replace(',', "\\,"));
    let whole = path_str(whole);
    let arguments = ["-i", whole, "-c", "copy", "-copyinkf", "-bsf:v", &filter];
    generated_media::generate(name, &arguments)
}

/// Returns the numbers that the frames have in the whole video, and fails if one is not exactly a frame of it.
#[track_caller]
fn numbers(part: &Playback, whole: &Playback, case: &str) -> Vec<usize> {
    let numbers = part.frames.iter().map(|(at, image)| {
        let mut frames = whole.frames.iter();
        let number = frames.position(|(_, frame)| frame.pixels() == image.pixels());
        number.unwrap_or_else(|| panic!("{case}: the frame at {at} is not in the whole video"))
    });
    numbers.collect()
}

/// Plays a video of which frames are missing.
#[track_caller]
fn play_part(video: &Path) -> Playback {
    let part = play_all(video, SIZE);
    assert!(
        part.result.is_ok(),
        "{}: {:?}",
        video.display(),
        part.result
    );
    let shown = part.frames.len() as u64;
    assert_eq!(part.received, shown + part.concealed, "{}", video.display());
    part
}

#[test]
fn a_recording_that_begins_between_key_frames_starts_with_the_first_one() {
    for kind in &CLOSED {
        let whole = play_all(&kind.whole(), SIZE);
        let part = play_part(&kind.without("lt(n,30)"));
        let expected: Vec<_> = (KEY_DISTANCE..whole.frames.len()).collect();
        assert_eq!(numbers(&part, &whole, kind.name), expected, "{}", kind.name);
        assert_eq!(whole.concealed, 0, "{}", kind.name);
    }
}

#[test]
fn leading_frames_of_the_first_open_group_are_not_shown() {
    for kind in &OPEN {
        let whole = play_all(&kind.whole(), SIZE);
        assert_eq!(
            (whole.frames.len(), whole.concealed),
            (FRAMES, 0),
            "{}",
            kind.name
        );
        let part = play_part(&kind.without("lt(n,30)"));
        let found = numbers(&part, &whole, kind.name);
        let first = found[0];
        assert!(
            (KEY_DISTANCE..KEY_DISTANCE + 5).contains(&first),
            "{}: {first}",
            kind.name
        );
        let expected: Vec<_> = (first..FRAMES).collect();
        assert_eq!(found, expected, "{}", kind.name);
        assert!(part.concealed > 0, "{}", kind.name);
    }
}

const REFRESH: Kind = Kind {
    name: "refresh.mkv",
    options: "-c:v libx264 -threads 1 -x264-params intra-refresh=1:keyint=50:bframes=0",
};

/// Returns the mean difference between two frames, in levels of 255.
fn difference(one: &atom_models::Image, other: &atom_models::Image) -> f64 {
    let pairs = one.pixels().iter().zip(other.pixels());
    let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.pixels().len() as f64
}

/// Asserts that each frame looks like the one of the whole video with the number `first` and those after it.
#[track_caller]
fn assert_alike(part: &Playback, whole: &Playback, first: usize) {
    assert_eq!(part.frames.len(), whole.frames.len() - first);
    for (n, (_, image)) in part.frames.iter().enumerate() {
        let difference = difference(image, &whole.frames[first + n].1);
        assert!(difference < 1.0, "frame {}: {difference}", first + n);
    }
}

#[test]
fn a_stream_that_refreshes_its_frames_piece_by_piece_starts_when_a_refresh_is_complete() {
    let whole = play_all(&REFRESH.whole(), SIZE);
    assert_eq!((whole.frames.len(), whole.concealed), (FRAMES, 0));
    let part = play_part(&REFRESH.without("lt(n,30)"));
    let first = FRAMES - part.frames.len();
    // The second refresh begins at the second key distance.
    assert!(
        (KEY_DISTANCE..=2 * KEY_DISTANCE).contains(&first),
        "{first}"
    );
    assert_eq!(part.concealed, first as u64 - 30);
    assert_alike(&part, &whole, first);
}

#[test]
fn a_stream_without_key_frames_starts_after_a_minute_and_says_so() {
    let refresh = "intra-refresh=1:keyint=25:bframes=0";
    let options = ["-c:v", "libx264", "-threads", "1", "-x264-params", refresh];
    let source = "testsrc2=s=160x120:r=5:d=66";
    let mut arguments = vec!["-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"];
    arguments.extend(options);
    // Unit 6 holds the recovery points.
    arguments.extend(["-bsf:v", "filter_units=remove_types=6"]);
    let whole = generated_media::generate("no_recovery.mkv", &arguments);
    let video = without(&whole, "no_key.mkv", "lt(n,10)");
    let part = play_part(&video);
    assert_eq!(part.concealed, 60 * 5);
    assert_alike(&part, &play_all(&whole, SIZE), 10 + 60 * 5);
    let dir = Workdir::new();
    let output = dir
        .atom(&["caption", path_str(&video), "--pack", "fake"])
        .ok();
    assert!(
        output.stderr.contains("waiting for a key frame"),
        "{output}"
    );
    assert!(
        output.stderr.contains("decoding starts without one"),
        "{output}"
    );
}

#[test]
fn playback_of_a_part_from_a_later_position_conceals_the_same_frames() {
    let video = CLOSED[0].without("lt(n,30)");
    let part = play_part(&video);
    for from in [0, 500, 790, 1500, 3000].map(MediaTime::from_millis) {
        let resumed = play(PlaybackRequest {
            from,
            ..all_frames(&video, SIZE)
        });
        let tail: Vec<_> = part
            .frames
            .iter()
            .filter(|(at, _)| at.reaches(from))
            .collect();
        assert!(resumed.frames.iter().collect::<Vec<_>>() == tail, "{from}");
        assert!(resumed.concealed <= part.concealed, "{from}");
    }
    let grid = || vec![SamplingGrid::new(2.0, &[])];
    let mut chosen = grid();
    let expected: Vec<_> = part
        .frames
        .iter()
        .filter(|(at, _)| chosen[0].wants(*at))
        .collect();
    let sparse = play(PlaybackRequest {
        selection: FrameSelection::Grids(grid()),
        ..all_frames(&video, SIZE)
    });
    assert!(sparse.frames.iter().collect::<Vec<_>>() == expected);
}

#[test]
fn a_part_that_is_played_as_a_camera_shows_its_first_key_frame_at_once() {
    // The first key frame comes after more time than a source may be silent.
    let source = "color=c=red:s=160x120:r=10:d=12";
    let keys = "keyint=60:min-keyint=60:scenecut=0:bframes=0";
    let options = [
        "-f",
        "lavfi",
        "-i",
        source,
        "-c:v",
        "libx264",
        "-x264-params",
        keys,
    ];
    let whole = generated_media::generate("red.mkv", &options);
    let part = without(&whole, "red_part.mkv", "lt(n,5)");
    let dir = Workdir::new();
    let settings = format!("live = true\n{FAST_RECONNECT}");
    dir.write(
        "live.toml",
        pipeline(&[("door", path_str(&part))], &settings),
    );
    let process = dir.start(&RUN_ARGUMENTS);
    let client = StatusClient::of(&process);
    client.wait_until("captions come", |client| {
        client.metric("atom_segments_total", &["door"]) >= 3.0
    });
    assert_eq!(client.connection_count("door"), 1);
    let output = process.interrupt().ok();
    assert!(!output.stderr.contains("no frame for"), "{output}");
}

#[test]
fn a_recording_without_a_key_frame_is_an_error_that_says_so() {
    let video = CLOSED[0].without("not(between(n,30,40))");
    let output = Workdir::new().atom(&["caption", path_str(&video), "--pack", "fake"]);
    output.fails_with(&["h264.mkv", "no key frame"]);
}

/// Copies a transport stream without the packets of some frames of its video.
fn without_packets(stream: &Path, lost: impl Fn(usize, usize) -> bool) -> Vec<u8> {
    let (mut frame, mut packet) = (0, 0);
    let mut copy = Vec::new();
    for bytes in fs::read(stream).unwrap().chunks(188) {
        let of_video = bytes[1] & 0x1f == 1 && bytes[2] == 0;
        if of_video {
            let starts = bytes[1] & 0x40 != 0;
            (frame, packet) = (
                frame + usize::from(starts),
                if starts { 0 } else { packet + 1 },
            );
        }
        if !of_video || !lost(frame - 1, packet) {
            copy.extend_from_slice(bytes);
        }
    }
    copy
}

#[test]
fn after_packets_were_lost_nothing_is_shown_before_the_next_key_frame() {
    let dir = Workdir::new();
    for (kind, codec) in [(&CLOSED[2], "h264"), (&CLOSED[4], "mpeg2")] {
        let whole = play_all(&kind.whole(), SIZE);
        // A whole frame; the first packet of a frame; one within a frame.
        for (case, lost) in [("frame", None), ("first", Some(0)), ("within", Some(1))] {
            let case = format!("{codec}, {case}");
            let bytes = without_packets(&kind.whole(), |frame, packet| {
                frame == 70 && lost.is_none_or(|lost| lost == packet)
            });
            let part = play_part(&dir.write("lossy.ts", bytes));
            let numbers = numbers(&part, &whole, &case);
            let (before, after): (Vec<_>, Vec<_>) = numbers
                .into_iter()
                .partition(|number| *number < 2 * KEY_DISTANCE);
            // Frames are decoded up to two places before they are shown.
            let last = before.iter().max().unwrap();
            assert!((KEY_DISTANCE..73).contains(last), "{case}: {last}");
            let all_after: Vec<_> = (2 * KEY_DISTANCE..FRAMES).collect();
            assert_eq!(after, all_after, "{case}");
        }
    }
}

#[test]
fn transport_streams_that_were_joined_end_to_end_lose_nothing() {
    let dir = Workdir::new();
    let stream = fs::read(CLOSED[2].whole()).unwrap();
    let joined = play_part(&dir.write("joined.ts", stream.repeat(2)));
    assert_eq!((joined.frames.len(), joined.concealed), (2 * FRAMES, 0));
}
