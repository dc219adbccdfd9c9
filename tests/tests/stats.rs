//! `atom stats`: the counts of concepts by time, as a table, a heat map, an SVG file and JSON.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_tests::{
    generated_media,
    program::{ProgramOutput, Workdir},
};
use serde_json::{Value, json};

/// Indexes a recording with its start time in its name, and one without.
fn indexed() -> Workdir {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("videos")).unwrap();
    for (name, colours) in [
        ("2026-11-20T10-59-58Z.mp4", ["red", "white"]),
        ("yard.mp4", ["red", "blue"]),
    ] {
        let parts = colours.map(|colour| (colour, 4.0));
        let video = generated_media::colours(&format!("{}-{}.mp4", colours[0], colours[1]), &parts);
        dir.copy(&video, &format!("videos/{name}"));
    }
    dir.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"])
        .ok();
    dir
}

fn stats(dir: &Workdir, arguments: &[&str]) -> ProgramOutput {
    let mut command = dir.command();
    command
        .args(["stats", "--store", "s.db"])
        .args(arguments)
        .env("TZ", "UTC")
        .env("COLUMNS", "60");
    let process = atom_tests::program::Process::start(command);
    process.wait(atom_tests::program::TIMEOUT)
}

#[test]
fn json_has_counts_by_source_and_hour_and_the_complete_time() {
    let dir = indexed();
    let stats_json = stats(&dir, &["--json"]).ok().json_lines().remove(0);
    let dated = "2026-11-20T10-59-58Z.mp4";
    let wall = |hour: &str, word: &str| json!({"source": dated, "hour_utc": hour, "concept": word, "segments": 1});
    let media =
        |word: &str| json!({"source": "yard.mp4", "media_hour": 0, "concept": word, "segments": 1});
    assert_eq!(
        stats_json["seen"],
        json!([
            wall("2026-11-20T10:00:00Z", "red"),
            wall("2026-11-20T11:00:00Z", "white"),
            media("blue"),
            media("red"),
        ])
    );
    assert_eq!(
        stats_json["complete_through_ms"],
        json!({dated: 8000, "yard.mp4": 8000})
    );
    let concepts = |arguments: &[&str]| -> Vec<Value> {
        let stats_json = stats(&dir, arguments).ok().json_lines().remove(0);
        let seen = stats_json["seen"].as_array().unwrap().iter();
        seen.map(|one| one["concept"].clone()).collect()
    };
    assert_eq!(concepts(&["--json", "--top", "1"]), ["red", "red"]);
    assert_eq!(concepts(&["--json", "--only", "whit"]), ["white"]);
    assert_eq!(
        concepts(&["--json", "--source", "yard.mp4"]),
        ["blue", "red"]
    );
    assert_eq!(
        concepts(&["--json", "--from", "2026-11-20T11:00:03Z"]),
        ["white"]
    );
}

#[test]
fn the_table_lists_concepts_with_their_first_and_last_time() {
    let dir = indexed();
    let output = stats(&dir, &[]).ok();
    let lines: Vec<Vec<&str>> = output
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["what", "segments", "first", "last"], "{output}");
    assert_eq!(
        lines[1],
        ["red", "2", "2026-11-20", "10:00", "2026-11-20", "10:00"]
    );
    assert!(output.stdout.contains("yard.mp4"), "{output}");
    assert!(output.stderr.contains("complete through"), "{output}");
}

#[test]
fn a_heat_map_without_a_terminal_has_shades_instead_of_colours() {
    let dir = indexed();
    let output = stats(&dir, &["--heat"]).ok();
    assert!(output.stdout.contains("red   ██████       1\n"), "{output}");
    assert!(output.stdout.contains("10:00 11:00"), "{output}");
    assert!(!output.stdout.contains('\u{1b}'), "{output}");
}

#[test]
fn an_svg_file_is_self_contained() {
    let dir = indexed();
    let output = stats(&dir, &["--svg", "day.svg"]).warns_with(&["heat map: day.svg"]);
    assert_eq!(output.stdout, "", "{output}");
    let svg = dir.read("day.svg");
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    assert!(
        svg.contains("<title>red, 2026-11-20 10:00 - 2026-11-20 11:00: 1</title>"),
        "{svg}"
    );
    stats(&dir, &["--svg", "none/day.svg"]).fails_with(&["cannot write none/day.svg"]);
}

#[test]
fn empty_results_and_invalid_options_are_reported() {
    let dir = indexed();
    stats(&dir, &["--only", "unicorn"]).warns_with(&["nothing was seen"]);
    stats(&dir, &["--heat", "--json"]).fails_with(&["--heat", "--json"]);
    stats(&dir, &["--source", "barn"]).fails_with(&["barn"]);
}
