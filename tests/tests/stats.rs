//! What was seen when, as a table, a heat map, a picture and JSON.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_tests::{
    media,
    program::{Place, Said},
};
use serde_json::{Value, json};

/// An index of a recording of which the name tells when it began, and of one that has no moment.
fn indexed() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("videos")).unwrap();
    for (name, colours) in [
        ("2026-11-20T10-59-58Z.mp4", ["red", "white"]),
        ("yard.mp4", ["red", "blue"]),
    ] {
        let parts = colours.map(|colour| (colour, 4.0));
        let video = media::colours(&format!("{}-{}.mp4", colours[0], colours[1]), &parts);
        place.copy(&video, &format!("videos/{name}"));
    }
    place
        .atom(&["index", "videos", "--pack", "fake", "--store", "s.db"])
        .ok();
    place
}

fn stats(place: &Place, arguments: &[&str]) -> Said {
    let mut command = place.command();
    command
        .args(["stats", "--store", "s.db"])
        .args(arguments)
        .env("TZ", "UTC")
        .env("COLUMNS", "60");
    let running = atom_tests::program::Running::start(command);
    running.wait(atom_tests::program::BOUND)
}

#[test]
fn json_tells_each_thing_by_source_and_hour_and_how_far_that_is_complete() {
    let place = indexed();
    let told = stats(&place, &["--json"]).ok().json_lines().remove(0);
    let dated = "2026-11-20T10-59-58Z.mp4";
    let wall = |hour: &str, word: &str| json!({"source": dated, "hour_utc": hour, "concept": word, "segments": 1});
    let media =
        |word: &str| json!({"source": "yard.mp4", "media_hour": 0, "concept": word, "segments": 1});
    assert_eq!(
        told["seen"],
        json!([
            wall("2026-11-20T10:00:00Z", "red"),
            wall("2026-11-20T11:00:00Z", "white"),
            media("blue"),
            media("red"),
        ])
    );
    assert_eq!(
        told["complete_through_ms"],
        json!({dated: 8000, "yard.mp4": 8000})
    );
    let concepts = |arguments: &[&str]| -> Vec<Value> {
        let told = stats(&place, arguments).ok().json_lines().remove(0);
        let seen = told["seen"].as_array().unwrap().iter();
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
fn the_table_is_for_people() {
    let place = indexed();
    let said = stats(&place, &[]).ok();
    let lines: Vec<Vec<&str>> = said
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["what", "segments", "first", "last"], "{said}");
    assert_eq!(
        lines[1],
        ["red", "2", "2026-11-20", "10:00", "2026-11-20", "10:00"]
    );
    assert!(said.stdout.contains("yard.mp4"), "{said}");
    assert!(said.stderr.contains("complete through"), "{said}");
}

#[test]
fn a_heat_map_is_drawn_in_shades_without_colours_where_nobody_looks() {
    let place = indexed();
    let said = stats(&place, &["--heat"]).ok();
    assert!(said.stdout.contains("red   ██████       1\n"), "{said}");
    assert!(said.stdout.contains("10:00 11:00"), "{said}");
    assert!(!said.stdout.contains('\u{1b}'), "{said}");
}

#[test]
fn a_picture_is_whole_by_itself() {
    let place = indexed();
    let said = stats(&place, &["--svg", "day.svg"]).warned(&["the heat map is day.svg"]);
    assert_eq!(said.stdout, "", "{said}");
    let picture = place.read("day.svg");
    assert!(picture.starts_with("<svg xmlns=") && picture.ends_with("</svg>\n"));
    assert!(
        picture.contains("<title>red, 2026-11-20 10:00 - 2026-11-20 11:00: 1</title>"),
        "{picture}"
    );
    stats(&place, &["--svg", "none/day.svg"]).refused(&["cannot write none/day.svg"]);
}

#[test]
fn an_index_in_which_nothing_was_seen_says_so() {
    let place = indexed();
    stats(&place, &["--only", "unicorn"]).warned(&["nothing was seen"]);
    stats(&place, &["--heat", "--json"]).refused(&["--heat", "--json"]);
    stats(&place, &["--source", "barn"]).refused(&["barn"]);
}
