//! Unusual but valid input is accepted: sizes, frame rates, containers, names, and the readable part of damaged files.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path};

use atom_tests::{
    captioning::{caption, caption_completely, truncate, wrong_captions},
    generated_media,
    playback::play_all,
    program::{Workdir, path_str},
    subtitle_parsers,
};

#[test]
fn a_video_with_one_frame_is_captioned() {
    let video = generated_media::colours_with("one.mp4", &[("red", 1.0)], 10, &["-frames:v", "1"]);
    let cues = caption_completely(&video, 100);
    assert_eq!(cues[0].text, "A picture of red.");
}

#[test]
fn an_image_is_captioned() {
    for name in ["image.png", "image.jpg"] {
        let image = generated_media::colours_with(name, &[("blue", 1.0)], 1, &["-frames:v", "1"]);
        let (cues, _) = caption(&image);
        subtitle_parsers::assert_in_order(&cues, 10_000);
        assert_eq!(
            (cues.len(), cues[0].text.as_str()),
            (1, "A picture of blue."),
            "{name}"
        );
    }
}

#[test]
fn a_clip_of_half_a_second_is_captioned() {
    caption_completely(&generated_media::colours("half.mp4", &[("red", 0.5)]), 500);
}

#[test]
fn a_truncated_mp4_with_its_index_at_the_start_is_captioned_up_to_the_cut() {
    let dir = Workdir::new();
    let options = ["-movflags", "+faststart"];
    let video = truncate(
        &dir,
        &generated_media::moving("front.mp4", 10.0, &options),
        "cut.mp4",
        0.6,
    );
    let (cues, output) = caption(&video);
    subtitle_parsers::assert_in_order(&cues, 9000);
    assert!(cues.last().unwrap().end_ms >= 4000, "{output}");
    assert!(
        output.stderr.contains("warning") || output.stderr.contains("WARN"),
        "{output}"
    );
}

#[test]
fn a_truncated_fragmented_mp4_is_captioned_up_to_the_cut() {
    let dir = Workdir::new();
    let options = [
        "-movflags",
        "frag_keyframe+empty_moov",
        "-g",
        "10",
        "-bf",
        "0",
    ];
    let video = truncate(
        &dir,
        &generated_media::moving("fragments.mp4", 10.0, &options),
        "cut.mp4",
        0.6,
    );
    let (cues, output) = caption(&video);
    subtitle_parsers::assert_in_order(&cues, 9000);
    assert!(cues.last().unwrap().end_ms >= 4000, "{output}");
}

#[test]
fn a_complete_fragmented_mp4_is_captioned_to_its_end() {
    let options = [
        "-movflags",
        "frag_keyframe+empty_moov",
        "-g",
        "10",
        "-bf",
        "0",
    ];
    caption_completely(
        &generated_media::moving("fragments.mp4", 10.0, &options),
        10_000,
    );
}

#[test]
fn a_truncated_matroska_file_is_captioned_up_to_the_cut() {
    let dir = Workdir::new();
    let video = truncate(
        &dir,
        &generated_media::moving("whole.mkv", 10.0, &["-g", "10"]),
        "cut.mkv",
        0.6,
    );
    let (cues, output) = caption(&video);
    subtitle_parsers::assert_in_order(&cues, 9000);
    assert!(cues.last().unwrap().end_ms >= 4000, "{output}");
}

#[test]
fn unusual_frame_sizes_are_captioned() {
    for (size, name) in [
        ("161x121", "161x121.mkv"),
        ("2x2", "2x2.mkv"),
        ("4000x16", "4000x16.mkv"),
        ("16x4000", "16x4000.mkv"),
    ] {
        let source = format!("color=c=red:s={size}:r=5:d=2");
        let lossless = [
            "-f", "lavfi", "-i", &source, "-c:v", "ffv1", "-pix_fmt", "yuv444p",
        ];
        let cues = caption_completely(&generated_media::generate(name, &lossless), 2000);
        assert_eq!(cues[0].text, "A picture of red.", "{name}");
    }
}

#[test]
fn unusual_frame_rates_are_captioned() {
    let parts = [("red", 3.0), ("blue", 2.0)];
    for (rate, name) in [(7, "7fps.mp4"), (120, "120fps.mp4"), (1, "1fps.mp4")] {
        let cues = caption_completely(
            &generated_media::colours_with(name, &parts, rate, &[]),
            5000,
        );
        let texts: Vec<_> = cues.iter().map(|cue| cue.text.as_str()).collect();
        assert_eq!(texts[0], "A picture of red.", "{name}");
        assert_eq!(*texts.last().unwrap(), "A picture of blue.", "{name}");
    }
    let variable = ["-vf", "setpts='N*N*0.004/TB'", "-fps_mode", "vfr"];
    caption_completely(
        &generated_media::moving("variable.mkv", 3.0, &variable),
        3400,
    );
}

#[test]
fn file_names_may_have_spaces_quotes_and_other_scripts() {
    let dir = Workdir::new();
    let video = generated_media::colours("plain.mp4", &[("red", 1.0)]);
    for name in [
        "two words.mp4",
        "it's \"quoted\".mp4",
        "видео 映像 🎬.mp4",
        "-x.mp4",
        "100%25 #1?.mp4",
        "a=b&c;d$(e).mp4",
        "no_ending",
    ] {
        dir.copy(&video, name);
        let here = format!("./{name}");
        let output = dir.atom(&["caption", &here, "--pack", "fake"]).ok();
        assert!(
            output.stdout.contains("A picture of red."),
            "{name}: {output}"
        );
        let whole = dir.path(name);
        dir.atom(&[
            "index",
            path_str(&whole),
            "--pack",
            "fake",
            "--store",
            "s.db",
        ])
        .ok();
    }
    let found = dir.atom(&["search", "red", "--store", "s.db"]).ok();
    assert_eq!(found.stdout.lines().count(), 7, "{found}");
}

#[test]
fn a_file_name_that_is_not_utf_8_is_indexed() {
    use std::os::unix::ffi::OsStrExt;
    let dir = Workdir::new();
    let video = generated_media::colours("plain.mp4", &[("red", 1.0)]);
    fs::create_dir(dir.path("videos")).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"videos/caf\xe9.mp4");
    fs::copy(video, dir.path(".").join(name)).unwrap();
    dir.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"])
        .ok();
}

/// Returns the first letter of the colour of a pixel.
fn colour_at(image: &atom_models::Image, x: u32, y: u32) -> char {
    let index = ((y * image.width() + x) * 3) as usize;
    let [r, g, b] = image.pixels()[index..index + 3].try_into().unwrap();
    match (r > 150, g > 150, b > 150) {
        (true, false, false) => 'r',
        (false, false, true) => 'b',
        (false, true, false) => 'g',
        (true, true, true) => 'w',
        _ => '?',
    }
}

/// Generates a video whose quarters are red, lime, blue and white.
fn quarters(name: &str, options: &[&str]) -> std::path::PathBuf {
    let colours = ["red", "lime", "blue", "white"];
    let inputs: Vec<_> = colours
        .iter()
        .flat_map(|c| {
            [
                "-f".into(),
                "lavfi".into(),
                "-i".into(),
                format!("color=c={c}:s=64x48:r=5:d=1"),
            ]
        })
        .collect();
    let mut arguments: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let grid = "[0:v][1:v]hstack[a];[2:v][3:v]hstack[b];[a][b]vstack,format=yuv420p";
    arguments.extend(["-filter_complex", grid]);
    arguments.extend(options);
    generated_media::generate(name, &arguments)
}

#[test]
fn rotation_metadata_is_applied() {
    let plain = quarters("upright.mp4", &[]);
    let corners = |video: &Path| -> String {
        let playback = play_all(video, (64, 64));
        playback.result.unwrap();
        let image = &playback.frames[0].1;
        [(16, 16), (48, 16), (16, 48), (48, 48)]
            .map(|(x, y)| colour_at(image, x, y))
            .iter()
            .collect()
    };
    assert_eq!(corners(&plain), "rgbw");
    let plain = path_str(&plain);
    // The old rotate tag counts in the other direction than ffmpeg, so ffmpeg itself makes the expected frames.
    for degrees in ["90", "180", "270"] {
        let name = format!("rotated{degrees}.mp4");
        let rotate = format!("rotate={degrees}");
        let options = ["-i", plain, "-c", "copy", "-metadata:s:v:0", &rotate];
        let rotated = generated_media::generate(&name, &options);
        let shown = generated_media::generate(
            &format!("shown{degrees}.mkv"),
            &["-i", path_str(&rotated), "-c:v", "ffv1"],
        );
        let expected = corners(&shown);
        assert_ne!(expected, "rgbw", "ffmpeg rotates by {degrees}");
        assert_eq!(corners(&rotated), expected, "{degrees}");
    }
}

#[test]
fn common_containers_and_codecs_are_captioned() {
    let wrong = wrong_captions(&[
        ("vp8.webm", &["-c:v", "libvpx"]),
        ("vp9.webm", &["-c:v", "libvpx-vp9"]),
        ("mpeg4.avi", &["-c:v", "mpeg4"]),
        ("mjpeg.avi", &["-c:v", "mjpeg"]),
        ("h264.mkv", &["-c:v", "libx264"]),
        ("h264.mov", &["-c:v", "libx264"]),
        ("flv1.flv", &["-c:v", "flv1"]),
    ]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mpeg_streams_start_at_zero() {
    let wrong = wrong_captions(&[
        ("h264.ts", &["-c:v", "libx264"]),
        ("mpeg2.ts", &["-c:v", "mpeg2video"]),
        ("mpeg2.mpg", &["-c:v", "mpeg2video"]),
    ]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mpeg_streams_are_played_to_their_end() {
    for (name, codec) in [("h264.ts", "libx264"), ("mpeg2.ts", "mpeg2video")] {
        let parts = [("red", 2.0), ("blue", 2.0)];
        let (cues, _) = caption(&generated_media::colours_with(
            name,
            &parts,
            25,
            &["-c:v", codec],
        ));
        subtitle_parsers::assert_in_order(&cues, 6000);
        assert_eq!(cues[0].text, "A picture of red.");
        assert_eq!(cues.last().unwrap().text, "A picture of blue.");
    }
}

#[test]
fn a_video_whose_frame_size_changes_is_captioned() {
    let small = generated_media::colours("small.ts", &[("red", 2.0)]);
    let options = ["-s", "320x240", "-output_ts_offset", "2"];
    let large = generated_media::colours_with("large.ts", &[("blue", 2.0)], 10, &options);
    let dir = Workdir::new();
    let both = [fs::read(small).unwrap(), fs::read(large).unwrap()].concat();
    let (cues, output) = caption(&dir.write("both.ts", both));
    subtitle_parsers::assert_in_order(&cues, 5000);
    let texts: String = cues.iter().map(|cue| cue.text.as_str()).collect();
    assert!(texts.contains("red") && texts.contains("blue"), "{output}");
}

#[test]
fn a_dark_video_with_few_sampled_frames_is_captioned() {
    let cues = caption_completely(
        &generated_media::colours("black.mp4", &[("black", 9.0)]),
        9000,
    );
    assert_eq!(cues.len(), 3);
}
