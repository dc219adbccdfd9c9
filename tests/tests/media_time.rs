//! Media time is true: a counter burnt into videos agrees with the times that the program gives.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use atom_tests::{
    counter::{self, Counter},
    frames::frames,
    pipeline,
    program::{Place, text},
};
use serde_json::Value;

/// Frames at which the colour changes, none of them on a multiple of the segment length.
const CHANGES: [usize; 2] = [37, 90];
/// Length of segments.
const LENGTH_MS: u64 = 2000;

/// A counter video with the truth about it.
struct Truth {
    counter: Counter<'static>,
    /// Media time of a frame in seconds, by its number.
    seconds: fn(usize) -> f64,
}

fn steady_25() -> Truth {
    Truth {
        counter: Counter {
            name: "counter25.mp4",
            rate: "25",
            frames: 130,
            changes: &CHANGES,
            options: &[],
        },
        seconds: |number| number as f64 / 25.0,
    }
}

fn ntsc() -> Truth {
    Truth {
        counter: Counter {
            name: "counter2997.mp4",
            rate: "30000/1001",
            frames: 150,
            changes: &CHANGES,
            options: &[],
        },
        seconds: |number| number as f64 * 1001.0 / 30000.0,
    }
}

/// Ten frames a second for two seconds, then fifty.
fn variable() -> Truth {
    Truth {
        counter: Counter {
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
fn every_frame_at_25_a_second_has_the_time_of_its_number() {
    frames_are_true(&steady_25());
}

#[test]
fn every_frame_at_29_97_a_second_has_the_time_of_its_number() {
    frames_are_true(&ntsc());
}

#[test]
fn every_frame_at_a_variable_rate_has_the_time_of_its_number() {
    frames_are_true(&variable());
}

#[test]
fn segments_at_25_a_second_agree_with_the_counter() {
    segments_are_true(&steady_25());
}

#[test]
fn segments_at_29_97_a_second_agree_with_the_counter() {
    segments_are_true(&ntsc());
}

#[test]
fn segments_at_a_variable_rate_agree_with_the_counter() {
    segments_are_true(&variable());
}

fn frames_are_true(truth: &Truth) {
    let video = truth.counter.make();
    let (seen, end, outcome) = frames(&video, counter::SIZE);
    outcome.unwrap();
    let numbers: Vec<_> = seen
        .iter()
        .map(|(_, image)| counter::number(image))
        .collect();
    assert_eq!(numbers, (0..truth.counter.frames).collect::<Vec<_>>());
    for ((at, _), number) in seen.iter().zip(numbers) {
        let (at, expected) = (at.nanos() as f64 / 1e9, (truth.seconds)(number));
        assert!(
            (at - expected).abs() < 0.002,
            "frame {number} came at {at} s, shown at {expected} s"
        );
    }
    let (end, expected) = (
        end.nanos() as f64 / 1e9,
        (truth.seconds)(truth.counter.frames),
    );
    assert!(
        (end - expected).abs() < 0.045,
        "the end came at {end} s, expected {expected} s"
    );
}

fn segments_are_true(truth: &Truth) {
    let video = truth.counter.make();
    let (seen, _, _) = frames(&video, counter::SIZE);
    let spans = segments(&video);
    let mut expected: Vec<f64> = CHANGES.map(truth.seconds).to_vec();
    let length = (truth.seconds)(truth.counter.frames);
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
        let began = (truth.seconds)(change) * 1000.0;
        let (start, _) = spans
            .iter()
            .find(|(start, _)| (*start as f64 - began).abs() < 20.0)
            .unwrap_or_else(|| panic!("no segment begins with frame {change}: {spans:?}"));
        // Times in JSON are cut to milliseconds: the frame may lie up to one after.
        let first = seen.iter().find(|(at, _)| at.millis() >= *start).unwrap();
        assert_eq!(counter::number(&first.1), change);
    }
}

/// Start and end of each segment of a run that looks at every frame.
fn segments(video: &Path) -> Vec<(u64, u64)> {
    let place = Place::new();
    let nodes = pipeline::scenes(
        "fps = 60\nchange = 0",
        &format!("length_ms = {LENGTH_MS}\nshortest_ms = 100\nscene_change = 0.4"),
    ) + &pipeline::caption("captions", "scenes");
    place.write("p.toml", nodes);
    let source = format!("video={}", text(video));
    let said = place
        .atom(&["run", "p.toml", "--json", "--source", &source])
        .ok();
    let ms = |line: &Value, key: &str| line[key].as_u64().unwrap();
    said.json_lines()
        .iter()
        .map(|line| (ms(line, "start_ms"), ms(line, "end_ms")))
        .collect()
}
