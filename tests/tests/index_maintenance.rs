//! `atom store`: checks, backups during writes, compaction, statistics, and damaged files.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_index::Store;
use atom_tests::{generated_media, program::Workdir};

fn indexed() -> Workdir {
    let dir = Workdir::new();
    let red = generated_media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]);
    dir.copy(&red, "red.mp4");
    dir.atom(&["index", "red.mp4", "--pack", "fake", "--store", "s.db"])
        .ok();
    dir
}

#[test]
fn a_valid_index_is_ok_and_has_statistics() {
    let dir = indexed();
    let output = dir.atom(&["store", "check", "--store", "s.db"]).ok();
    assert_eq!(output.stdout, "ok\n", "{output}");
    let output = dir
        .atom(&["store", "stats", "--store", "s.db", "--json"])
        .ok();
    let stats = output.json_lines().remove(0);
    assert_eq!(
        (&stats["segments"], &stats["sources"]),
        (&2.into(), &1.into())
    );
    assert!(stats["bytes"]["vectors"].as_u64().unwrap() > 0, "{output}");
    let output = dir.atom(&["store", "stats", "--store", "s.db"]).ok();
    assert!(output.stdout.contains("2 segments"), "{output}");
}

#[test]
fn a_backup_during_writes_is_valid_and_overwrites_nothing() {
    let dir = indexed();
    let video = generated_media::moving("long.mp4", 320.0, &["-g", "50"]);
    dir.copy(&video, "long.mp4");
    let writing = dir.start(&["index", "long.mp4", "--pack", "fake", "--store", "s.db"]);
    for n in 0..3 {
        let copy = format!("copy{n}.db");
        dir.atom(&["store", "backup", &copy, "--store", "s.db"])
            .ok();
        dir.atom(&["store", "check", "--store", &copy]).ok();
        dir.atom(&["search", "red", "--store", &copy]).ok();
    }
    writing.wait(atom_tests::program::TIMEOUT).ok();
    dir.atom(&["store", "backup", "copy0.db", "--store", "s.db"])
        .fails_with(&["copy0.db", "never overwrites"]);
}

#[test]
fn compaction_reports_the_freed_bytes_and_keeps_all_rows() {
    let dir = indexed();
    let rows = |dir: &Workdir| {
        let store = Store::open_existing(&dir.path("s.db")).unwrap();
        store.rows(None, None, None).unwrap()
    };
    let before = rows(&dir);
    let output = dir.atom(&["store", "compact", "--store", "s.db"]).ok();
    assert!(output.stdout.contains("bytes before"), "{output}");
    assert_eq!(rows(&dir), before);
    let held = Store::open(&dir.path("s.db")).unwrap();
    drop(held);
    dir.atom(&["store", "check", "--store", "s.db"]).ok();
}

#[test]
fn a_damaged_index_is_reported_without_a_panic() {
    let dir = indexed();
    let whole = fs::read(dir.path("s.db")).unwrap();
    let mut wrong = 0;
    for part in 1..12 {
        let mut bytes = whole.clone();
        let at = whole.len() * part / 12;
        bytes[at..at + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
        dir.write("d.db", &bytes);
        for arguments in [&["store", "check"][..], &["search", "red"]] {
            let mut all = arguments.to_vec();
            all.extend(["--store", "d.db"]);
            let output = dir.atom(&all);
            assert!(!output.stderr.contains("panicked"), "{output}");
            assert!(output.code.is_some_and(|code| code <= 1), "{output}");
            wrong += usize::from(output.code == Some(1));
        }
        for beside in ["d.db-wal", "d.db-shm"] {
            let _ = fs::remove_file(dir.path(beside));
        }
    }
    assert!(wrong > 0, "no damage was found");
    dir.atom(&["store", "check", "--store", "none.db"])
        .fails_with(&["none.db", "atom index"]);
}
