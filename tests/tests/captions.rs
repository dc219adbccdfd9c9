//! Captions come out as subtitles that other programs read with the same times and text.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{path::Path, process::Command};

use atom_tests::{
    media, pipeline,
    program::{BOUND, Place, Running, text},
    subtitles::{self, Cue},
};
use serde_json::Value;

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

/// Kind, start and text of each line of a file of JSON lines.
fn lines(place: &Place, file: &str) -> Vec<(String, u64, String)> {
    let word = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let start = line["start_ms"].as_u64().unwrap();
        (word(&line, "kind"), start, word(&line, "text"))
    };
    place.read(file).lines().map(of).collect()
}

#[test]
fn drafts_go_before_their_captions_and_only_where_they_are_asked_for() {
    let place = Place::new();
    let file = [
        pipeline::scenes("", ""),
        pipeline::caption("captions", "scenes"),
        pipeline::sink("jsonl", "captions", "plain.jsonl"),
        "[sink.early]\nkind = \"jsonl\"\ninputs = [\"captions\"]\npath = \"early.jsonl\"\ndrafts = true\n".into(),
    ];
    place.write("p.toml", file.concat());
    let video = format!("video={}", text(&video()));
    let said = place.atom(&["run", "p.toml", "--source", &video, "--json"]);
    let said = said.ok().stdout;
    let (early, plain) = (lines(&place, "early.jsonl"), lines(&place, "plain.jsonl"));
    assert_eq!(said.lines().count(), plain.len(), "{said}");
    assert!(
        plain.iter().all(|(kind, ..)| kind == "caption"),
        "{plain:?}"
    );
    assert_eq!(early.len(), 2 * plain.len(), "{early:?}");
    for caption in &plain {
        let at = early.iter().position(|line| line == caption).unwrap();
        let draft = early[..at]
            .iter()
            .find(|(kind, start, _)| kind == "draft" && *start == caption.1);
        assert!(
            draft.is_some(),
            "{caption:?} has no draft before it: {early:?}"
        );
    }
    let first = ("draft".to_owned(), 0, "Something red.".to_owned());
    assert_eq!(early[0], first);
}
