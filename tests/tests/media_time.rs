//! Media times are correct: the numbers shown in frames match the times that the program reports.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use atom_tests::{
    numbered_video::{self, NumberedVideo},
    pipeline_text,
    playback::play_all,
    program::{Workdir, path_str},
};
use serde_json::Value;

/// The frames at which the colour changes, none of them at a multiple of the segment length.
const CHANGES: [usize; 2] = [37, 90];
/// The segment length.
const LENGTH_MS: u64 = 2000;

/// A numbered video with the media time of each frame.
struct TimedVideo {
    video: NumberedVideo<'static>,
    /// Returns the media time of a frame in seconds.
    seconds: fn(usize) -> f64,
}

fn steady_25() -> TimedVideo {
    TimedVideo {
        video: NumberedVideo {
            name: "counter25.mp4",
            rate: "25",
            frames: 130,
            changes: &CHANGES,
            options: &[],
        },
        seconds: |number| number as f64 / 25.0,
    }
}

fn ntsc() -> TimedVideo {
    TimedVideo {
        video: NumberedVideo {
            name: "counter2997.mp4",
            rate: "30000/1001",
            frames: 150,
            changes: &CHANGES,
            options: &[],
        },
        seconds: |number| number as f64 * 1001.0 / 30000.0,
    }
}

/// Ten frames per second for two seconds, then fifty.
fn variable_rate() -> TimedVideo {
    TimedVideo {
        video: NumberedVideo {
            name: "counter_variable.mkv",
            rate: "25",
            frames: 140,
            changes: &CHANGES,
            options: &[
                "-vf",
                "settb=1/1000,setpts='if(lt(N,20),N*100,2000+(N-20)*20)'",
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "1/1000",
            ],
        },
        seconds: |number| match number {
            0..20 => number as f64 / 10.0,
            _ => 2.0 + (number - 20) as f64 / 50.0,
        },
    }
}

#[test]
fn frames_at_25_fps_have_the_time_of_their_number() {
    assert_frame_times(&steady_25());
}

#[test]
fn frames_at_29_97_fps_have_the_time_of_their_number() {
    assert_frame_times(&ntsc());
}

#[test]
fn frames_at_a_variable_rate_have_the_time_of_their_number() {
    assert_frame_times(&variable_rate());
}

#[test]
fn segments_at_25_fps_match_the_frame_numbers() {
    assert_segment_times(&steady_25());
}

#[test]
fn segments_at_29_97_fps_match_the_frame_numbers() {
    assert_segment_times(&ntsc());
}

#[test]
fn segments_at_a_variable_rate_match_the_frame_numbers() {
    assert_segment_times(&variable_rate());
}

fn assert_frame_times(timed: &TimedVideo) {
    let video = timed.video.generate();
    let playback = play_all(&video, numbered_video::SIZE);
    playback.result.unwrap();
    let numbers: Vec<_> = playback
        .frames
        .iter()
        .map(|(_, image)| numbered_video::read_number(image))
        .collect();
    assert_eq!(numbers, (0..timed.video.frames).collect::<Vec<_>>());
    for ((at, _), number) in playback.frames.iter().zip(numbers) {
        let (at, expected) = (at.nanos() as f64 / 1e9, (timed.seconds)(number));
        assert!(
            (at - expected).abs() < 0.002,
            "frame {number} has the time {at} s, expected {expected} s"
        );
    }
    let (end, expected) = (
        playback.end.nanos() as f64 / 1e9,
        (timed.seconds)(timed.video.frames),
    );
    assert!(
        (end - expected).abs() < 0.045,
        "the video ends at {end} s, expected {expected} s"
    );
}

fn assert_segment_times(timed: &TimedVideo) {
    let video = timed.video.generate();
    let frames = play_all(&video, numbered_video::SIZE).frames;
    let spans = segments(&video);
    let mut expected: Vec<f64> = CHANGES.map(timed.seconds).to_vec();
    let length = (timed.seconds)(timed.video.frames);
    let stretch = LENGTH_MS as f64 / 1000.0;
    expected.extend(
        (0..)
            .map(|n| n as f64 * stretch)
            .take_while(|at| *at < length),
    );
    expected.push(length);
    expected.sort_by(f64::total_cmp);
    let mut found: Vec<f64> = spans
        .iter()
        .map(|(start, _)| *start as f64 / 1000.0)
        .collect();
    found.push(spans.last().unwrap().1 as f64 / 1000.0);
    assert_eq!(found.len(), expected.len(), "{found:?} is not {expected:?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            (found - expected).abs() < 0.045,
            "{found} is not {expected}"
        );
    }
    for pair in spans.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "segments tile the video: {spans:?}");
    }
    for change in CHANGES {
        let change_ms = (timed.seconds)(change) * 1000.0;
        let (start, _) = spans
            .iter()
            .find(|(start, _)| (*start as f64 - change_ms).abs() < 20.0)
            .unwrap_or_else(|| panic!("no segment starts with frame {change}: {spans:?}"));
        // JSON has whole milliseconds, so the frame may be up to one millisecond later.
        let first = frames.iter().find(|(at, _)| at.millis() >= *start).unwrap();
        assert_eq!(numbered_video::read_number(&first.1), change);
    }
}

/// Returns the start and the end of each segment of a run that samples every frame.
fn segments(video: &Path) -> Vec<(u64, u64)> {
    let dir = Workdir::new();
    let nodes = pipeline_text::scenes(
        "fps = 60\nchange = 0",
        &format!("length_ms = {LENGTH_MS}\nshortest_ms = 100\nscene_change = 0.4"),
    ) + &pipeline_text::caption("captions", "scenes");
    dir.write("p.toml", nodes);
    let source = format!("video={}", path_str(video));
    let output = dir
        .atom(&["run", "p.toml", "--json", "--source", &source])
        .ok();
    let ms = |line: &Value, key: &str| line[key].as_u64().unwrap();
    output
        .json_lines()
        .iter()
        .map(|line| (ms(line, "start_ms"), ms(line, "end_ms")))
        .collect()
}
