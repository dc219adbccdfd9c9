//! Odd but good input is taken: unusual sizes, rates, containers, names, and what can be had of a damaged file.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path};

use atom_tests::{
    frames::frames,
    media,
    program::{Place, Said, text},
    subtitles::{self, Cue},
};

/// Captions a video with the fake pack.
#[track_caller]
fn captioned(video: &Path) -> (Vec<Cue>, Said) {
    let said = Place::new()
        .atom(&["caption", text(video), "--pack", "fake"])
        .ok();
    let cues = subtitles::webvtt(&said.stdout);
    (cues, said)
}

/// Captions a video of which nothing is to be warned; its cues are in order and end there.
#[track_caller]
fn captioned_to(video: &Path, end_ms: u64) -> Vec<Cue> {
    let (cues, said) = captioned(video);
    assert_eq!(said.stderr, "", "{}", video.display());
    subtitles::in_order(&cues, end_ms + 1);
    let last = cues.last().unwrap().end_ms;
    assert!(
        last + 1 >= end_ms,
        "{}: {last}, not {end_ms}",
        video.display()
    );
    cues
}

#[test]
fn a_video_of_one_frame() {
    let video = media::colours_with("one.mp4", &[("red", 1.0)], 10, &["-frames:v", "1"]);
    let cues = captioned_to(&video, 100);
    assert_eq!(cues[0].text, "A picture of red.");
}

#[test]
fn a_picture() {
    for name in ["picture.png", "picture.jpg"] {
        let picture = media::colours_with(name, &[("blue", 1.0)], 1, &["-frames:v", "1"]);
        let (cues, _) = captioned(&picture);
        subtitles::in_order(&cues, 10_000);
        assert_eq!(
            (cues.len(), cues[0].text.as_str()),
            (1, "A picture of blue."),
            "{name}"
        );
    }
}

#[test]
fn a_clip_of_half_a_second() {
    captioned_to(&media::colours("half.mp4", &[("red", 0.5)]), 500);
}

/// Cuts a file after a share of its bytes.
fn cut(place: &Place, video: &Path, name: &str, share: f64) -> std::path::PathBuf {
    let whole = fs::read(video).unwrap();
    let length = (whole.len() as f64 * share) as usize;
    place.write(name, &whole[..length])
}

#[test]
fn an_mp4_cut_short_whose_index_is_in_front_is_used_as_far_as_it_goes() {
    let place = Place::new();
    let options = ["-movflags", "+faststart"];
    let video = cut(
        &place,
        &media::moving("front.mp4", 10.0, &options),
        "cut.mp4",
        0.6,
    );
    let (cues, said) = captioned(&video);
    subtitles::in_order(&cues, 9000);
    assert!(cues.last().unwrap().end_ms >= 4000, "{said}");
    assert!(
        said.stderr.contains("warning") || said.stderr.contains("WARN"),
        "{said}"
    );
}

#[test]
fn an_mp4_in_fragments_cut_short_is_used_as_far_as_it_goes() {
    let place = Place::new();
    let options = [
        "-movflags",
        "frag_keyframe+empty_moov",
        "-g",
        "10",
        "-bf",
        "0",
    ];
    let video = cut(
        &place,
        &media::moving("fragments.mp4", 10.0, &options),
        "cut.mp4",
        0.6,
    );
    let (cues, said) = captioned(&video);
    subtitles::in_order(&cues, 9000);
    assert!(cues.last().unwrap().end_ms >= 4000, "{said}");
}

#[test]
fn an_mp4_in_fragments_that_is_whole_is_used_whole() {
    let options = [
        "-movflags",
        "frag_keyframe+empty_moov",
        "-g",
        "10",
        "-bf",
        "0",
    ];
    captioned_to(&media::moving("fragments.mp4", 10.0, &options), 10_000);
}

#[test]
fn a_matroska_file_cut_short_is_used_as_far_as_it_goes() {
    let place = Place::new();
    let video = cut(
        &place,
        &media::moving("whole.mkv", 10.0, &["-g", "10"]),
        "cut.mkv",
        0.6,
    );
    let (cues, said) = captioned(&video);
    subtitles::in_order(&cues, 9000);
    assert!(cues.last().unwrap().end_ms >= 4000, "{said}");
}

#[test]
fn odd_sizes() {
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
        let cues = captioned_to(&media::made(name, &lossless), 2000);
        assert_eq!(cues[0].text, "A picture of red.", "{name}");
    }
}

#[test]
fn odd_rates() {
    let parts = [("red", 3.0), ("blue", 2.0)];
    for (rate, name) in [(7, "7fps.mp4"), (120, "120fps.mp4"), (1, "1fps.mp4")] {
        let cues = captioned_to(&media::colours_with(name, &parts, rate, &[]), 5000);
        let texts: Vec<_> = cues.iter().map(|cue| cue.text.as_str()).collect();
        assert_eq!(texts[0], "A picture of red.", "{name}");
        assert_eq!(*texts.last().unwrap(), "A picture of blue.", "{name}");
    }
    let variable = ["-vf", "setpts='N*N*0.004/TB'", "-fps_mode", "vfr"];
    captioned_to(&media::moving("variable.mkv", 3.0, &variable), 3400);
}

#[test]
fn names_with_spaces_quotes_and_other_scripts() {
    let place = Place::new();
    let video = media::colours("plain.mp4", &[("red", 1.0)]);
    for name in [
        "two words.mp4",
        "it's \"quoted\".mp4",
        "видео 映像 🎬.mp4",
        "-x.mp4",
        "100%25 #1?.mp4",
        "a=b&c;d$(e).mp4",
        "no_ending",
    ] {
        place.copy(&video, name);
        let here = format!("./{name}");
        let said = place.atom(&["caption", &here, "--pack", "fake"]).ok();
        assert!(said.stdout.contains("A picture of red."), "{name}: {said}");
        let whole = place.path(name);
        place
            .atom(&["index", text(&whole), "--pack", "fake", "--store", "s.db"])
            .ok();
    }
    let found = place.atom(&["search", "red", "--store", "s.db"]).ok();
    assert_eq!(found.stdout.lines().count(), 7, "{found}");
}

#[test]
fn a_name_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let video = media::colours("plain.mp4", &[("red", 1.0)]);
    fs::create_dir(place.path("videos")).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"videos/caf\xe9.mp4");
    fs::copy(video, place.path(".").join(name)).unwrap();
    place
        .atom(&["index", "videos", "--pack", "fake", "--store", "s.db"])
        .ok();
}

/// The mean colour of a quarter of a picture, by its middle.
fn at(image: &atom_models::Image, x: u32, y: u32) -> char {
    let place = ((y * image.width() + x) * 3) as usize;
    let [r, g, b] = image.pixels()[place..place + 3].try_into().unwrap();
    match (r > 150, g > 150, b > 150) {
        (true, false, false) => 'r',
        (false, false, true) => 'b',
        (false, true, false) => 'g',
        (true, true, true) => 'w',
        _ => '?',
    }
}

/// A video with red, lime over blue, white in its quarters.
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
    media::made(name, &arguments)
}

#[test]
fn a_video_that_says_how_it_is_to_be_turned_is_seen_upright() {
    let plain = quarters("upright.mp4", &[]);
    let corners = |video: &Path| -> String {
        let (seen, _, outcome) = frames(video, (64, 64));
        outcome.unwrap();
        let image = &seen[0].1;
        [(16, 16), (48, 16), (16, 48), (48, 48)]
            .map(|(x, y)| at(image, x, y))
            .iter()
            .collect()
    };
    assert_eq!(corners(&plain), "rgbw");
    let plain = text(&plain);
    // ffmpeg turns the other way than the number of the old rotate tag: both are read back by ffmpeg itself here.
    for degrees in ["90", "180", "270"] {
        let name = format!("turned{degrees}.mp4");
        let rotate = format!("rotate={degrees}");
        let options = ["-i", plain, "-c", "copy", "-metadata:s:v:0", &rotate];
        let turned = media::made(&name, &options);
        let shown = media::made(
            &format!("shown{degrees}.mkv"),
            &["-i", text(&turned), "-c:v", "ffv1"],
        );
        let expected = corners(&shown);
        assert_ne!(expected, "rgbw", "ffmpeg turns {degrees}");
        assert_eq!(corners(&turned), expected, "{degrees}");
    }
}

#[test]
fn sound_and_subtitles_beside_the_video_are_left_alone() {
    let place = Place::new();
    let words = place.write("words.srt", "1\n00:00:00,000 --> 00:00:02,000\nhello\n");
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
        text(&words),
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        "-c:s",
        "srt",
    ];
    let cues = captioned_to(&media::made("all.mkv", &arguments), 4000);
    assert_eq!(cues.len(), 1);
}

/// Captions red then blue in each container and codec; what is wrong with the times or the words.
fn played(codecs: &[(&str, &[&str])]) -> Vec<String> {
    let parts = [("red", 2.0), ("blue", 2.0)];
    let mut wrong = Vec::new();
    for (name, options) in codecs {
        let video = media::colours_with(name, &parts, 25, options);
        let (cues, said) = captioned(&video);
        let seen: Vec<_> = cues.iter().map(|cue| cue.text.as_str()).collect();
        let near = cues.first().is_some_and(|cue| cue.start_ms <= 40)
            && cues
                .last()
                .is_some_and(|cue| cue.end_ms.abs_diff(4000) <= 40);
        let right = near && seen == ["A picture of red.", "A picture of blue."];
        if !right || !said.stderr.is_empty() {
            wrong.push(format!("{name}: {said}"));
        }
    }
    wrong
}

#[test]
fn containers_and_codecs() {
    let wrong = played(&[
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
fn the_first_picture_of_an_mpeg_stream_is_at_0() {
    let wrong = played(&[
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
        let (cues, _) = captioned(&media::colours_with(name, &parts, 25, &["-c:v", codec]));
        subtitles::in_order(&cues, 6000);
        assert_eq!(cues[0].text, "A picture of red.");
        assert_eq!(cues.last().unwrap().text, "A picture of blue.");
    }
}

#[test]
fn a_video_whose_size_changes_on_the_way() {
    let small = media::colours("small.ts", &[("red", 2.0)]);
    let options = ["-s", "320x240", "-output_ts_offset", "2"];
    let large = media::colours_with("large.ts", &[("blue", 2.0)], 10, &options);
    let place = Place::new();
    let both = [fs::read(small).unwrap(), fs::read(large).unwrap()].concat();
    let (cues, said) = captioned(&place.write("both.ts", both));
    subtitles::in_order(&cues, 5000);
    let seen: String = cues.iter().map(|cue| cue.text.as_str()).collect();
    assert!(seen.contains("red") && seen.contains("blue"), "{said}");
}

#[test]
fn an_empty_sampling_of_a_dark_video_still_gives_a_caption() {
    let cues = captioned_to(&media::colours("black.mp4", &[("black", 9.0)]), 9000);
    assert_eq!(cues.len(), 3);
}
