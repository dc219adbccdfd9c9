//! `atom index` makes recordings searchable, continues where it stopped, and survives a crash at any moment.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, thread, time::Duration};

use atom_index::{Store, StoredRow};
use atom_tests::{
    generated_media,
    program::{ProgramOutput, Workdir},
};
use serde_json::Value;

/// Creates a folder `videos` with a recording that is red, then white, and one that is blue, then green.
fn recordings() -> Workdir {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("videos/deep")).unwrap();
    let red = generated_media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]);
    let blue = generated_media::colours("blue.mkv", &[("blue", 4.0), ("lime", 4.0)]);
    dir.copy(&red, "videos/red.mp4");
    dir.copy(&blue, "videos/deep/blue.mkv");
    dir.write("videos/notes.txt", "no video");
    dir
}

#[track_caller]
fn index(dir: &Workdir) -> ProgramOutput {
    let output = dir.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    output.ok()
}

fn rows(dir: &Workdir) -> Vec<StoredRow> {
    let store = Store::open_existing(&dir.path("s.db")).unwrap();
    store.rows(None, None, None).unwrap()
}

#[track_caller]
fn search(dir: &Workdir, arguments: &[&str]) -> Value {
    let mut all = vec!["search", "--json", "--store", "s.db"];
    all.extend(arguments);
    dir.atom(&all).ok().json_lines().remove(0)
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
    let dir = recordings();
    let output = index(&dir);
    assert!(output.stdout.contains("red.mp4: 2 segments"), "{output}");
    let before = rows(&dir);
    assert_eq!(before.len(), 4);
    let output = index(&dir);
    assert!(
        output.stdout.contains("red.mp4: already indexed"),
        "{output}"
    );
    assert!(
        output.stdout.contains("deep/blue.mkv: already indexed"),
        "{output}"
    );
    assert_eq!(rows(&dir), before);
}

#[test]
fn only_an_added_recording_is_indexed() {
    let dir = recordings();
    index(&dir);
    let before = rows(&dir);
    let video = generated_media::colours("dark.mp4", &[("black", 3.0)]);
    dir.copy(&video, "videos/dark.mp4");
    let output = index(&dir);
    assert!(output.stdout.contains("dark.mp4: 1 segment,"), "{output}");
    let after = rows(&dir);
    assert_eq!(after.len(), before.len() + 1);
    assert!(before.iter().all(|row| after.contains(row)));
}

#[test]
fn the_best_match_is_the_first_hit() {
    let dir = recordings();
    index(&dir);
    for (query, source, start) in [
        ("red", "red.mp4", 0),
        ("something white", "red.mp4", 4000),
        ("blue", "deep/blue.mkv", 0),
        ("the green one", "deep/blue.mkv", 4000),
    ] {
        let found = search(&dir, &[query]);
        assert_eq!(hits(&found)[0], (source, start), "{query}: {found}");
    }
}

#[test]
fn a_search_in_json_has_the_documented_keys() {
    let dir = recordings();
    index(&dir);
    let found = search(&dir, &["red", "--limit", "1"]);
    let keys = |value: &Value| -> Vec<_> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&found), ["complete_through_ms", "hits", "next"]);
    assert_eq!(
        keys(&found["hits"][0]),
        [
            "end_ms", "path", "score", "snippet", "source", "start_ms", "text"
        ]
    );
    assert_eq!(found["hits"].as_array().unwrap().len(), 1);
    assert_eq!(found["hits"][0]["text"], "A picture of red.");
    assert_eq!(found["hits"][0]["snippet"], "A picture of [red].");
    assert_eq!(found["complete_through_ms"]["red.mp4"], 8000);
    assert_eq!(found["complete_through_ms"]["deep/blue.mkv"], 8000);
}

#[test]
fn a_search_is_limited_to_a_span_and_a_source() {
    let dir = recordings();
    index(&dir);
    let starts = |arguments: &[&str]| -> Vec<u64> {
        let mut all = vec!["red"];
        all.extend(arguments);
        let found = search(&dir, &all);
        hits(&found).iter().map(|(_, start)| *start).collect()
    };
    assert!(starts(&["--from", "4"]).iter().all(|start| *start == 4000));
    assert!(starts(&["--to", "0:04"]).iter().all(|start| *start == 0));
    assert_eq!(starts(&["--from", "3600"]), [] as [u64; 0]);
    let found = search(&dir, &["red", "--source", "deep/blue.mkv"]);
    assert!(
        hits(&found)
            .iter()
            .all(|(source, _)| *source == "deep/blue.mkv")
    );
    for wrong in [["--source", "none"], ["--from", "soon"]] {
        let mut all = vec!["search", "red", "--store", "s.db"];
        all.extend(wrong);
        dir.atom(&all).fails_with(&[wrong[1]]);
    }
    dir.atom(&[
        "search", "red", "--store", "s.db", "--from", "5", "--to", "4",
    ])
    .fails_with(&["5000", "4000"]);
}

#[test]
fn a_search_prints_one_line_per_hit() {
    let dir = recordings();
    index(&dir);
    let output = dir.atom(&["search", "red", "--store", "s.db"]).ok();
    let first = output.stdout.lines().next().unwrap();
    assert!(
        first.contains("red.mp4") && first.contains("A picture of red."),
        "{output}"
    );
    assert!(output.stderr.contains("complete through"), "{output}");
}

#[test]
fn the_default_store_is_in_the_data_folder() {
    let dir = recordings();
    dir.atom(&["index", "videos", "--pack", "fake"]).ok();
    assert!(dir.path("data/atom/atom.db").is_file());
    let output = dir.atom(&["search", "red"]).ok();
    assert!(output.stdout.contains("red.mp4"), "{output}");
}

#[test]
fn operators_of_the_query_language_are_searched_as_words() {
    let dir = recordings();
    index(&dir);
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
        dir.atom(&["search", "--store", "s.db", "--", query]).ok();
    }
    assert_eq!(rows(&dir).len(), 4);
}

/// Creates a recording of eighty segments, which is long enough to be interrupted.
fn long_recording() -> Workdir {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("videos")).unwrap();
    let video = generated_media::moving("long.mp4", 320.0, &["-g", "50"]);
    dir.copy(&video, "videos/long.mp4");
    dir
}

#[test]
fn an_interrupted_index_continues_where_it_stopped() {
    let dir = long_recording();
    let process = dir.start(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let start = std::time::Instant::now();
    while Store::open_existing(&dir.path("s.db"))
        .and_then(|store| store.rows(None, None, None))
        .map_or(0, |rows| rows.len())
        < 8
    {
        assert!(start.elapsed() < atom_tests::program::TIMEOUT);
        thread::sleep(Duration::from_millis(2));
    }
    process.signal("INT");
    process
        .wait(atom_tests::program::TIMEOUT)
        .fails_with(&["complete through"]);
    let before = rows(&dir);
    assert!((8..80).contains(&before.len()), "{} rows", before.len());
    // A run that was stopped is not the failure of its recording.
    assert_eq!(search(&dir, &["light"])["incomplete"][0]["why"], "waiting");
    let output = index(&dir);
    let again: usize = output
        .stdout
        .split_once(": ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .unwrap();
    assert!(again < 80, "it started again\n{output}");
    let undisturbed = long_recording();
    index(&undisturbed);
    assert_eq!(rows(&dir), rows(&undisturbed));
}

#[test]
fn a_replaced_recording_is_indexed_again() {
    let dir = recordings();
    index(&dir);
    let video = generated_media::colours("black.mp4", &[("black", 8.0)]);
    dir.copy(&video, "videos/red.mp4");
    index(&dir);
    let found = search(&dir, &["dark"]);
    assert_eq!(hits(&found)[0].0, "red.mp4", "{found}");
    assert_eq!(found["hits"][0]["text"], "A picture of dark.", "{found}");
}

#[test]
fn two_runs_can_write_one_store_at_the_same_time() {
    let dir = long_recording();
    let other = generated_media::moving("short.mp4", 30.0, &[]);
    dir.copy(&other, "short.mp4");
    let first = dir.start(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let second = dir.start(&["index", "short.mp4", "--pack", "fake", "--store", "s.db"]);
    for process in [first, second] {
        process.wait(atom_tests::program::TIMEOUT).ok();
    }
    assert_eq!(rows(&dir).len(), 80 + 8);
}

#[test]
fn a_recording_with_encoder_errors_does_not_count_as_indexed() {
    let dir = Workdir::new();
    let yellow = generated_media::colours("yellow.mp4", &[("yellow", 6.0)]);
    dir.copy(&yellow, "y.mp4");
    for _ in 0..2 {
        let output = dir.atom(&["index", "y.mp4", "--pack", "fake", "--store", "s.db"]);
        output.fails_with(&["vision encoder", "yellow"]);
    }
    assert_eq!(rows(&dir), []);
}

#[test]
fn a_kill_between_the_last_row_and_the_end_loses_no_row() {
    let dir = recordings();
    index(&dir);
    let before = rows(&dir);
    let edit = "import sqlite3; db = sqlite3.connect('s.db'); db.execute('UPDATE sources SET ended = 0'); db.commit()";
    let edited = std::process::Command::new("python3")
        .args(["-c", edit])
        .current_dir(dir.path("."))
        .status()
        .unwrap();
    assert!(edited.success());
    let output = index(&dir);
    assert!(
        output.stdout.contains("complete through 00:00:08"),
        "{output}"
    );
    assert_eq!(rows(&dir), before);
    assert!(index(&dir).stdout.contains("red.mp4: already indexed"));
}

#[test]
fn recordings_with_the_same_name_in_two_folders_keep_their_rows() {
    let dir = Workdir::new();
    let red = generated_media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]);
    let green = generated_media::colours("green.mp4", &[("lime", 4.0)]);
    for (folder, video) in [("one", &red), ("two", &green)] {
        fs::create_dir_all(dir.path(folder)).unwrap();
        dir.copy(video, &format!("{folder}/x.mp4"));
        dir.atom(&["index", folder, "--pack", "fake", "--store", "s.db"])
            .ok();
    }
    let sources: Vec<_> = rows(&dir).into_iter().map(|row| row.source).collect();
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
