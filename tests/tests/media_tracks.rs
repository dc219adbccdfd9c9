//! Of a file with several tracks the right video is played, and judged by itself.
#![allow(clippy::unwrap_used, missing_docs)]

use atom_tests::{
    captioning::{caption, caption_completely, truncate},
    generated_media,
    playback::play_all,
    program::{Workdir, path_str},
};

#[test]
fn sound_and_subtitle_streams_are_ignored() {
    let dir = Workdir::new();
    let words = dir.write("words.srt", "1\n00:00:00,000 --> 00:00:02,000\nhello\n");
    let arguments = [
        "-f",
        "lavfi",
        "-i",
        "sine=d=5",
        "-f",
        "lavfi",
        "-i",
        "color=c=red:s=160x120:r=10:d=4",
        "-i",
        path_str(&words),
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        "-c:s",
        "srt",
    ];
    let cues = caption_completely(&generated_media::generate("all.mkv", &arguments), 4000);
    assert_eq!(cues.len(), 1);
}

#[test]
fn sound_of_any_length_is_not_taken_for_damage_of_the_video() {
    let picture = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=4"];
    for kind in [
        "mp4", "mov", "mkv", "avi", "ts", "webm", "flv", "ogv", "mpg",
    ] {
        for (name, sound) in [
            ("longer", &["-f", "lavfi", "-i", "sine=d=20"][..]),
            ("shorter", &["-f", "lavfi", "-i", "sine=d=1"]),
            (
                "later",
                &["-itsoffset", "2.5", "-f", "lavfi", "-i", "sine=d=8"],
            ),
        ] {
            let name = format!("{name}.{kind}");
            let tracks = ["-map", "0", "-map", "1"];
            let video = generated_media::generate(&name, &[&picture[..], sound, &tracks].concat());
            let playback = play_all(&video, (32, 32));
            let result = (
                playback.result.is_ok(),
                playback.complete,
                playback.frames.len(),
            );
            assert_eq!(result, (true, true, 100), "{name}: {:?}", playback.errors);
            assert!(playback.errors.is_empty(), "{name}: {:?}", playback.errors);
        }
    }
}

#[test]
fn a_video_that_is_cut_short_is_reported_although_its_sound_goes_on() {
    let picture = "testsrc2=s=160x120:r=25:d=4";
    let inputs = [
        "-f",
        "lavfi",
        "-i",
        picture,
        "-f",
        "lavfi",
        "-i",
        "sine=d=20",
    ];
    let options = ["-c:v", "libx264", "-qp", "2", "-movflags", "+faststart"];
    let front = generated_media::generate("front.mp4", &[inputs.as_slice(), &options].concat());
    let dir = Workdir::new();
    let (_, output) = caption(&truncate(&dir, &front, "cut.mp4", 0.3));
    output.warns_with(&["warning", "undecodable"]);
}

/// Generates a file with two video tracks, red and blue.
fn two_tracks(name: &str, options: &[&str]) -> std::path::PathBuf {
    let (red, blue) = (
        "color=c=red:s=160x120:r=10:d=2",
        "color=c=blue:s=160x120:r=10:d=2",
    );
    let mut arguments = vec!["-f", "lavfi", "-i", red, "-f", "lavfi", "-i", blue];
    arguments.extend(["-map", "0", "-map", "1"]);
    arguments.extend(options);
    generated_media::generate(name, &arguments)
}

#[test]
fn of_two_video_tracks_the_default_one_is_captioned_else_the_first() {
    let second = ["-disposition:v:0", "0", "-disposition:v:1", "default"];
    let first = ["-disposition:v:0", "default", "-disposition:v:1", "0"];
    let (red, blue) = ("A picture of red.", "A picture of blue.");
    for (name, options, expected, end_ms) in [
        ("second.mkv", &second[..], blue, 2000),
        ("second.mp4", &second, blue, 2000),
        ("first.mkv", &first, red, 2000),
        ("first.mp4", &first, red, 2000),
        ("any.avi", &["-c:v", "mpeg4"], red, 2000),
        // A transport stream does not tell how long its last frame is shown.
        ("any.ts", &[], red, 1920),
    ] {
        let cues = caption_completely(&two_tracks(name, options), end_ms);
        assert_eq!(cues[0].text, expected, "{name}");
    }
}

#[test]
fn a_cover_beside_the_video_is_not_taken_for_it() {
    let cover =
        generated_media::colours_with("cover.jpg", &[("blue", 1.0)], 1, &["-frames:v", "1"]);
    let video = generated_media::colours("covered.mp4", &[("red", 2.0)]);
    for (name, disposition) in [
        ("cover.mkv", "attached_pic"),
        ("cover.mp4", "attached_pic"),
        ("default.mkv", "default"),
        ("cover.avi", "default"),
    ] {
        let inputs = [
            "-i",
            path_str(&cover),
            "-i",
            path_str(&video),
            "-map",
            "0",
            "-map",
            "1:v",
        ];
        let options = ["-c", "copy", "-disposition:v:0", disposition];
        let both = generated_media::generate(name, &[&inputs[..], &options].concat());
        let cues = caption_completely(&both, 2000);
        assert_eq!(cues[0].text, "A picture of red.", "{name}");
    }
}
