//! Indexing with another version of a pack replaces the rows of each recording in one step. Until then the old rows are found,
//! even if the program is killed.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
    time::{Duration, Instant},
};

use atom_index::{Store, StoredRow};
use atom_tests::{
    fake_pack_versions, generated_media,
    program::{ProgramOutput, Workdir},
};
use serde_json::Value;

/// The arguments that index the clips.
const INDEX: [&str; 6] = ["index", "clips", "--pack", "fake", "--store", "s.db"];

/// Creates a folder with four clips and installs the first version of the fake pack.
fn clips(seconds: f64) -> Workdir {
    let dir = Workdir::new();
    let cache = dir.path("cache");
    let dir = dir.with_cache(&cache);
    fs::create_dir_all(dir.path("clips/deep")).unwrap();
    let colours = |name: &str, first, second| {
        generated_media::colours(name, &[(first, seconds / 2.0), (second, seconds / 2.0)])
    };
    for (name, clip) in [
        ("clips/a.mp4", colours("a.mp4", "red", "white")),
        ("clips/b.mkv", colours("b.mkv", "blue", "lime")),
        ("clips/deep/c.mp4", colours("c.mp4", "white", "blue")),
        (
            "clips/deep/d.ts",
            generated_media::moving("d.ts", seconds, &[]),
        ),
    ] {
        dir.copy(&clip, name);
    }
    install(&dir, "1", "old");
    dir
}

fn install(dir: &Workdir, version: &str, word: &str) {
    fake_pack_versions::install(&dir.path("cache"), version, word);
}

fn rows(dir: &Workdir) -> Vec<StoredRow> {
    let store = Store::open_existing(&dir.path("s.db")).unwrap();
    store.rows(None, None, None).unwrap()
}

#[track_caller]
fn search(dir: &Workdir, arguments: &[&str]) -> Value {
    let mut all = vec!["search", "--json", "--store", "s.db", "--limit", "1000"];
    all.extend(arguments);
    dir.atom(&all).ok().json_lines().remove(0)
}

fn stats(dir: &Workdir) -> Value {
    let output = dir.atom(&["store", "stats", "--json", "--store", "s.db"]);
    output.ok().json_lines().remove(0)
}

/// Returns the version-specific words in the captions of each source.
fn words(found: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut words = BTreeMap::<String, BTreeSet<String>>::new();
    for hit in found["hits"].as_array().unwrap() {
        let word = hit["text"].as_str().unwrap().split(' ').nth(3).unwrap();
        let source = hit["source"].as_str().unwrap().to_owned();
        words.entry(source).or_default().insert(word.to_owned());
    }
    words
}

/// Asserts that everything is found, each source by one version and as complete as before.
#[track_caller]
fn assert_nothing_missing(dir: &Workdir, before: &Value) {
    let found = search(dir, &["picture"]);
    let count = |found: &Value| found["hits"].as_array().unwrap().len();
    assert_eq!(count(&found), count(before));
    assert_eq!(found["complete_through_ms"], before["complete_through_ms"]);
    assert_eq!(found["incomplete"], before["incomplete"]);
    for (source, words) in words(&found) {
        assert_eq!(words.len(), 1, "{source} has both versions: {words:?}");
    }
}

fn all_captions_have(found: &Value, word: &str) -> bool {
    words(found)
        .values()
        .all(|words| words.contains(word) && words.len() == 1)
}

#[track_caller]
fn run(dir: &Workdir, arguments: &[&str]) -> ProgramOutput {
    dir.atom(arguments).ok()
}

#[test]
fn a_killed_reindex_leaves_the_old_rows_searchable_and_can_be_repeated() {
    let dir = clips(60.0);
    run(&dir, &INDEX);
    let before = search(&dir, &["picture"]);
    assert!(all_captions_have(&before, "old"), "{before}");
    install(&dir, "2", "new");
    let undisturbed = clips(60.0);
    install(&undisturbed, "2", "new");
    let start = Instant::now();
    run(&undisturbed, &INDEX);
    let duration_ms = start.elapsed().as_millis() as u64;
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..6 {
        let process = dir.start(&INDEX);
        thread::sleep(Duration::from_millis(random.u64(0..duration_ms)));
        assert_nothing_missing(&dir, &before);
        process.kill();
        assert_nothing_missing(&dir, &before);
    }
    run(&dir, &INDEX);
    let after = search(&dir, &["picture"]);
    assert!(all_captions_have(&after, "new"), "{after}");
    assert_eq!(rows(&dir), rows(&undisturbed));
    let packs = &stats(&dir)["packs"];
    assert_eq!(packs.as_array().unwrap().len(), 1, "{packs}");
    run(&dir, &["store", "check", "--store", "s.db"]);
}

#[test]
fn the_statistics_show_the_progress_of_each_version() {
    let dir = clips(8.0);
    run(&dir, &INDEX);
    let mut store = Store::open_existing(&dir.path("s.db")).unwrap();
    store.begin("a.mp4", "fake-2-0").unwrap();
    let output = run(&dir, &["store", "stats", "--store", "s.db"]);
    for line in [
        "pack fake-1: 4 sources, 8 segments, in use for 4 sources",
        "pack fake-2: 1 source, 0 segments, in use for 0 sources",
        "reindexing a.mp4: fake-1 complete through 00:00:08.000, in use",
        "reindexing a.mp4: fake-2 complete through 00:00:00.000",
    ] {
        assert!(output.stdout.contains(line), "{line}\n{output}");
    }
    assert_eq!(stats(&dir)["under_way"][1]["sealed_ms"], 0);
}

#[test]
fn deleted_recordings_keep_their_old_rows_beside_those_of_the_new_version() {
    let dir = clips(8.0);
    run(&dir, &INDEX);
    fs::remove_file(dir.path("clips/a.mp4")).unwrap();
    install(&dir, "2", "new");
    let added = generated_media::colours("e.mp4", &[("red", 4.0), ("black", 4.0)]);
    dir.copy(&added, "clips/e.mp4");
    let keeping: Vec<&str> = INDEX.iter().copied().chain(["--keep-gone"]).collect();
    run(&dir, &keeping);
    let found = search(&dir, &["red"]);
    let sources: Vec<_> = found["hits"].as_array().unwrap()[..2]
        .iter()
        .map(|hit| {
            (
                hit["source"].as_str().unwrap(),
                hit["text"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("a.mp4", "A picture of old red."),
        ("e.mp4", "A picture of new red."),
    ];
    assert_eq!(sources, expected);
    let asked = ["ask", "Is it red?", "--json", "--store", "s.db"];
    let answer = run(&dir, &asked).json_lines().remove(0);
    let rests = answer["segments"].as_array().unwrap().iter();
    let rests: BTreeSet<_> = rests.map(|rest| rest["source"].as_str().unwrap()).collect();
    assert_eq!(rests, BTreeSet::from(["a.mp4", "e.mp4"]), "{answer}");
    run(&dir, &["summarize", "--store", "s.db"]);
}

#[test]
fn rows_of_a_version_that_is_not_installed_are_found_by_words_until_they_are_indexed_again() {
    let dir = clips(8.0);
    install(&dir, "3", "odd");
    run(&dir, &INDEX);
    install(&dir, "2", "new");
    let arguments = ["search", "--json", "--store", "s.db", "odd red"];
    let output = dir
        .atom(&arguments)
        .warns_with(&["fake-3 is not installed", "by words"]);
    assert_eq!(output.stderr.matches("fake-3").count(), 1, "{output}");
    let found = output.json_lines().remove(0);
    assert_eq!(found["hits"][0]["text"], "A picture of odd red.");
    let asked = ["ask", "Is it red?", "--store", "s.db"];
    dir.atom(&asked).fails_with(&["fake-3", "index"]);
    run(&dir, &INDEX);
    assert!(all_captions_have(&search(&dir, &["picture"]), "new"));
    run(&dir, &asked);
}
