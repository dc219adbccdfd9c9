//! Care of an index: checks, copies while it is written, compaction, figures, and files that are damaged.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_index::Store;
use atom_tests::{media, program::Place};

fn indexed() -> Place {
    let place = Place::new();
    let red = media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]);
    place.copy(&red, "red.mp4");
    place
        .atom(&["index", "red.mp4", "--pack", "fake", "--store", "s.db"])
        .ok();
    place
}

#[test]
fn a_sound_index_is_ok_and_its_figures_are_told() {
    let place = indexed();
    let said = place.atom(&["store", "check", "--store", "s.db"]).ok();
    assert_eq!(said.stdout, "ok\n", "{said}");
    let said = place
        .atom(&["store", "stats", "--store", "s.db", "--json"])
        .ok();
    let stats = said.json_lines().remove(0);
    assert_eq!(
        (&stats["segments"], &stats["sources"]),
        (&2.into(), &1.into())
    );
    assert!(stats["bytes"]["vectors"].as_u64().unwrap() > 0, "{said}");
    let said = place.atom(&["store", "stats", "--store", "s.db"]).ok();
    assert!(said.stdout.contains("2 segments"), "{said}");
}

#[test]
fn a_copy_is_made_while_the_index_is_written_and_overwrites_nothing() {
    let place = indexed();
    let video = media::moving("long.mp4", 320.0, &["-g", "50"]);
    place.copy(&video, "long.mp4");
    let writing = place.start(&["index", "long.mp4", "--pack", "fake", "--store", "s.db"]);
    for n in 0..3 {
        let copy = format!("copy{n}.db");
        place
            .atom(&["store", "backup", &copy, "--store", "s.db"])
            .ok();
        place.atom(&["store", "check", "--store", &copy]).ok();
        place.atom(&["search", "red", "--store", &copy]).ok();
    }
    writing.wait(atom_tests::program::BOUND).ok();
    place
        .atom(&["store", "backup", "copy0.db", "--store", "s.db"])
        .refused(&["copy0.db", "never overwrites"]);
}

#[test]
fn compaction_says_what_it_gave_back_and_keeps_what_is_found() {
    let place = indexed();
    let rows = |place: &Place| {
        let store = Store::open_existing(&place.path("s.db")).unwrap();
        store.rows(None, None, None).unwrap()
    };
    let before = rows(&place);
    let said = place.atom(&["store", "compact", "--store", "s.db"]).ok();
    assert!(said.stdout.contains("bytes before"), "{said}");
    assert_eq!(rows(&place), before);
    let held = Store::open(&place.path("s.db")).unwrap();
    drop(held);
    place.atom(&["store", "check", "--store", "s.db"]).ok();
}

#[test]
fn a_damaged_index_is_told_and_never_a_panic() {
    let place = indexed();
    let whole = fs::read(place.path("s.db")).unwrap();
    let mut wrong = 0;
    for part in 1..12 {
        let mut bytes = whole.clone();
        let at = whole.len() * part / 12;
        bytes[at..at + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
        place.write("d.db", &bytes);
        for arguments in [&["store", "check"][..], &["search", "red"]] {
            let mut all = arguments.to_vec();
            all.extend(["--store", "d.db"]);
            let said = place.atom(&all);
            assert!(!said.stderr.contains("panicked"), "{said}");
            assert!(said.code.is_some_and(|code| code <= 1), "{said}");
            wrong += usize::from(said.code == Some(1));
        }
        for beside in ["d.db-wal", "d.db-shm"] {
            let _ = fs::remove_file(place.path(beside));
        }
    }
    assert!(wrong > 0, "no damage was found");
    place
        .atom(&["store", "check", "--store", "none.db"])
        .refused(&["none.db", "atom index"]);
}
