//! A kill at any moment loses nothing and doubles nothing: what is indexed after any number of kills equals, byte for byte,
//! what an undisturbed run makes.
//!
//! `ATOM_KILLS` sets the number of rounds, 20 if it is not set.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    env, fs, thread,
    time::{Duration, Instant},
};

use atom_index::{SourceState, Store, StoredRow};
use atom_tests::{cache, media, program::Place};

/// Six clips of different lengths, containers and contents.
fn clips(seconds: f64) -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("clips/deep")).unwrap();
    let half = seconds / 2.0;
    let clips = [
        (
            "clips/a.mp4",
            media::moving("a.mp4", seconds, &["-g", "20"]),
        ),
        (
            "clips/b.mkv",
            media::colours("b.mkv", &[("red", half), ("white", half)]),
        ),
        ("clips/c.ts", media::moving("c.ts", half, &["-bf", "2"])),
        (
            "clips/deep/d.mp4",
            media::colours("d.mp4", &[("blue", half), ("lime", seconds)]),
        ),
        ("clips/deep/e.webm", media::moving("e.webm", half, &[])),
        (
            "clips/deep/f.avi",
            media::colours("f.avi", &[("white", half), ("black", half)]),
        ),
    ];
    for (name, clip) in &clips {
        place.copy(clip, name);
    }
    place
}

/// All that a store holds.
fn held(place: &Place) -> (Vec<StoredRow>, Vec<SourceState>) {
    let store = Store::open_existing(&place.path("s.db")).unwrap();
    let rows = store.rows(None, None, None).unwrap();
    (rows, store.sources().unwrap())
}

/// Between two runs a store may hold less than in the end, but nothing else, and nothing less than it says.
fn check_between(place: &Place, expected: &[StoredRow]) -> usize {
    let Ok(store) = Store::open_existing(&place.path("s.db")) else {
        return 0;
    };
    let rows = store.rows(None, None, None).unwrap();
    let through: BTreeMap<_, _> = store
        .sources()
        .unwrap()
        .into_iter()
        .map(|state| (state.source, state.sealed_ms))
        .collect();
    let sealed = |row: &&StoredRow| {
        let sealed = through.get(&row.source).copied().unwrap_or_default();
        row.row.end_ms <= sealed
    };
    for row in expected.iter().filter(sealed) {
        assert!(rows.contains(row), "lost, though it was sealed: {row:?}");
    }
    for row in &rows {
        assert!(expected.contains(row), "never to be there: {row:?}");
    }
    rows.len()
}

fn rounds() -> u64 {
    let set = env::var("ATOM_KILLS").ok();
    set.map_or(20, |rounds| rounds.parse().unwrap())
}

/// Kills a run up to `most` times before it is let through.
fn survives(arguments: &[&str], most: u64, make: impl Fn() -> Place) {
    let undisturbed = make();
    let begun = Instant::now();
    undisturbed.atom(arguments).ok();
    let takes = begun.elapsed();
    let (expected, states) = held(&undisturbed);
    assert!(states.len() == 6 && states.iter().all(|state| state.ended));
    let mut chance = fastrand::Rng::with_seed(6);
    let (mut kills, mut in_the_middle) = (0, 0);
    for round in 0..rounds() {
        let place = make();
        for _ in 0..1 + round % most {
            let running = place.start(arguments);
            // Some come before the first row, some after the last.
            thread::sleep(takes.mul_f64(chance.f64() * 1.1));
            running.kill();
            kills += 1;
            let rows = check_between(&place, &expected);
            in_the_middle += u32::from((1..expected.len()).contains(&rows));
        }
        place.atom(arguments).ok();
        let (rows, now) = held(&place);
        assert!(rows == expected, "round {round}: {rows:#?}");
        assert_eq!(now, states, "round {round}");
        place.atom(&["store", "check", "--store", "s.db"]).ok();
    }
    println!("{kills} kills, {in_the_middle} of them amid the rows: 0 lost, 0 doubled");
    assert!(in_the_middle > 0, "no kill came amid the rows");
}

#[test]
fn of_the_fake_pack_at_any_moment() {
    let arguments = ["index", "clips", "--pack", "fake", "--store", "s.db"];
    survives(&arguments, 3, || clips(60.0));
}

#[test]
fn of_the_default_pack_at_any_moment() {
    let arguments = ["index", "clips", "--store", "s.db"];
    // Short ones: what takes time here is loading the models again and again.
    let make = || clips(1.2).with_cache(&cache::installed());
    survives(&arguments, 1, make);
}

#[test]
fn while_recordings_are_moved_and_replaced() {
    let arguments = ["index", "clips", "--pack", "fake", "--store", "s.db"];
    let changed = |place: &Place| {
        fs::rename(place.path("clips/a.mp4"), place.path("clips/deep/z.mp4")).unwrap();
        fs::copy(place.path("clips/b.mkv"), place.path("clips/c.ts")).unwrap();
        fs::remove_file(place.path("clips/deep/f.avi")).unwrap();
    };
    let undisturbed = clips(20.0);
    changed(&undisturbed);
    undisturbed.atom(&arguments).ok();
    let expected = held(&undisturbed);
    let mut chance = fastrand::Rng::with_seed(7);
    for round in 0..rounds().div_ceil(4) {
        let place = clips(20.0);
        place.atom(&arguments).ok();
        changed(&place);
        for _ in 0..3 {
            let running = place.start(&arguments);
            thread::sleep(Duration::from_millis(chance.u64(0..400)));
            running.kill();
        }
        place.atom(&arguments).ok();
        assert_eq!(held(&place), expected, "round {round}");
    }
}
