//! Captions are written as subtitles that other programs read with the same times and text.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{path::Path, process::Command};

use atom_tests::{
    generated_media, pipeline_text,
    program::{Process, TIMEOUT, Workdir, path_str},
    subtitle_parsers::{self, Cue},
};
use serde_json::Value;

/// Generates 11.5 seconds in four colours: cues end at multiples of the segment length, at scene changes and at the end.
fn video() -> std::path::PathBuf {
    let parts = [("red", 4.0), ("blue", 2.5), ("white", 3.0), ("lime", 2.0)];
    generated_media::colours("cues.mp4", &parts)
}

const LENGTH_MS: u64 = 11_500;

/// Converts a subtitle file to SRT with ffmpeg.
fn converted_by_ffmpeg(path: &Path) -> Vec<Cue> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i", path_str(path), "-f", "srt", "-"]);
    let output = Process::start(command).wait(TIMEOUT).ok();
    assert_eq!(output.stderr, "");
    subtitle_parsers::srt(&output.stdout)
}

fn captions(dir: &Workdir, arguments: &[&str]) -> String {
    let video = video();
    let mut all = vec!["caption", path_str(&video), "--pack", "fake"];
    all.extend(arguments);
    dir.atom(&all).ok().stdout
}

#[test]
fn webvtt_is_read_back_with_the_same_times_and_text() {
    let dir = Workdir::new();
    let printed = captions(&dir, &[]);
    assert_eq!(captions(&dir, &["-o", "out.vtt"]), "");
    assert_eq!(dir.read("out.vtt"), printed);
    let cues = subtitle_parsers::webvtt(&printed);
    subtitle_parsers::assert_in_order(&cues, LENGTH_MS);
    assert_eq!(converted_by_ffmpeg(&dir.path("out.vtt")), cues);
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
    let dir = Workdir::new();
    let printed = captions(&dir, &["--format", "srt"]);
    captions(&dir, &["-o", "out.srt"]);
    assert_eq!(dir.read("out.srt"), printed);
    let cues = subtitle_parsers::srt(&printed);
    subtitle_parsers::assert_in_order(&cues, LENGTH_MS);
    assert_eq!(converted_by_ffmpeg(&dir.path("out.srt")), cues);
    assert_eq!(cues, subtitle_parsers::webvtt(&captions(&dir, &[])));
}

#[test]
fn json_lines_have_the_same_content_as_the_subtitles() {
    let dir = Workdir::new();
    let printed = captions(&dir, &["--format", "jsonl"]);
    captions(&dir, &["-o", "out.jsonl"]);
    assert_eq!(dir.read("out.jsonl"), printed);
    let lines = atom_tests::program::json_lines(&printed);
    let cues = lines.iter().map(|line| Cue {
        start_ms: line["start_ms"].as_u64().unwrap(),
        end_ms: line["end_ms"].as_u64().unwrap(),
        text: line["text"].as_str().unwrap().into(),
    });
    assert_eq!(
        cues.collect::<Vec<_>>(),
        subtitle_parsers::webvtt(&captions(&dir, &[]))
    );
    for line in lines {
        assert_eq!(line["kind"], "caption");
        assert_eq!(line["pack"], "fake");
        assert_eq!(line["source"], "video");
    }
}

#[test]
fn the_format_option_takes_precedence_over_the_file_extension() {
    let dir = Workdir::new();
    captions(&dir, &["-o", "out.txt", "--format", "srt"]);
    subtitle_parsers::assert_in_order(&subtitle_parsers::srt(&dir.read("out.txt")), LENGTH_MS);
}

#[test]
fn an_existing_file_is_replaced_completely() {
    let dir = Workdir::new();
    dir.write("out.vtt", "something long and old\n".repeat(1000));
    captions(&dir, &["-o", "out.vtt"]);
    subtitle_parsers::assert_in_order(&subtitle_parsers::webvtt(&dir.read("out.vtt")), LENGTH_MS);
}

/// Returns the kind, the start and the text of each line of a JSON lines file.
fn lines(dir: &Workdir, file: &str) -> Vec<(String, u64, String)> {
    let word = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let start = line["start_ms"].as_u64().unwrap();
        (word(&line, "kind"), start, word(&line, "text"))
    };
    dir.read(file).lines().map(of).collect()
}

#[test]
fn drafts_precede_their_captions_and_go_only_to_sinks_that_request_them() {
    let dir = Workdir::new();
    let file = [
        pipeline_text::scenes("", ""),
        pipeline_text::caption("captions", "scenes"),
        pipeline_text::sink("jsonl", "captions", "plain.jsonl"),
        "[sink.early]\nkind = \"jsonl\"\ninputs = [\"captions\"]\npath = \"early.jsonl\"\ndrafts = true\n".into(),
    ];
    dir.write("p.toml", file.concat());
    let video = format!("video={}", path_str(&video()));
    let output = dir.atom(&["run", "p.toml", "--source", &video, "--json"]);
    let output = output.ok().stdout;
    let (early, plain) = (lines(&dir, "early.jsonl"), lines(&dir, "plain.jsonl"));
    assert_eq!(output.lines().count(), plain.len(), "{output}");
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
