//! Indexing makes recordings searchable, goes on where it stopped, and survives a crash at any moment.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, thread, time::Duration};

use atom_index::{Store, StoredRow};
use atom_tests::{
    media,
    program::{Place, Said},
};
use serde_json::Value;

/// A folder `videos` with one that is red then white, and one that is blue then green.
fn recordings() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("videos/deep")).unwrap();
    let red = media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]);
    let blue = media::colours("blue.mkv", &[("blue", 4.0), ("lime", 4.0)]);
    place.copy(&red, "videos/red.mp4");
    place.copy(&blue, "videos/deep/blue.mkv");
    place.write("videos/notes.txt", "no video");
    place
}

#[track_caller]
fn index(place: &Place) -> Said {
    let said = place.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    said.ok()
}

fn rows(place: &Place) -> Vec<StoredRow> {
    let store = Store::open_existing(&place.path("s.db")).unwrap();
    store.rows(None, None, None).unwrap()
}

#[track_caller]
fn search(place: &Place, arguments: &[&str]) -> Value {
    let mut all = vec!["search", "--json", "--store", "s.db"];
    all.extend(arguments);
    place.atom(&all).ok().json_lines().remove(0)
}

fn hits(found: &Value) -> Vec<(&str, u64)> {
    let hits = found["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| {
            (
                hit["source"].as_str().unwrap(),
                hit["start_ms"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_second_run_finds_nothing_to_do_and_changes_nothing() {
    let place = recordings();
    let said = index(&place);
    assert!(said.stdout.contains("red.mp4: 2 segments"), "{said}");
    let before = rows(&place);
    assert_eq!(before.len(), 4);
    let said = index(&place);
    assert!(said.stdout.contains("red.mp4: already indexed"), "{said}");
    assert!(
        said.stdout.contains("deep/blue.mkv: already indexed"),
        "{said}"
    );
    assert_eq!(rows(&place), before);
}

#[test]
fn a_recording_that_is_added_is_indexed_alone() {
    let place = recordings();
    index(&place);
    let before = rows(&place);
    let video = media::colours("dark.mp4", &[("black", 3.0)]);
    place.copy(&video, "videos/dark.mp4");
    let said = index(&place);
    assert!(said.stdout.contains("dark.mp4: 1 segments"), "{said}");
    let after = rows(&place);
    assert_eq!(after.len(), before.len() + 1);
    assert!(before.iter().all(|row| after.contains(row)));
}

#[test]
fn search_finds_the_scene_that_is_asked_for_first() {
    let place = recordings();
    index(&place);
    for (query, source, start) in [
        ("red", "red.mp4", 0),
        ("something white", "red.mp4", 4000),
        ("blue", "deep/blue.mkv", 0),
        ("the green one", "deep/blue.mkv", 4000),
    ] {
        let found = search(&place, &[query]);
        assert_eq!(hits(&found)[0], (source, start), "{query}: {found}");
    }
}

#[test]
fn a_search_in_json_has_the_promised_keys() {
    let place = recordings();
    index(&place);
    let found = search(&place, &["red", "--limit", "1"]);
    let keys = |value: &Value| -> Vec<_> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&found), ["complete_through_ms", "hits", "next"]);
    assert_eq!(
        keys(&found["hits"][0]),
        ["end_ms", "score", "snippet", "source", "start_ms", "text"]
    );
    assert_eq!(found["hits"].as_array().unwrap().len(), 1);
    assert_eq!(found["hits"][0]["text"], "A picture of red.");
    assert_eq!(found["hits"][0]["snippet"], "A picture of [red].");
    assert_eq!(found["complete_through_ms"]["red.mp4"], 8000);
    assert_eq!(found["complete_through_ms"]["deep/blue.mkv"], 8000);
}

#[test]
fn a_search_keeps_to_a_span_and_a_source() {
    let place = recordings();
    index(&place);
    let starts = |arguments: &[&str]| -> Vec<u64> {
        let mut all = vec!["red"];
        all.extend(arguments);
        let found = search(&place, &all);
        hits(&found).iter().map(|(_, start)| *start).collect()
    };
    assert!(starts(&["--from", "4"]).iter().all(|start| *start == 4000));
    assert!(starts(&["--to", "0:04"]).iter().all(|start| *start == 0));
    assert_eq!(starts(&["--from", "3600"]), [] as [u64; 0]);
    let found = search(&place, &["red", "--source", "deep/blue.mkv"]);
    assert!(
        hits(&found)
            .iter()
            .all(|(source, _)| *source == "deep/blue.mkv")
    );
    for wrong in [["--source", "none"], ["--from", "soon"]] {
        let mut all = vec!["search", "red", "--store", "s.db"];
        all.extend(wrong);
        place.atom(&all).refused(&[wrong[1]]);
    }
    place
        .atom(&[
            "search", "red", "--store", "s.db", "--from", "5", "--to", "4",
        ])
        .refused(&["5000", "4000"]);
}

#[test]
fn a_search_for_people_shows_a_line_a_hit() {
    let place = recordings();
    index(&place);
    let said = place.atom(&["search", "red", "--store", "s.db"]).ok();
    let first = said.stdout.lines().next().unwrap();
    assert!(
        first.contains("red.mp4") && first.contains("A picture of red."),
        "{said}"
    );
    assert!(said.stderr.contains("complete through"), "{said}");
}

#[test]
fn without_a_store_given_the_index_is_in_the_data_folder() {
    let place = recordings();
    place.atom(&["index", "videos", "--pack", "fake"]).ok();
    assert!(place.path("data/atom/atom.db").is_file());
    let said = place.atom(&["search", "red"]).ok();
    assert!(said.stdout.contains("red.mp4"), "{said}");
}

#[test]
fn words_of_the_query_language_never_fail_a_search() {
    let place = recordings();
    index(&place);
    for query in [
        "red\"",
        "a AND",
        "(",
        "NEAR(x",
        "*",
        "red -blue",
        "'; DROP TABLE segments",
        "犬",
    ] {
        place.atom(&["search", "--store", "s.db", "--", query]).ok();
    }
    assert_eq!(rows(&place).len(), 4);
}

/// A recording long enough to be killed in: eighty segments.
fn long() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("videos")).unwrap();
    let video = media::moving("long.mp4", 320.0, &["-g", "50"]);
    place.copy(&video, "videos/long.mp4");
    place
}

#[test]
fn an_interrupted_index_goes_on_where_it_stopped() {
    let place = long();
    let running = place.start(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let begun = std::time::Instant::now();
    while Store::open_existing(&place.path("s.db"))
        .and_then(|store| store.rows(None, None, None))
        .map_or(0, |rows| rows.len())
        < 8
    {
        assert!(begun.elapsed() < atom_tests::program::BOUND);
        thread::sleep(Duration::from_millis(2));
    }
    running.signal("INT");
    running
        .wait(atom_tests::program::BOUND)
        .refused(&["complete through"]);
    let before = rows(&place);
    assert!((8..80).contains(&before.len()), "{} rows", before.len());
    let said = index(&place);
    let again: usize = said
        .stdout
        .split_once(": ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .unwrap();
    assert!(again < 80, "it began anew\n{said}");
    let undisturbed = long();
    index(&undisturbed);
    assert_eq!(rows(&place), rows(&undisturbed));
}

#[test]
fn a_recording_that_was_replaced_is_indexed_anew() {
    let place = recordings();
    index(&place);
    let video = media::colours("black.mp4", &[("black", 8.0)]);
    place.copy(&video, "videos/red.mp4");
    index(&place);
    let found = search(&place, &["dark"]);
    assert_eq!(hits(&found)[0].0, "red.mp4", "{found}");
    assert_eq!(found["hits"][0]["text"], "A picture of dark.", "{found}");
}

#[test]
fn two_runs_may_write_one_store_at_a_time() {
    let place = long();
    let other = media::moving("short.mp4", 30.0, &[]);
    place.copy(&other, "short.mp4");
    let first = place.start(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let second = place.start(&["index", "short.mp4", "--pack", "fake", "--store", "s.db"]);
    for running in [first, second] {
        running.wait(atom_tests::program::BOUND).ok();
    }
    assert_eq!(rows(&place).len(), 80 + 8);
}

#[test]
fn what_a_broken_encoder_gave_does_not_count_as_indexed() {
    let place = Place::new();
    let yellow = media::colours("yellow.mp4", &[("yellow", 6.0)]);
    place.copy(&yellow, "y.mp4");
    for _ in 0..2 {
        let said = place.atom(&["index", "y.mp4", "--pack", "fake", "--store", "s.db"]);
        said.refused(&["vision encoder", "yellow"]);
    }
    assert_eq!(rows(&place), []);
}

#[test]
fn a_kill_after_the_last_rows_and_before_the_end_costs_no_row() {
    let place = recordings();
    index(&place);
    let before = rows(&place);
    let edit = "import sqlite3; db = sqlite3.connect('s.db'); db.execute('UPDATE sources SET ended = 0'); db.commit()";
    let edited = std::process::Command::new("python3")
        .args(["-c", edit])
        .current_dir(place.path("."))
        .status()
        .unwrap();
    assert!(edited.success());
    let said = index(&place);
    assert!(said.stdout.contains("complete through 00:00:08"), "{said}");
    assert_eq!(rows(&place), before);
    assert!(index(&place).stdout.contains("red.mp4: already indexed"));
}

#[test]
fn recordings_of_one_name_in_two_folders_keep_their_rows() {
    let place = Place::new();
    let red = media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]);
    let green = media::colours("green.mp4", &[("lime", 4.0)]);
    for (folder, video) in [("one", &red), ("two", &green)] {
        fs::create_dir_all(place.path(folder)).unwrap();
        place.copy(video, &format!("{folder}/x.mp4"));
        place
            .atom(&["index", folder, "--pack", "fake", "--store", "s.db"])
            .ok();
    }
    let sources: Vec<_> = rows(&place).into_iter().map(|row| row.source).collect();
    assert_eq!(
        sources.iter().filter(|source| *source == "x.mp4").count(),
        2
    );
    assert_eq!(
        sources
            .iter()
            .filter(|source| source.ends_with("two/x.mp4"))
            .count(),
        1
    );
}
