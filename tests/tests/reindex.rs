//! Indexing with another version of a pack replaces the rows of each recording in one step: old rows are found until then,
//! whatever kills the program on the way.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
    time::{Duration, Instant},
};

use atom_index::{Store, StoredRow};
use atom_tests::{
    media,
    program::{Place, Said},
    versions,
};
use serde_json::Value;

/// The command that indexes the clips.
const INDEX: [&str; 6] = ["index", "clips", "--pack", "fake", "--store", "s.db"];

/// A folder of four clips, with the first version of the fake pack.
fn clips(seconds: f64) -> Place {
    let place = Place::new();
    let cache = place.path("cache");
    let place = place.with_cache(&cache);
    fs::create_dir_all(place.path("clips/deep")).unwrap();
    let colours = |name: &str, first, second| {
        media::colours(name, &[(first, seconds / 2.0), (second, seconds / 2.0)])
    };
    for (name, clip) in [
        ("clips/a.mp4", colours("a.mp4", "red", "white")),
        ("clips/b.mkv", colours("b.mkv", "blue", "lime")),
        ("clips/deep/c.mp4", colours("c.mp4", "white", "blue")),
        ("clips/deep/d.ts", media::moving("d.ts", seconds, &[])),
    ] {
        place.copy(&clip, name);
    }
    installed(&place, "1", "old");
    place
}

fn installed(place: &Place, version: &str, word: &str) {
    versions::install(&place.path("cache"), version, word);
}

fn rows(place: &Place) -> Vec<StoredRow> {
    let store = Store::open_existing(&place.path("s.db")).unwrap();
    store.rows(None, None, None).unwrap()
}

#[track_caller]
fn search(place: &Place, arguments: &[&str]) -> Value {
    let mut all = vec!["search", "--json", "--store", "s.db", "--limit", "1000"];
    all.extend(arguments);
    place.atom(&all).ok().json_lines().remove(0)
}

fn stats(place: &Place) -> Value {
    let said = place.atom(&["store", "stats", "--json", "--store", "s.db"]);
    said.ok().json_lines().remove(0)
}

/// The words that captions of each source begin with.
fn words(found: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut words = BTreeMap::<String, BTreeSet<String>>::new();
    for hit in found["hits"].as_array().unwrap() {
        let word = hit["text"].as_str().unwrap().split(' ').nth(3).unwrap();
        let source = hit["source"].as_str().unwrap().to_owned();
        words.entry(source).or_default().insert(word.to_owned());
    }
    words
}

/// Everything is found, each source wholly by one version and as complete as it was.
#[track_caller]
fn nothing_is_missing(place: &Place, before: &Value) {
    let found = search(place, &["picture"]);
    let count = |found: &Value| found["hits"].as_array().unwrap().len();
    assert_eq!(count(&found), count(before));
    assert_eq!(found["complete_through_ms"], before["complete_through_ms"]);
    assert_eq!(found["incomplete"], before["incomplete"]);
    for (source, words) in words(&found) {
        assert_eq!(words.len(), 1, "{source} is of both versions: {words:?}");
    }
}

fn of_all(found: &Value, word: &str) -> bool {
    words(found)
        .values()
        .all(|words| words.contains(word) && words.len() == 1)
}

#[track_caller]
fn done(place: &Place, arguments: &[&str]) -> Said {
    place.atom(arguments).ok()
}

#[test]
fn a_new_version_replaces_the_old_rows_while_they_answer_whatever_kills_it() {
    let place = clips(60.0);
    done(&place, &INDEX);
    let before = search(&place, &["picture"]);
    assert!(of_all(&before, "old"), "{before}");
    installed(&place, "2", "new");
    let undisturbed = clips(60.0);
    installed(&undisturbed, "2", "new");
    let begun = Instant::now();
    done(&undisturbed, &INDEX);
    let takes = begun.elapsed().as_millis() as u64;
    let mut chance = fastrand::Rng::with_seed(3);
    for _ in 0..6 {
        let running = place.start(&INDEX);
        thread::sleep(Duration::from_millis(chance.u64(0..takes)));
        nothing_is_missing(&place, &before);
        running.kill();
        nothing_is_missing(&place, &before);
    }
    done(&place, &INDEX);
    let after = search(&place, &["picture"]);
    assert!(of_all(&after, "new"), "{after}");
    assert_eq!(rows(&place), rows(&undisturbed));
    let packs = &stats(&place)["packs"];
    assert_eq!(packs.as_array().unwrap().len(), 1, "{packs}");
    done(&place, &["store", "check", "--store", "s.db"]);
}

#[test]
fn the_figures_tell_how_far_each_version_is() {
    let place = clips(8.0);
    done(&place, &INDEX);
    let mut store = Store::open_existing(&place.path("s.db")).unwrap();
    store.begin("a.mp4", "fake-2-0").unwrap();
    let told = done(&place, &["store", "stats", "--store", "s.db"]);
    for line in [
        "pack fake-1: 4 sources, 8 segments, in use for 4 sources",
        "pack fake-2: 1 sources, 0 segments, in use for 0 sources",
        "indexing again a.mp4: fake-1 complete through 00:00:08.000, in use",
        "indexing again a.mp4: fake-2 complete through 00:00:00.000",
    ] {
        assert!(told.stdout.contains(line), "{line}\n{told}");
    }
    assert_eq!(stats(&place)["under_way"][1]["sealed_ms"], 0);
}

#[test]
fn a_recording_that_is_gone_keeps_its_rows_and_is_found_beside_those_of_the_new_version() {
    let place = clips(8.0);
    done(&place, &INDEX);
    fs::remove_file(place.path("clips/a.mp4")).unwrap();
    installed(&place, "2", "new");
    let added = media::colours("e.mp4", &[("red", 4.0), ("black", 4.0)]);
    place.copy(&added, "clips/e.mp4");
    let keeping: Vec<&str> = INDEX.iter().copied().chain(["--keep-gone"]).collect();
    done(&place, &keeping);
    let found = search(&place, &["red"]);
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
    let answer = done(&place, &asked).json_lines().remove(0);
    let rests = answer["segments"].as_array().unwrap().iter();
    let rests: BTreeSet<_> = rests.map(|rest| rest["source"].as_str().unwrap()).collect();
    assert_eq!(rests, BTreeSet::from(["a.mp4", "e.mp4"]), "{answer}");
    done(&place, &["summarize", "--store", "s.db"]);
}

#[test]
fn rows_of_a_version_that_is_not_installed_are_found_by_words_until_they_are_indexed_again() {
    let place = clips(8.0);
    installed(&place, "3", "odd");
    done(&place, &INDEX);
    installed(&place, "2", "new");
    let arguments = ["search", "--json", "--store", "s.db", "odd red"];
    let said = place
        .atom(&arguments)
        .warned(&["fake-3 is not installed", "by words"]);
    assert_eq!(said.stderr.matches("fake-3").count(), 1, "{said}");
    let found = said.json_lines().remove(0);
    assert_eq!(found["hits"][0]["text"], "A picture of odd red.");
    let asked = ["ask", "Is it red?", "--store", "s.db"];
    place.atom(&asked).refused(&["fake-3", "index"]);
    done(&place, &INDEX);
    assert!(of_all(&search(&place, &["picture"]), "new"));
    done(&place, &asked);
}
