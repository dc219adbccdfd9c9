//! Captions come out as subtitles that other programs read with the same times and text.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{path::Path, process::Command};

use atom_tests::{
    media,
    program::{BOUND, Place, Running, text},
    subtitles::{self, Cue},
};

/// Eleven and a half seconds in four colours: cues end at multiples, at scene changes and at the end.
fn video() -> std::path::PathBuf {
    let parts = [("red", 4.0), ("blue", 2.5), ("white", 3.0), ("lime", 2.0)];
    media::colours("cues.mp4", &parts)
}

const LENGTH_MS: u64 = 11_500;

/// What ffmpeg makes of a subtitle file, as SRT.
fn by_ffmpeg(path: &Path) -> Vec<Cue> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i", text(path), "-f", "srt", "-"]);
    let said = Running::start(command).wait(BOUND).ok();
    assert_eq!(said.stderr, "");
    subtitles::srt(&said.stdout)
}

fn captions(place: &Place, arguments: &[&str]) -> String {
    let video = video();
    let mut all = vec!["caption", text(&video), "--pack", "fake"];
    all.extend(arguments);
    place.atom(&all).ok().stdout
}

#[test]
fn webvtt_is_read_back_with_the_same_times_and_text() {
    let place = Place::new();
    let printed = captions(&place, &[]);
    assert_eq!(captions(&place, &["-o", "out.vtt"]), "");
    assert_eq!(place.read("out.vtt"), printed);
    let cues = subtitles::webvtt(&printed);
    subtitles::in_order(&cues, LENGTH_MS);
    assert_eq!(by_ffmpeg(&place.path("out.vtt")), cues);
    let red = Cue {
        start_ms: 0,
        end_ms: 4000,
        text: "A picture of red.".into(),
    };
    assert_eq!(cues[0], red);
    assert_eq!(cues.last().unwrap().end_ms, LENGTH_MS);
}

#[test]
fn srt_is_read_back_with_the_same_times_and_text() {
    let place = Place::new();
    let printed = captions(&place, &["--format", "srt"]);
    captions(&place, &["-o", "out.srt"]);
    assert_eq!(place.read("out.srt"), printed);
    let cues = subtitles::srt(&printed);
    subtitles::in_order(&cues, LENGTH_MS);
    assert_eq!(by_ffmpeg(&place.path("out.srt")), cues);
    assert_eq!(cues, subtitles::webvtt(&captions(&place, &[])));
}

#[test]
fn json_lines_say_the_same_as_the_subtitles() {
    let place = Place::new();
    let printed = captions(&place, &["--format", "jsonl"]);
    captions(&place, &["-o", "out.jsonl"]);
    assert_eq!(place.read("out.jsonl"), printed);
    let lines = atom_tests::program::json_lines(&printed);
    let cues = lines.iter().map(|line| Cue {
        start_ms: line["start_ms"].as_u64().unwrap(),
        end_ms: line["end_ms"].as_u64().unwrap(),
        text: line["text"].as_str().unwrap().into(),
    });
    assert_eq!(
        cues.collect::<Vec<_>>(),
        subtitles::webvtt(&captions(&place, &[]))
    );
    for line in lines {
        assert_eq!(line["kind"], "caption");
        assert_eq!(line["pack"], "fake");
        assert_eq!(line["source"], "video");
    }
}

#[test]
fn the_format_that_is_asked_for_goes_before_the_name_of_the_file() {
    let place = Place::new();
    captions(&place, &["-o", "out.txt", "--format", "srt"]);
    subtitles::in_order(&subtitles::srt(&place.read("out.txt")), LENGTH_MS);
}

#[test]
fn a_written_file_is_replaced_as_a_whole() {
    let place = Place::new();
    place.write("out.vtt", "something long and old\n".repeat(1000));
    captions(&place, &["-o", "out.vtt"]);
    subtitles::in_order(&subtitles::webvtt(&place.read("out.vtt")), LENGTH_MS);
}
