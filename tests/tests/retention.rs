//! Retention: expired segments are reported and are not indexed again.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_index::Store;
use atom_tests::{generated_media, program::Workdir};
use serde_json::{Value, json};

/// Creates a folder `videos` with three recordings of two segments each; two names contain the recording start time.
fn recordings() -> Workdir {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("videos")).unwrap();
    for (name, colours) in [
        ("2020-01-01T10-00-00Z.mp4", ["red", "white"]),
        ("2020-01-02T10-00-00Z.mp4", ["blue", "lime"]),
        ("yard.mp4", ["black", "red"]),
    ] {
        let parts = colours.map(|colour| (colour, 4.0));
        let video = generated_media::colours(&format!("{}-{}.mp4", colours[0], colours[1]), &parts);
        dir.copy(&video, &format!("videos/{name}"));
    }
    dir
}

#[track_caller]
fn index(dir: &Workdir, keep: &[&str]) -> String {
    let mut all = vec!["index", "videos", "--pack", "fake", "--store", "s.db"];
    all.extend(keep);
    dir.atom(&all).ok().stdout
}

fn rows(dir: &Workdir) -> Vec<(String, u64)> {
    let store = Store::open_existing(&dir.path("s.db")).unwrap();
    let rows = store.rows(None, None, None).unwrap();
    rows.into_iter()
        .map(|row| (row.source, row.row.start_ms))
        .collect()
}

#[track_caller]
fn run_json(dir: &Workdir, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--json", "--store", "s.db"]);
    dir.atom(&all).ok().json_lines().remove(0)
}

#[test]
fn surplus_segments_expire_and_are_reported_and_a_second_run_adds_nothing() {
    let dir = recordings();
    index(&dir, &["--keep", "5 segments"]);
    let kept = rows(&dir);
    assert_eq!(kept.len(), 5);
    let searched = run_json(&dir, &["search", "red"]);
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
    let answer = run_json(&dir, &["ask", "Is it red?"]);
    assert_eq!(answer["incomplete"], json!([stretch]));
    let output = dir.atom(&["search", "red", "--store", "s.db"]).ok();
    assert!(
        output.stderr.contains("removed by the retention policy"),
        "{output}"
    );
    let again = index(&dir, &["--keep", "5 segments"]);
    assert_eq!(again.matches("already indexed").count(), 3, "{again}");
    assert_eq!(rows(&dir), kept);
    dir.atom(&["store", "check", "--store", "s.db"]).ok();
}

#[test]
fn old_segments_expire_if_their_recording_time_is_known() {
    let dir = recordings();
    index(&dir, &[]);
    assert_eq!(rows(&dir).len(), 6, "by default everything is kept");
    let output = index(&dir, &["--keep", "30d, 20GB"]);
    assert_eq!(output.matches("already indexed").count(), 3, "{output}");
    let left = [("yard.mp4".to_owned(), 0), ("yard.mp4".to_owned(), 4000)];
    assert_eq!(rows(&dir), left);
    index(&dir, &[]);
    assert_eq!(rows(&dir), left, "nothing is indexed twice");
}

#[test]
fn a_pipeline_file_can_set_the_retention() {
    let dir = recordings();
    let pipeline = "pack = \"fake\"\n[source.video]\nuri = \"folder://videos\"\n\
        [node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\n\
        [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
        [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 4000\n\
        [node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"s.db\"\nkeep = \"2 segments\"\n";
    dir.write("keep.toml", pipeline);
    dir.atom(&["run", "keep.toml"]).ok();
    assert_eq!(rows(&dir).len(), 2);
    // In a second run the same segments expire again.
    dir.atom(&["run", "keep.toml"]).ok();
    assert_eq!(rows(&dir).len(), 2);
    dir.atom(&["store", "check", "--store", "s.db"]).ok();
    dir.write("keep.toml", pipeline.replace("2 segments", "2 moons"));
    dir.atom(&["check", "keep.toml"]).fails_with(&[
        "keep.toml:18: keep of node \"archive\" is the text \"2 moons\"",
        "\"moons\" is not a unit, expected min, h, d or w",
    ]);
}

#[test]
fn an_invalid_retention_is_rejected_with_the_reason() {
    let dir = recordings();
    for (keep, part) in [
        ("5 moons", "not a unit"),
        ("0d", "keep nothing"),
        ("1d, 2d", "a second limit on age"),
    ] {
        dir.atom(&["index", "videos", "--store", "s.db", "--keep", keep])
            .fails_with(&["--keep", part, "expected"]);
    }
}
