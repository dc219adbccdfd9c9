//! Recordings that cannot be played are remembered with the reason: nothing waits for them, and each answer says so once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_tests::{
    generated_media,
    program::{ProgramOutput, Workdir},
};
use serde_json::Value;

const INDEX: [&str; 6] = ["index", "v", "--pack", "fake", "--store", "s.db"];

/// A folder with one video and three files that are none.
fn mixed() -> Workdir {
    let dir = Workdir::new();
    fs::create_dir(dir.path("v")).unwrap();
    dir.copy(&red(), "v/a.mp4");
    dir.write("v/text.mp4", "no video at all");
    dir.write("v/empty.mp4", "");
    let cut = fs::read(red()).unwrap();
    dir.write("v/head.mp4", &cut[..200]);
    dir
}

fn red() -> std::path::PathBuf {
    generated_media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)])
}

#[track_caller]
fn json(dir: &Workdir, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--json", "--store", "s.db"]);
    dir.atom(&all).ok().json_lines().remove(0)
}

/// Returns the sources that are incomplete because they failed, after checking that each has a stage and a reason.
#[track_caller]
fn failed(answer: &Value) -> Vec<String> {
    let incomplete = answer["incomplete"].as_array().into_iter().flatten();
    incomplete
        .map(|gap| {
            assert_eq!(gap["why"], "failed", "{answer}");
            assert_eq!(gap["stages"][0], "source", "{answer}");
            assert!(!gap["reason"].as_str().unwrap().is_empty(), "{answer}");
            gap["source"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// Counts the lines of stderr that name a file.
fn lines_with(output: &ProgramOutput, name: &str) -> usize {
    let lines = output.stderr.lines();
    lines.filter(|line| line.contains(name)).count()
}

#[test]
fn a_recording_that_failed_says_so_once_with_the_reason_and_is_not_waited_for() {
    let dir = mixed();
    let bad = ["empty.mp4", "head.mp4", "text.mp4"];
    let output = dir.atom(&INDEX).fails_with(&["3 recordings failed"]);
    for name in bad {
        assert_eq!(lines_with(&output, name), 1, "{name}\n{output}");
    }
    for command in [
        &["search", "red"][..],
        &["ask", "Is it red?"],
        &["summarize"],
        &["stats"],
    ] {
        assert_eq!(failed(&json(&dir, command)), bad, "{command:?}");
        let mut text = command.to_vec();
        text.extend(["--store", "s.db", "--wait-until", "1:00:00"]);
        let output = dir
            .atom(&text)
            .warns_with(&["failed: it is empty", "the other source is complete"]);
        assert!(
            !output.stderr.contains("not everything is indexed"),
            "{output}"
        );
        for name in bad {
            assert_eq!(lines_with(&output, name), 1, "{name}\n{output}");
        }
    }
    let stats = dir.atom(&["store", "stats", "--store", "s.db"]).ok();
    assert!(
        stats
            .stdout
            .contains("not complete: empty.mp4  failed: it is empty"),
        "{stats}"
    );
}

#[test]
fn a_recording_that_failed_is_tried_again_and_a_good_file_clears_the_failure() {
    let dir = mixed();
    dir.atom(&INDEX).fails_with(&["3 recordings failed"]);
    // The same files fail again, and are named again.
    let again = dir.atom(&INDEX).fails_with(&["3 recordings failed"]);
    assert_eq!(lines_with(&again, "text.mp4"), 1, "{again}");
    dir.copy(&red(), "v/text.mp4");
    fs::remove_file(dir.path("v/empty.mp4")).unwrap();
    fs::remove_file(dir.path("v/head.mp4")).unwrap();
    dir.atom(&INDEX).ok();
    let found = json(&dir, &["search", "red"]);
    assert!(found.get("incomplete").is_none(), "{found}");
    assert_eq!(found["complete_through_ms"]["text.mp4"], 8000);
    let text = dir.atom(&["search", "red", "--store", "s.db"]).ok();
    assert_eq!(
        text.stderr,
        "all 2 sources are complete through their end\n"
    );
}

#[test]
fn nothing_waits_for_the_rest_of_a_damaged_recording() {
    let dir = Workdir::new();
    fs::create_dir(dir.path("v")).unwrap();
    let whole = generated_media::moving("breaks.mp4", 60.0, &["-g", "10"]);
    let mut bytes = fs::read(whole).unwrap();
    let (from, to) = (bytes.len() / 3, bytes.len() / 3 * 2);
    bytes[from..to].fill(0xff);
    dir.write("v/breaks.mp4", &bytes);
    let output = dir.atom(&INDEX);
    let found = json(&dir, &["search", "light"]);
    // Whatever the decoders make of it, nothing waits.
    let waiting = found["incomplete"].to_string().contains("waiting");
    assert!(!waiting, "{found}\n{output}");
    let complete = found["complete_through_ms"]["breaks.mp4"].as_u64().unwrap();
    assert!(complete > 10_000, "{found}\n{output}");
    let waited = [
        "search",
        "light",
        "--store",
        "s.db",
        "--wait-until",
        "1:00:00",
    ];
    let waited = dir.atom(&waited).ok();
    assert!(!waited.stderr.contains("not all of it"), "{waited}");
}

#[test]
fn many_complete_recordings_take_one_line_and_many_failures_a_bounded_number() {
    let dir = Workdir::new();
    fs::create_dir(dir.path("v")).unwrap();
    let tiny = generated_media::moving("tiny.mp4", 0.3, &[]);
    for n in 0..30 {
        dir.copy(&tiny, &format!("v/{n}.mp4"));
    }
    dir.atom(&INDEX).ok();
    let search = ["search", "light", "--store", "s.db", "--limit", "50"];
    let output = dir.atom(&search).ok();
    assert_eq!(
        output.stderr, "all 30 sources are complete through their end\n",
        "{output}"
    );
    for n in 0..20 {
        dir.write(&format!("v/bad{n}.mp4"), format!("no video {n}"));
    }
    dir.atom(&INDEX).fails_with(&["20 recordings failed"]);
    let output = dir.atom(&search).ok();
    let lines: Vec<_> = output.stderr.lines().collect();
    assert_eq!(lines.len(), 12, "{output}");
    assert_eq!(lines[10], "not complete: 10 more sources");
    assert_eq!(lines[11], "the other 30 sources are complete");
}
