//! An index of which only so much is kept: what goes is told, and never comes back by itself.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_index::Store;
use atom_tests::{media, program::Place};
use serde_json::{Value, json};

/// A folder `videos` with three recordings of two segments each, of which the names tell when they began.
fn recordings() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("videos")).unwrap();
    for (name, colours) in [
        ("2020-01-01T10-00-00Z.mp4", ["red", "white"]),
        ("2020-01-02T10-00-00Z.mp4", ["blue", "lime"]),
        ("yard.mp4", ["black", "red"]),
    ] {
        let parts = colours.map(|colour| (colour, 4.0));
        let video = media::colours(&format!("{}-{}.mp4", colours[0], colours[1]), &parts);
        place.copy(&video, &format!("videos/{name}"));
    }
    place
}

#[track_caller]
fn index(place: &Place, keep: &[&str]) -> String {
    let mut all = vec!["index", "videos", "--pack", "fake", "--store", "s.db"];
    all.extend(keep);
    place.atom(&all).ok().stdout
}

fn rows(place: &Place) -> Vec<(String, u64)> {
    let store = Store::open_existing(&place.path("s.db")).unwrap();
    let rows = store.rows(None, None, None).unwrap();
    rows.into_iter()
        .map(|row| (row.source, row.row.start_ms))
        .collect()
}

#[track_caller]
fn asked(place: &Place, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--json", "--store", "s.db"]);
    place.atom(&all).ok().json_lines().remove(0)
}

#[test]
fn of_too_many_segments_some_go_and_every_answer_tells_it_and_a_second_run_adds_nothing() {
    let place = recordings();
    index(&place, &["--keep", "5 segments"]);
    let kept = rows(&place);
    assert_eq!(kept.len(), 5);
    let searched = asked(&place, &["search", "red"]);
    let expired = searched["incomplete"].as_array().unwrap();
    assert_eq!(expired.len(), 1, "{searched}");
    let stretch =
        json!({"source": expired[0]["source"], "from_ms": 0, "to_ms": 4000, "why": "expired"});
    assert_eq!(expired[0], stretch);
    assert!(
        searched["complete_through_ms"]
            .as_object()
            .unwrap()
            .values()
            .all(|ms| *ms == 8000),
        "{searched}"
    );
    let answer = asked(&place, &["ask", "Is it red?"]);
    assert_eq!(answer["incomplete"], json!([stretch]));
    let said = place.atom(&["search", "red", "--store", "s.db"]).ok();
    assert!(said.stderr.contains("it is no longer kept"), "{said}");
    let again = index(&place, &["--keep", "5 segments"]);
    assert_eq!(again.matches("already indexed").count(), 3, "{again}");
    assert_eq!(rows(&place), kept);
    place.atom(&["store", "check", "--store", "s.db"]).ok();
}

#[test]
fn what_is_older_goes_where_it_is_known_when_it_was() {
    let place = recordings();
    index(&place, &[]);
    assert_eq!(rows(&place).len(), 6, "without a word everything is kept");
    let said = index(&place, &["--keep", "30d, 20GB"]);
    assert_eq!(said.matches("already indexed").count(), 3, "{said}");
    let left = [("yard.mp4".to_owned(), 0), ("yard.mp4".to_owned(), 4000)];
    assert_eq!(rows(&place), left);
    index(&place, &[]);
    assert_eq!(rows(&place), left, "nothing is worked on twice");
}

#[test]
fn a_pipeline_file_says_how_much_is_kept_too() {
    let place = recordings();
    let pipeline = "pack = \"fake\"\n[source.video]\nuri = \"folder://videos\"\n\
        [node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\n\
        [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
        [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 4000\n\
        [node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"s.db\"\nkeep = \"2 segments\"\n";
    place.write("keep.toml", pipeline);
    place.atom(&["run", "keep.toml"]).ok();
    assert_eq!(rows(&place).len(), 2);
    // Worked through anew, the same stretches go again.
    place.atom(&["run", "keep.toml"]).ok();
    assert_eq!(rows(&place).len(), 2);
    place.atom(&["store", "check", "--store", "s.db"]).ok();
    place.write("keep.toml", pipeline.replace("2 segments", "2 moons"));
    place.atom(&["check", "keep.toml"]).refused(&[
        "keep.toml:18: keep of node \"archive\" is the text \"2 moons\"",
        "\"moons\" is no unit, expected min, h, d or w",
    ]);
}

#[test]
fn a_wrong_option_says_what_is_wrong_with_it() {
    let place = recordings();
    for (keep, part) in [
        ("5 moons", "no unit"),
        ("0d", "keep nothing"),
        ("1d, 2d", "a second age"),
    ] {
        place
            .atom(&["index", "videos", "--store", "s.db", "--keep", keep])
            .refused(&["--keep", part, "expected"]);
    }
}
