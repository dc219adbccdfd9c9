//! A kill at any moment loses and duplicates nothing: after any number of kills, the index equals that of an undisturbed run
//! byte for byte.
//!
//! `ATOM_KILLS` sets the number of rounds; the default is 20.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    env, fs, thread,
    time::{Duration, Instant},
};

use atom_index::{SourceState, Store, StoredRow};
use atom_tests::{generated_media, pack_cache, program::Workdir};

/// Creates six clips with different lengths, containers and contents.
fn clips(seconds: f64) -> Workdir {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("clips/deep")).unwrap();
    let half = seconds / 2.0;
    let clips = [
        (
            "clips/a.mp4",
            generated_media::moving("a.mp4", seconds, &["-g", "20"]),
        ),
        (
            "clips/b.mkv",
            generated_media::colours("b.mkv", &[("red", half), ("white", half)]),
        ),
        (
            "clips/c.ts",
            generated_media::moving("c.ts", half, &["-bf", "2"]),
        ),
        (
            "clips/deep/d.mp4",
            generated_media::colours("d.mp4", &[("blue", half), ("lime", seconds)]),
        ),
        (
            "clips/deep/e.webm",
            generated_media::moving("e.webm", half, &[]),
        ),
        (
            "clips/deep/f.avi",
            generated_media::colours("f.avi", &[("white", half), ("black", half)]),
        ),
    ];
    for (name, clip) in &clips {
        dir.copy(clip, name);
    }
    dir
}

/// Returns all rows and sources of a store.
fn contents(dir: &Workdir) -> (Vec<StoredRow>, Vec<SourceState>) {
    let store = Store::open_existing(&dir.path("s.db")).unwrap();
    let rows = store.rows(None, None, None).unwrap();
    (rows, store.sources().unwrap())
}

/// Asserts that a store between two runs has only expected rows, and all rows of the parts that it reports as complete. Returns
/// the number of rows.
fn check_partial_store(dir: &Workdir, expected: &[StoredRow]) -> usize {
    let Ok(store) = Store::open_existing(&dir.path("s.db")) else {
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
        assert!(rows.contains(row), "lost, although it was sealed: {row:?}");
    }
    for row in &rows {
        assert!(expected.contains(row), "unexpected: {row:?}");
    }
    rows.len()
}

fn rounds() -> u64 {
    let set = env::var("ATOM_KILLS").ok();
    set.map_or(20, |rounds| rounds.parse().unwrap())
}

/// Asserts that a run gives the expected store after it was killed up to `max_kills` times.
fn assert_survives_kills(arguments: &[&str], max_kills: u64, make: impl Fn() -> Workdir) {
    let undisturbed = make();
    let start = Instant::now();
    undisturbed.atom(arguments).ok();
    let duration = start.elapsed();
    let (expected, states) = contents(&undisturbed);
    assert!(states.len() == 6 && states.iter().all(|state| state.ended));
    let mut random = fastrand::Rng::with_seed(6);
    let (mut kills, mut amid_rows) = (0, 0);
    for round in 0..rounds() {
        let dir = make();
        for _ in 0..1 + round % max_kills {
            let process = dir.start(arguments);
            // Some kills come before the first row, some after the last.
            thread::sleep(duration.mul_f64(random.f64() * 1.1));
            process.kill();
            kills += 1;
            let rows = check_partial_store(&dir, &expected);
            amid_rows += u32::from((1..expected.len()).contains(&rows));
        }
        dir.atom(arguments).ok();
        let (rows, now) = contents(&dir);
        assert!(rows == expected, "round {round}: {rows:#?}");
        assert_eq!(now, states, "round {round}");
        dir.atom(&["store", "check", "--store", "s.db"]).ok();
    }
    println!("{kills} kills, {amid_rows} of them amid the rows: 0 lost, 0 duplicated");
    assert!(amid_rows > 0, "no kill came amid the rows");
}

#[test]
fn indexing_with_the_fake_pack_survives_kills() {
    let arguments = ["index", "clips", "--pack", "fake", "--store", "s.db"];
    assert_survives_kills(&arguments, 3, || clips(60.0));
}

#[test]
fn indexing_with_the_default_pack_survives_kills() {
    let arguments = ["index", "clips", "--store", "s.db"];
    // Short clips, because loading the models takes most of the time.
    let make = || clips(1.2).with_cache(&pack_cache::installed());
    assert_survives_kills(&arguments, 1, make);
}

#[test]
fn indexing_moved_and_replaced_recordings_survives_kills() {
    let arguments = ["index", "clips", "--pack", "fake", "--store", "s.db"];
    let change = |dir: &Workdir| {
        fs::rename(dir.path("clips/a.mp4"), dir.path("clips/deep/z.mp4")).unwrap();
        fs::copy(dir.path("clips/b.mkv"), dir.path("clips/c.ts")).unwrap();
        fs::remove_file(dir.path("clips/deep/f.avi")).unwrap();
    };
    let undisturbed = clips(20.0);
    change(&undisturbed);
    undisturbed.atom(&arguments).ok();
    let expected = contents(&undisturbed);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..rounds().div_ceil(4) {
        let dir = clips(20.0);
        dir.atom(&arguments).ok();
        change(&dir);
        for _ in 0..3 {
            let process = dir.start(&arguments);
            thread::sleep(Duration::from_millis(random.u64(0..400)));
            process.kill();
        }
        dir.atom(&arguments).ok();
        assert_eq!(contents(&dir), expected, "round {round}");
    }
}
