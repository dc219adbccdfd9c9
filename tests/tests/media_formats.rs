//! Videos in all formats that can be decoded are played, with the times and colours that other programs see.
//!
//! A table of videos is generated. A small share of it is tested, or all of it with `ATOM_MEDIA_CASES=all`.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    collections::HashSet,
    env, fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use atom_tests::{
    captioning::wrong_captions,
    generated_media,
    media_case::MediaCase,
    media_format::FORMATS,
    playback::{Playback, play_all},
    program::{Workdir, path_str},
    reference_decoder::{self, decodebin_plays, frame_times},
    test_card,
};

#[test]
fn pixel_formats_of_broadcast_and_studio_are_captioned() {
    let wrong = wrong_captions(&[
        ("h264_422.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv422p"]),
        ("h264_444.mkv", &["-c:v", "libx264", "-pix_fmt", "yuv444p"]),
        ("h264_rgb.mkv", &["-c:v", "libx264rgb"]),
        (
            "hevc_422.mkv",
            &[
                "-c:v",
                "libx265",
                "-pix_fmt",
                "yuv422p",
                "-x265-params",
                "log-level=error:pools=1",
            ],
        ),
        (
            "mpeg2_422.mxf",
            &["-c:v", "mpeg2video", "-pix_fmt", "yuv422p"],
        ),
        (
            "dnxhr.mxf",
            &[
                "-s",
                "256x144",
                "-c:v",
                "dnxhd",
                "-profile:v",
                "dnxhr_sq",
                "-pix_fmt",
                "yuv422p",
            ],
        ),
        ("ffv1_rgb.mkv", &["-c:v", "ffv1", "-pix_fmt", "gbrp"]),
        ("svq1.mov", &["-c:v", "svq1", "-pix_fmt", "yuv410p"]),
        (
            "prores.mov",
            &[
                "-c:v",
                "prores_ks",
                "-profile:v",
                "4444",
                "-pix_fmt",
                "yuva444p10le",
            ],
        ),
        (
            "vp9_alpha.webm",
            &["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"],
        ),
        (
            "vp8_alpha.webm",
            &[
                "-c:v",
                "libvpx",
                "-auto-alt-ref",
                "0",
                "-pix_fmt",
                "yuva420p",
            ],
        ),
        ("animation.mov", &["-c:v", "qtrle", "-pix_fmt", "argb"]),
        ("animated.gif", &["-c:v", "gif"]),
    ]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pixel_format_without_a_name_in_gstreamer_is_an_error_and_not_a_crash() {
    let dir = Workdir::new();
    fs::create_dir(dir.path("videos")).unwrap();
    for (name, pixels) in [
        ("440.mkv", "yuv440p"),
        ("9bits.avi", "yuv420p9le"),
        ("14bits.mov", "yuv444p14le"),
    ] {
        let options = ["-c:v", "ffv1", "-pix_fmt", pixels];
        let video = generated_media::colours_with(name, &[("red", 1.0)], 25, &options);
        dir.atom(&["caption", path_str(&video), "--pack", "fake"])
            .fails_with(&["error", name]);
        dir.copy(&video, &format!("videos/{name}"));
    }
    dir.copy(
        &generated_media::colours("good.mp4", &[("red", 1.0)]),
        "videos/good.mp4",
    );
    let output = dir.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let output = output.fails_with(&["440.mkv", "9bits.avi", "14bits.mov"]);
    assert!(output.stdout.contains("good.mp4: 1 segment"), "{output}");
}

#[test]
fn transparent_parts_of_a_video_are_black() {
    let source = "color=c=white:s=160x120:r=10:d=1,format=yuva420p,colorchannelmixer=aa=0";
    let arguments = [
        "-f",
        "lavfi",
        "-i",
        source,
        "-c:v",
        "libvpx-vp9",
        "-pix_fmt",
        "yuva420p",
    ];
    let video = generated_media::generate("transparent.webm", &arguments);
    let playback = play_all(&video, (32, 32));
    playback.result.unwrap();
    assert_eq!(playback.frames.len(), 10);
    for (at, image) in playback.frames {
        let brightest = image.pixels().iter().max().unwrap();
        // GStreamer's weights of some scales are rounded.
        assert!(*brightest <= 12, "{brightest} at {at}");
    }
}

/// Chooses cases so that each codec, pixel format and container is in one, and each pair of the other properties in one.
fn share_of(cases: &[MediaCase]) -> Vec<MediaCase> {
    let mut seen = HashSet::new();
    let mut share = Vec::new();
    loop {
        let gain = |case: &&MediaCase| {
            traits(case)
                .iter()
                .filter(|pair| !seen.contains(*pair))
                .count()
        };
        // Of equal ones the last is taken, which is as good as any.
        match cases.iter().max_by_key(gain).filter(|case| gain(case) > 0) {
            Some(best) => {
                seen.extend(traits(best));
                share.push(*best);
            }
            None => return share,
        }
    }
}

/// Returns what a case tests.
fn traits(case: &MediaCase) -> [String; 8] {
    let MediaCase {
        container,
        timing,
        key_frames,
        sound,
        turn,
        ..
    } = case;
    [
        case.format.name.to_owned(),
        case.pixels.to_owned(),
        format!("{container} {timing:?}"),
        format!("{container} {sound:?}"),
        format!("{container} {turn:?}"),
        format!("{timing:?} {sound:?}"),
        format!("{timing:?} {key_frames:?}"),
        format!("{sound:?} {key_frames:?}"),
    ]
}

/// The outcome of a case.
enum Outcome {
    /// ffmpeg cannot make it.
    NotMade,
    /// Neither Atom nor GStreamer's own `decodebin` plays it.
    NotPlayable(String),
    Right,
    Wrong(String),
}

fn outcome(case: &MediaCase) -> Outcome {
    let Some(video) = case.generate() else {
        return Outcome::NotMade;
    };
    let playback = play_all(&video, case.shown_size());
    let failed = playback.result.is_err() || !playback.complete || !playback.errors.is_empty();
    if failed {
        let why = format!(
            "{}: {:?} {:?}",
            case.name(),
            playback.result,
            playback.errors
        );
        return match decodebin_plays(&video) {
            true => Outcome::Wrong(why),
            false => Outcome::NotPlayable(why),
        };
    }
    let difference =
        wrong_times(case, &video, &playback).or_else(|| wrong_pixels(case, &video, &playback));
    difference.map_or(Outcome::Right, |why| {
        Outcome::Wrong(format!("{}: {why}", case.name()))
    })
}

/// Compares the times of the frames with those of ffprobe.
fn wrong_times(case: &MediaCase, video: &Path, playback: &Playback) -> Option<String> {
    let times = frame_times(video);
    let found: Vec<_> = playback
        .frames
        .iter()
        .map(|(at, _)| at.nanos() as f64 / 1e6)
        .collect();
    // The clock of these containers starts anywhere, and a video at its first frame.
    let program_stream = ["mpg", "vob"].contains(&case.container);
    let relative = program_stream || case.container == "ts";
    let mut both = found.iter().zip(&times);
    let first = both.find_map(|(found, time)| Some((*time)? - found));
    let origin = first.filter(|_| relative).unwrap_or_default();
    let right = |(found, time): (&f64, &Option<f64>)| {
        // ffprobe gives frames of a program stream the times of their neighbours.
        program_stream || time.is_none_or(|time| (found - (time - origin)).abs() <= 4.0)
    };
    let same = found.len() == times.len() && found.iter().zip(&times).all(right);
    (!same).then(|| format!("frames at {found:?}, not {times:?}"))
}

/// Compares the colours of the frames with those of ffmpeg.
fn wrong_pixels(case: &MediaCase, video: &Path, playback: &Playback) -> Option<String> {
    let decoder: &[&str] = match (case.has_alpha(), case.format.name) {
        (true, "vp8a") => &["-c:v", "libvpx"],
        (true, "vp9") => &["-c:v", "libvpx-vp9"],
        _ => &[],
    };
    let expected = reference_decoder::frames(video, decoder, case.has_alpha(), case.shown_size());
    let both = playback.frames.iter().zip(&expected).enumerate();
    // Five bits a colour are widened in several ways, and decoders of DV differ.
    let coarse = case.pixels.starts_with("rgb555") || case.format.name.starts_with("dv");
    let tolerance = if coarse { 8.0 } else { 3.5 };
    let differs =
        |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > tolerance);
    for (number, ((_, found), expected)) in both {
        let (found, expected) = (test_card::cells(found), test_card::cells(expected));
        let mut pairs = found.iter().zip(&expected);
        if let Some((found, expected)) = pairs.find(|(a, b)| differs(a, b)) {
            return Some(format!(
                "frame {number} has {found:?} where ffmpeg has {expected:?}"
            ));
        }
    }
    (playback.frames.len() != expected.len()).then(|| "ffmpeg has another number of frames".into())
}

/// Returns what became of each case.
fn outcomes(cases: &[MediaCase], keep: bool) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut outcomes = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
            outcomes.push(outcome(case));
            if let (false, Some(video)) = (keep, case.generate()) {
                fs::remove_dir_all(video.parent().unwrap()).unwrap();
            }
        }
        outcomes
    };
    thread::scope(|threads| {
        let workers = [threads.spawn(work), threads.spawn(work)];
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    })
}

#[test]
fn every_generated_video_that_gstreamer_plays_is_played_with_its_times_and_colours() {
    let formats = FORMATS.iter().flat_map(|format| {
        let pixels = format.pixels.split_whitespace();
        pixels.flat_map(move |pixels| {
            let containers = format.containers.split_whitespace();
            containers.flat_map(move |container| MediaCase::all(format, pixels, container))
        })
    });
    let all: Vec<_> = formats.collect();
    let everything = env::var("ATOM_MEDIA_CASES").is_ok_and(|cases| cases == "all");
    let cases = match everything {
        true => all,
        false => share_of(&all),
    };
    let (mut right, mut not_made, mut wrong) = (0, 0, Vec::new());
    for outcome in outcomes(&cases, !everything) {
        match outcome {
            Outcome::Right => right += 1,
            Outcome::NotMade => not_made += 1,
            Outcome::NotPlayable(why) => println!("decodebin does not play it either: {why}"),
            Outcome::Wrong(why) => wrong.push(why),
        }
    }
    println!(
        "{right} of {} videos are right, {not_made} cannot be made",
        cases.len()
    );
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        right * 2 > cases.len(),
        "only {right} of {} could be checked",
        cases.len()
    );
}
