//! Folders are followed: recordings that are written, grow, move, change or go, while somebody else reads the index.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use atom_index::Store;
use atom_tests::{
    media,
    program::{BOUND, Place, Running},
};

const INDEX: [&str; 6] = ["index", "v", "--pack", "fake", "--store", "s.db"];

fn place() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("v")).unwrap();
    place
}

fn follow(place: &Place) -> Running {
    let mut arguments = INDEX.to_vec();
    arguments.push("--watch");
    place.start(&arguments)
}

/// How far each source is sealed, and the end of its last row.
fn extent(place: &Place) -> BTreeMap<String, (u64, u64)> {
    let Ok(store) = Store::open_existing(&place.path("s.db")) else {
        return BTreeMap::new();
    };
    // Read before the rows: it must not be ahead of them.
    let sealed = store.sources().unwrap();
    let rows = store.rows(None, None, None).unwrap();
    let last = |source: &str| {
        let of = rows.iter().filter(|row| row.source == source);
        of.map(|row| row.row.end_ms).max().unwrap_or(0)
    };
    sealed
        .into_iter()
        .map(|state| {
            let last = last(&state.source);
            (state.source, (state.sealed_ms, last))
        })
        .collect()
}

#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < BOUND, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn names(place: &Place) -> Vec<String> {
    extent(place).into_keys().collect()
}

#[test]
fn a_folder_is_followed_while_a_recorder_writes_thirty_files_into_it() {
    let place = place();
    let whole = media::moving("recorded.mp4", 5.0, &["-g", "10"]);
    let bytes = fs::read(&whole).unwrap();
    let running = follow(&place);
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut before: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            let mut looks = 0;
            while !over.load(SeqCst) {
                let now = extent(&place);
                for (source, (sealed, last)) in &now {
                    assert!(sealed <= last, "{source} is ahead of its rows");
                    let then = before.get(source).map_or(0, |(sealed, _)| *sealed);
                    assert!(
                        *sealed >= then,
                        "{source} went back from {then} to {sealed}"
                    );
                }
                (before, looks) = (now, looks + 1);
            }
            looks
        });
        for n in 0..30 {
            let mut file = fs::File::create(place.path(&format!("v/{n:02}.mp4"))).unwrap();
            for part in bytes.chunks(bytes.len() / 4 + 1) {
                std::io::Write::write_all(&mut file, part).unwrap();
                thread::sleep(Duration::from_millis(30));
            }
        }
        until("all thirty are indexed", || {
            let extent = extent(&place);
            extent.len() == 30 && extent.values().all(|(sealed, _)| *sealed == 5000)
        });
        over.store(true, SeqCst);
        assert!(reader.join().unwrap() > 10);
    });
    running.interrupted().ok();
    let store = Store::open_existing(&place.path("s.db")).unwrap();
    assert_eq!(store.rows(None, None, None).unwrap().len(), 60);
    assert!(store.sources().unwrap().iter().all(|state| state.ended));
}

#[test]
fn a_recording_that_grows_is_searchable_before_it_is_finished() {
    let place = place();
    let whole = media::moving("grows.ts", 60.0, &["-g", "10"]);
    let bytes = fs::read(&whole).unwrap();
    let running = follow(&place);
    let mut file = fs::File::create(place.path("v/grows.ts")).unwrap();
    let through = || {
        extent(&place)
            .get("grows.ts")
            .map_or(0, |(sealed, _)| *sealed)
    };
    let mut early = 0;
    for part in bytes.chunks(bytes.len() / 30 + 1) {
        std::io::Write::write_all(&mut file, part).unwrap();
        thread::sleep(Duration::from_millis(500));
        early = early.max(through());
    }
    drop(file);
    assert!(early > 0 && early < 60_000, "{early}");
    until("it is finished", || {
        let store = Store::open_existing(&place.path("s.db")).unwrap();
        store.sources().unwrap().iter().any(|state| state.ended)
    });
    running.interrupted().ok();
    let alone = Place::new();
    fs::create_dir(alone.path("v")).unwrap();
    alone.copy(&whole, "v/grows.ts");
    alone.atom(&INDEX).ok();
    let rows = |place: &Place| {
        let store = Store::open_existing(&place.path("s.db")).unwrap();
        store.rows(None, None, None).unwrap()
    };
    assert_eq!(rows(&place), rows(&alone));
}

#[test]
fn renames_deletions_and_replacements_are_followed() {
    let place = place();
    let red = media::colours("red.mp4", &[("red", 4.0)]);
    let blue = media::colours("blue.mp4", &[("blue", 8.0)]);
    for (video, name) in [(&red, "v/a.mp4"), (&red, "v/b.mp4"), (&blue, "v/c.mp4")] {
        place.copy(video, name);
    }
    let running = follow(&place);
    until("all are indexed", || {
        names(&place) == ["a.mp4", "b.mp4", "c.mp4"]
    });
    running.until(|said| said.matches("complete through").count() == 3);
    fs::rename(place.path("v/c.mp4"), place.path("v/moved.mp4")).unwrap();
    running.until(|said| said.contains("moved.mp4: was c.mp4"));
    fs::remove_file(place.path("v/a.mp4")).unwrap();
    running.until(|said| said.contains("a.mp4: is gone"));
    place.copy(&blue, "v/b.mp4");
    running.until(|said| said.contains("b.mp4: is another recording now"));
    running.until(|said| said.matches("b.mp4: 2 segments").count() == 1);
    running.interrupted().ok();
    assert_eq!(names(&place), ["b.mp4", "moved.mp4"]);
    let said = place.atom(&INDEX).ok();
    assert_eq!(said.stdout.matches("already indexed").count(), 2, "{said}");
}

#[test]
fn what_is_gone_stays_if_that_is_asked_for_or_its_disk_may_be_away() {
    let place = place();
    let red = media::colours("red.mp4", &[("red", 4.0)]);
    place.copy(&red, "v/a.mp4");
    place.copy(&red, "v/b.mp4");
    place.atom(&INDEX).ok();
    fs::remove_file(place.path("v/a.mp4")).unwrap();
    let mut keep = INDEX.to_vec();
    keep.push("--keep-gone");
    place.atom(&keep).ok();
    assert_eq!(names(&place), ["a.mp4", "b.mp4"]);
    fs::rename(place.path("v"), place.path("away")).unwrap();
    fs::create_dir(place.path("v")).unwrap();
    place.atom(&INDEX).refused(&["no video is in it"]);
    assert_eq!(names(&place), ["a.mp4", "b.mp4"]);
    fs::remove_dir(place.path("v")).unwrap();
    fs::rename(place.path("away"), place.path("v")).unwrap();
    let said = place.atom(&INDEX).ok();
    assert!(said.stdout.contains("a.mp4: is gone"), "{said}");
    assert_eq!(names(&place), ["b.mp4"]);
}

#[test]
fn odd_names_links_in_a_circle_and_a_locked_folder_harm_nobody() {
    let place = place();
    let red = media::colours("red.mp4", &[("red", 2.0)]);
    let odd: [&[u8]; 7] = [
        b"a b.mp4",
        b"caf\xe9.mp4",
        "\u{1f6aa} t\u{fc}r.mp4".as_bytes(),
        b"line\nbreak.mp4",
        b"quote\"'`$(x).mp4",
        b"-dash.mp4",
        b"per%20cent\\x41.MP4",
    ];
    for name in odd {
        fs::copy(&red, place.path("v").join(OsStr::from_bytes(name))).unwrap();
    }
    fs::create_dir_all(place.path("v/deep/locked")).unwrap();
    symlink(place.path("v"), place.path("v/deep/circle")).unwrap();
    symlink(place.path("v/nowhere.mp4"), place.path("v/broken.mp4")).unwrap();
    let locked = place.path("v/deep/locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let said = place.atom(&INDEX).ok();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    let found = names(&place);
    assert_eq!(found.len(), odd.len(), "{found:#?}\n{said}");
    for name in ["a b.mp4", "caf\\xE9.mp4", "-dash.mp4"] {
        assert!(found.iter().any(|found| found == name), "{found:#?}");
    }
    let again = place.atom(&INDEX).ok();
    assert_eq!(again.stdout.matches("already indexed").count(), odd.len());
}

#[test]
fn thousands_of_tiny_recordings_are_indexed_with_few_threads_and_files() {
    let place = place();
    let tiny = media::moving("tiny.mp4", 0.3, &[]);
    for n in 0..500 {
        place.copy(&tiny, &format!("v/{n}.mp4"));
    }
    let said = place.atom(&INDEX).ok();
    assert_eq!(said.stdout.lines().count(), 500, "{said}");
    assert_eq!(names(&place).len(), 500);
    let again = place.atom(&INDEX).ok();
    assert_eq!(again.stdout.matches("already indexed").count(), 500);
}

#[test]
fn a_recording_that_is_replaced_while_it_is_read_is_read_again() {
    let place = place();
    let long = media::moving("long.mp4", 320.0, &["-g", "50"]);
    let red = media::colours("red.mp4", &[("red", 4.0)]);
    place.copy(&long, "v/x.mp4");
    let running = follow(&place);
    until("it is being read", || {
        extent(&place)
            .get("x.mp4")
            .is_some_and(|(sealed, _)| *sealed > 0)
    });
    let aside = place.copy(&red, "aside.mp4");
    fs::rename(aside, place.path("v/x.mp4")).unwrap();
    running.until(|said| said.contains("x.mp4: 1 segments, complete through 00:00:04"));
    running.interrupted();
    let store = Store::open_existing(&place.path("s.db")).unwrap();
    assert_eq!(store.rows(None, None, None).unwrap().len(), 1);
}

#[test]
fn a_pipeline_file_may_watch_a_folder() {
    let place = place();
    let red = media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]);
    place.copy(&red, "v/a.mp4");
    place.copy(&red, "v/b.mp4");
    let file = "pack = \"fake\"\n[source.clips]\nuri = \"folder://v\"\n\
        [node.frames]\nkind = \"sample\"\ninputs = [\"clips\"]\n\
        [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
        [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\n\
        [node.captions]\nkind = \"caption\"\ninputs = [\"scenes\"]\n\
        [sink.lines]\nkind = \"jsonl\"\ninputs = [\"captions\"]\npath = \"out.jsonl\"\n";
    place.write("clips.toml", file);
    let said = place
        .atom(&["run", "clips.toml", "--json", "--report", "r.json"])
        .ok();
    let sources: Vec<_> = said
        .json_lines()
        .iter()
        .map(|line| line["source"].as_str().unwrap().to_owned())
        .collect();
    for name in ["clips/a.mp4", "clips/b.mp4"] {
        assert_eq!(sources.iter().filter(|source| *source == name).count(), 2);
    }
    assert_eq!(place.read("out.jsonl").lines().count(), 4);
    let report = place.report("r.json");
    assert_eq!(report["sources"]["clips/a.mp4"]["segments"], 2, "{report}");
    place.write("vtt.toml", file.replace("jsonl", "webvtt"));
    place
        .atom(&["check", "vtt.toml"])
        .refused(&["clips", "one file", "jsonl"]);
}

/// A file system of its own, so small that it is soon full. Nothing where none can be mounted.
struct Small<'p>(&'p Path);

impl<'p> Small<'p> {
    fn at(path: &'p Path, bytes: &str) -> Option<Self> {
        let size = format!("size={bytes}");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(path)
            .output();
        mounted
            .is_ok_and(|said| said.status.success())
            .then_some(Self(path))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.0)
            .status();
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let place = place();
    for n in 0..4 {
        let video = media::moving("long.mp4", 320.0, &["-g", "50"]);
        place.copy(&video, &format!("v/{n}.mp4"));
    }
    fs::create_dir(place.path("small")).unwrap();
    let small = place.path("small");
    let Some(_small) = Small::at(&small, "600k") else {
        // Only who may mount can try this.
        return;
    };
    let index = ["index", "v", "--pack", "fake", "--store", "small/s.db"];
    place.atom(&index).refused(&["no room left", "small/s.db"]);
    let check = ["store", "check", "--store", "small/s.db"];
    let grow = std::process::Command::new("mount")
        .args(["-o", "remount,size=60m"])
        .arg(&small)
        .status();
    assert!(grow.unwrap().success());
    place.atom(&check).ok();
    place.atom(&index).ok();
    let store = Store::open_existing(&place.path("small/s.db")).unwrap();
    assert_eq!(store.rows(None, None, None).unwrap().len(), 320);
}

#[test]
fn who_follows_a_folder_waits_until_its_store_can_be_written() {
    let place = place();
    let red = media::colours("red.mp4", &[("red", 4.0)]);
    place.copy(&red, "v/a.mp4");
    let running = follow(&place);
    running.until(|said| said.contains("a.mp4: 1 segments"));
    let hold = "import sqlite3, sys\ndb = sqlite3.connect('s.db', isolation_level=None)\n\
        db.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", hold]).current_dir(place.path("."));
    let mut holder = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = String::new();
    let mut said = std::io::BufReader::new(holder.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut held).unwrap();
    assert_eq!(held.trim(), "held");
    place.copy(&red, "v/b.mp4");
    running.until_stderr(|said| said.contains("locked by another process"));
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    running.until(|said| said.contains("b.mp4: 1 segments"));
    running.interrupted().ok();
    assert_eq!(names(&place), ["a.mp4", "b.mp4"]);
}

/// Holds the write lock of the store for some seconds, from when it is there.
const HOLD: &str = "import os, sqlite3, time
while not os.path.exists('s.db'): time.sleep(0.01)
db = sqlite3.connect('s.db', isolation_level=None, timeout=60)
while db.execute('SELECT count(*) FROM segments').fetchone()[0] < 40: time.sleep(0.005)
db.execute('BEGIN IMMEDIATE')
time.sleep(7)";

#[test]
fn what_could_not_be_written_is_written_by_the_next_run() {
    let place = place();
    place.copy(
        &media::moving("long.mp4", 320.0, &["-g", "50"]),
        "v/long.mp4",
    );
    place.copy(
        &media::moving("other.mp4", 300.0, &["-g", "50"]),
        "v/other.mp4",
    );
    let mut holder = std::process::Command::new("python3");
    holder.args(["-c", HOLD]).current_dir(place.path("."));
    let mut holder = holder.spawn().unwrap();
    let running = place.start(&INDEX);
    running.wait(BOUND).refused(&["locked by another process"]);
    assert!(holder.wait().unwrap().success());
    place.atom(&INDEX).ok();
    let alone = Place::new();
    fs::create_dir(alone.path("v")).unwrap();
    for name in ["v/long.mp4", "v/other.mp4"] {
        alone.copy(&place.path(name), name);
    }
    alone.atom(&INDEX).ok();
    let rows = |place: &Place| {
        let store = Store::open_existing(&place.path("s.db")).unwrap();
        store.rows(None, None, None).unwrap()
    };
    assert!(rows(&place) == rows(&alone), "a row was lost");
}

#[test]
fn one_run_ends_with_a_clear_word_where_its_store_is_read_only() {
    let place = place();
    let red = media::colours("red.mp4", &[("red", 4.0)]);
    place.copy(&red, "v/a.mp4");
    place.atom(&INDEX).ok();
    place.copy(&red, "v/b.mp4");
    let own = place.path("s.db");
    let mounted = std::process::Command::new("chattr")
        .arg("+i")
        .arg(&own)
        .output();
    if !mounted.is_ok_and(|said| said.status.success()) {
        // Only the owner of everything, and only on some file systems, can make a file read-only for itself.
        return;
    }
    let said = place.atom(&INDEX);
    let _ = std::process::Command::new("chattr")
        .arg("-i")
        .arg(&own)
        .status();
    said.refused(&["s.db"]);
    place.atom(&INDEX).ok();
    assert_eq!(names(&place), ["a.mp4", "b.mp4"]);
}
