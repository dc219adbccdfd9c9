//! The results of reason nodes that ask periodically or report only changes, and of summary nodes.
#![allow(clippy::unwrap_used, missing_docs)]

use atom_index::Store;
use atom_tests::{
    generated_media, pipeline_text,
    program::{Workdir, path_str},
};
use serde_json::{Value, json};

/// Runs a pipeline on a video of 24 s: red for 10 s, white for 2 s, red for 4 s, blue for 8 s.
fn run(more: &str) -> (Workdir, Vec<Value>) {
    let dir = Workdir::new();
    let colours = [("red", 10.0), ("white", 2.0), ("red", 4.0), ("blue", 8.0)];
    let video = generated_media::colours("changes.mp4", &colours);
    let scenes = pipeline_text::scenes("fps = 2", "length_ms = 2000");
    dir.write("a.toml", format!("{scenes}{more}"));
    let source = format!("video={}", path_str(&video));
    let lines = dir
        .atom(&["run", "a.toml", "--json", "--source", &source])
        .ok()
        .json_lines();
    (dir, lines)
}

fn starts(lines: &[Value]) -> Vec<u64> {
    lines
        .iter()
        .map(|line| line["start_ms"].as_u64().unwrap())
        .collect()
}

#[test]
fn only_changes_are_reported_with_the_segments_that_support_them() {
    let ask = pipeline_text::reason("red", "scenes", "Is it red?");
    let alert = format!("{ask}answer = \"yes_no\"\ntell = \"changes\"\nagree = 2\n");
    let index =
        "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\", \"red\"]\nstore = \"s.db\"\n";
    let (dir, lines) = run(&format!("{alert}{index}"));
    let reported: Vec<_> = lines
        .iter()
        .map(|line| (&line["text"], &line["rests_on"]))
        .collect();
    // Two white seconds are one segment, which is no change. Blue starts at 16 s.
    let expected = [
        ("Yes", json!([[0, 2000], [2000, 4000]])),
        ("No", json!([[16000, 18000], [18000, 20000]])),
    ];
    assert_eq!(reported.len(), 2, "{lines:?}");
    for ((text, rests_on), (want, on)) in reported.into_iter().zip(&expected) {
        assert_eq!((text.as_str().unwrap(), rests_on), (*want, on));
    }
    assert_eq!(starts(&lines), [2000, 18000]);
    assert!(lines[0]["probability"].as_f64().unwrap() > 0.9);
    // The index nevertheless has the answer of every segment.
    let rows = Store::open_existing(&dir.path("s.db"))
        .unwrap()
        .rows(None, None, None)
        .unwrap();
    assert_eq!(rows.len(), 12);
    let white = rows.iter().find(|row| row.row.start_ms == 10_000).unwrap();
    assert_eq!(
        white.row.answers,
        [("Is it red?".to_owned(), "No".to_owned())]
    );
}

#[test]
fn every_third_segment_is_asked_about_and_every_segment_is_indexed() {
    let ask = pipeline_text::reason("red", "scenes", "Is it red?");
    let index =
        "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\", \"red\"]\nstore = \"s.db\"\n";
    let (dir, lines) = run(&format!("{ask}every = 3\n{index}"));
    assert_eq!(starts(&lines), [0, 6000, 12_000, 18_000]);
    let rows = Store::open_existing(&dir.path("s.db"))
        .unwrap()
        .rows(None, None, None)
        .unwrap();
    let answered: Vec<_> = rows.iter().map(|row| row.row.answers.len()).collect();
    assert_eq!(answered, [1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]);
}

#[test]
fn minutes_are_summarized_once_and_spans_from_minutes() {
    let captions = pipeline_text::caption("captions", "scenes");
    let summary = "[node.minutes]\nkind = \"summary\"\ninputs = [\"captions\"]\nlength_ms = 8000\nspan_ms = 16000\n";
    let sink = pipeline_text::sink("jsonl", "minutes", "s.jsonl");
    let (dir, lines) = run(&format!("{captions}{summary}{sink}"));
    let summaries: Vec<_> = lines
        .iter()
        .filter(|line| line["kind"] == "summary")
        .cloned()
        .collect();
    let reported: Vec<_> = summaries
        .iter()
        .map(|line| {
            (
                line["span"].as_bool().unwrap(),
                line["start_ms"].as_u64().unwrap(),
                line["end_ms"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        reported,
        [
            (false, 0, 8000),
            (false, 8000, 16_000),
            (true, 0, 16_000),
            (false, 16_000, 24_000)
        ]
    );
    assert_eq!(summaries[0]["text"], "A picture of red (0:00 to 0:08).");
    assert_eq!(
        summaries[1]["text"],
        "A picture of red (0:08 to 0:10, 0:12 to 0:16). A picture of white (0:10 to 0:12)."
    );
    assert_eq!(summaries[0]["node"], "minutes");
    let written = dir.read("s.jsonl");
    assert_eq!(atom_tests::program::json_lines(&written), summaries);
}

#[test]
fn one_node_summarizes_two_sources_separately() {
    let dir = Workdir::new();
    let chain = |name: &str| {
        pipeline_text::scenes("fps = 2", "length_ms = 2000")
            .replace("pack = \"fake\"\n", "")
            .replace("video", name)
            .replace("frames", &format!("frames_{name}"))
            .replace("seen", &format!("seen_{name}"))
            .replace("scenes", &format!("scenes_{name}"))
            + &pipeline_text::caption(&format!("captions_{name}"), &format!("scenes_{name}"))
    };
    let summary = "[node.minutes]\nkind = \"summary\"\ninputs = [\"captions_a\", \"captions_b\"]\nlength_ms = 4000\nspan_ms = 0\n";
    dir.write(
        "a.toml",
        format!("pack = \"fake\"\n{}{}{summary}", chain("a"), chain("b")),
    );
    let source = |name, colour| {
        format!(
            "{name}={}",
            path_str(&generated_media::colours(
                &format!("{colour}.mp4"),
                &[(colour, 8.0)]
            ))
        )
    };
    let (a, b) = (source("a", "red"), source("b", "blue"));
    let run = ["run", "a.toml", "--json", "--source", &a, "--source", &b];
    let lines = dir.atom(&run).ok().json_lines();
    for (name, colour) in [("a", "red"), ("b", "blue")] {
        let of_source = lines
            .iter()
            .filter(|line| line["kind"] == "summary" && line["source"] == name);
        let texts: Vec<_> = of_source
            .map(|line| line["text"].as_str().unwrap())
            .collect();
        let minutes = ["0:00 to 0:04", "0:04 to 0:08"];
        let expected = minutes.map(|minute| format!("A picture of {colour} ({minute})."));
        assert_eq!(texts, expected, "{lines:?}");
    }
}

#[test]
fn the_built_in_diary_reports_minutes_and_changes() {
    let dir = Workdir::new();
    dir.write(
        "diary.toml",
        pipeline_text::built_in("diary").replace("Is there a person?", "Is it red?"),
    );
    let video = generated_media::colours("diary.mp4", &[("red", 64.0), ("blue", 12.0)]);
    let source = format!("video={}", path_str(&video));
    dir.atom(&["run", "diary.toml", "--source", &source]).ok();
    let lines = atom_tests::program::json_lines(&dir.read("diary.jsonl"));
    let reported: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["kind"].as_str().unwrap(),
                line["end_ms"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        reported,
        [
            ("answer", 8000),
            ("summary", 60_000),
            ("answer", 72_000),
            ("summary", 76_000),
            ("summary", 76_000)
        ],
        "{lines:?}"
    );
    assert_eq!(
        (&lines[0]["text"], &lines[2]["text"]),
        (&"Yes".into(), &"No".into())
    );
}

#[test]
fn invalid_settings_are_rejected_before_the_run_starts() {
    let free = pipeline_text::reason("asked", "scenes", "Is it red?");
    let captions = pipeline_text::caption("captions", "scenes");
    let summary = |more: &str| {
        format!("{captions}[node.s]\nkind = \"summary\"\ninputs = [\"captions\"]\n{more}")
    };
    for (more, expected) in [
        (
            format!("{free}tell = \"changes\"\n"),
            "free answers always differ",
        ),
        (format!("{free}every = 0\n"), "1 to 1000"),
        (format!("{free}agree = 0\n"), "1 to 100"),
        (format!("{free}tell = \"sometimes\"\n"), "changes"),
        (summary("length_ms = 10\n"), "1000 to 3600000"),
        (summary("span_ms = 90000\n"), "a multiple of it"),
        (
            "[node.s]\nkind = \"summary\"\ninputs = [\"scenes\"]\n".to_owned(),
            "accepts captions",
        ),
    ] {
        let dir = Workdir::new();
        let scenes = pipeline_text::scenes("fps = 2", "length_ms = 4000");
        dir.write("a.toml", format!("{scenes}{more}"));
        dir.atom(&["check", "a.toml"]).fails_with(&[expected]);
    }
}

#[test]
fn a_question_in_a_cycle_is_rejected_with_its_path() {
    let dir = Workdir::new();
    let scenes = pipeline_text::scenes("fps = 2", "length_ms = 4000");
    let captions = pipeline_text::caption("captions", "asked");
    let asked = pipeline_text::reason("asked", "captions", "Is it red?");
    dir.write("a.toml", format!("{scenes}{captions}{asked}"));
    dir.atom(&["check", "a.toml"])
        .fails_with(&["captions -> asked -> captions"]);
}
