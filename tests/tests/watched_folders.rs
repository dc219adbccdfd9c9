//! Watched folders: recordings are written, grow, move, change and disappear, while other processes read the index.
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
    generated_media,
    program::{Process, TIMEOUT, Workdir},
};

const INDEX: [&str; 6] = ["index", "v", "--pack", "fake", "--store", "s.db"];

fn workdir() -> Workdir {
    let dir = Workdir::new();
    fs::create_dir(dir.path("v")).unwrap();
    dir
}

fn watch(dir: &Workdir) -> Process {
    let mut arguments = INDEX.to_vec();
    arguments.push("--watch");
    dir.start(&arguments)
}

/// Returns, for each source, the time up to which it is complete, and the end of its last row.
fn extent(dir: &Workdir) -> BTreeMap<String, (u64, u64)> {
    let Ok(store) = Store::open_existing(&dir.path("s.db")) else {
        return BTreeMap::new();
    };
    // Read before the rows, as it must never be ahead of them.
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
fn wait_until(description: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIMEOUT, "timeout: {description}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn names(dir: &Workdir) -> Vec<String> {
    extent(dir).into_keys().collect()
}

#[test]
fn a_folder_is_watched_while_a_recorder_writes_thirty_files() {
    let dir = workdir();
    let whole = generated_media::moving("recorded.mp4", 5.0, &["-g", "10"]);
    let bytes = fs::read(&whole).unwrap();
    let process = watch(&dir);
    let finished = AtomicBool::new(false);
    thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut before: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            let mut reads = 0;
            while !finished.load(SeqCst) {
                let now = extent(&dir);
                for (source, (sealed, last)) in &now {
                    assert!(sealed <= last, "{source} is ahead of its rows");
                    let then = before.get(source).map_or(0, |(sealed, _)| *sealed);
                    assert!(
                        *sealed >= then,
                        "{source} went back from {then} to {sealed}"
                    );
                }
                (before, reads) = (now, reads + 1);
            }
            reads
        });
        for n in 0..30 {
            let mut file = fs::File::create(dir.path(&format!("v/{n:02}.mp4"))).unwrap();
            for part in bytes.chunks(bytes.len() / 4 + 1) {
                std::io::Write::write_all(&mut file, part).unwrap();
                thread::sleep(Duration::from_millis(30));
            }
        }
        wait_until("all thirty are indexed", || {
            let extent = extent(&dir);
            extent.len() == 30 && extent.values().all(|(sealed, _)| *sealed == 5000)
        });
        finished.store(true, SeqCst);
        assert!(reader.join().unwrap() > 10);
    });
    process.interrupt().ok();
    let store = Store::open_existing(&dir.path("s.db")).unwrap();
    assert_eq!(store.rows(None, None, None).unwrap().len(), 60);
    assert!(store.sources().unwrap().iter().all(|state| state.ended));
}

#[test]
fn a_growing_recording_is_searchable_before_it_is_complete() {
    let dir = workdir();
    let whole = generated_media::moving("grows.ts", 60.0, &["-g", "10"]);
    let bytes = fs::read(&whole).unwrap();
    let process = watch(&dir);
    let mut file = fs::File::create(dir.path("v/grows.ts")).unwrap();
    let through = || {
        extent(&dir)
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
    wait_until("it is finished", || {
        let store = Store::open_existing(&dir.path("s.db")).unwrap();
        store.sources().unwrap().iter().any(|state| state.ended)
    });
    process.interrupt().ok();
    let alone = Workdir::new();
    fs::create_dir(alone.path("v")).unwrap();
    alone.copy(&whole, "v/grows.ts");
    alone.atom(&INDEX).ok();
    let rows = |dir: &Workdir| {
        let store = Store::open_existing(&dir.path("s.db")).unwrap();
        store.rows(None, None, None).unwrap()
    };
    assert_eq!(rows(&dir), rows(&alone));
}

#[test]
fn renames_deletions_and_replacements_are_detected() {
    let dir = workdir();
    let red = generated_media::colours("red.mp4", &[("red", 4.0)]);
    let blue = generated_media::colours("blue.mp4", &[("blue", 8.0)]);
    for (video, name) in [(&red, "v/a.mp4"), (&red, "v/b.mp4"), (&blue, "v/c.mp4")] {
        dir.copy(video, name);
    }
    let process = watch(&dir);
    wait_until("all are indexed", || {
        names(&dir) == ["a.mp4", "b.mp4", "c.mp4"]
    });
    process.wait_for_stdout(|output| output.matches("complete through").count() == 3);
    fs::rename(dir.path("v/c.mp4"), dir.path("v/moved.mp4")).unwrap();
    process.wait_for_stdout(|output| output.contains("moved.mp4: renamed from c.mp4"));
    fs::remove_file(dir.path("v/a.mp4")).unwrap();
    process.wait_for_stdout(|output| output.contains("a.mp4: deleted, and removed from the index"));
    dir.copy(&blue, "v/b.mp4");
    process.wait_for_stdout(|output| output.contains("b.mp4: replaced by another recording"));
    process.wait_for_stdout(|output| output.matches("b.mp4: 2 segments").count() == 1);
    process.interrupt().ok();
    assert_eq!(names(&dir), ["b.mp4", "moved.mp4"]);
    let output = dir.atom(&INDEX).ok();
    assert_eq!(
        output.stdout.matches("already indexed").count(),
        2,
        "{output}"
    );
}

#[test]
fn rows_of_deleted_recordings_stay_on_request_or_if_the_folder_is_empty() {
    let dir = workdir();
    let red = generated_media::colours("red.mp4", &[("red", 4.0)]);
    dir.copy(&red, "v/a.mp4");
    dir.copy(&red, "v/b.mp4");
    dir.atom(&INDEX).ok();
    fs::remove_file(dir.path("v/a.mp4")).unwrap();
    let mut keep = INDEX.to_vec();
    keep.push("--keep-gone");
    dir.atom(&keep).ok();
    assert_eq!(names(&dir), ["a.mp4", "b.mp4"]);
    fs::rename(dir.path("v"), dir.path("away")).unwrap();
    fs::create_dir(dir.path("v")).unwrap();
    dir.atom(&INDEX).fails_with(&["it contains no video"]);
    assert_eq!(names(&dir), ["a.mp4", "b.mp4"]);
    fs::remove_dir(dir.path("v")).unwrap();
    fs::rename(dir.path("away"), dir.path("v")).unwrap();
    let output = dir.atom(&INDEX).ok();
    assert!(
        output
            .stdout
            .contains("a.mp4: deleted, and removed from the index"),
        "{output}"
    );
    assert_eq!(names(&dir), ["b.mp4"]);
}

#[test]
fn unusual_names_link_cycles_and_unreadable_folders_are_harmless() {
    let dir = workdir();
    let red = generated_media::colours("red.mp4", &[("red", 2.0)]);
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
        fs::copy(&red, dir.path("v").join(OsStr::from_bytes(name))).unwrap();
    }
    fs::create_dir_all(dir.path("v/deep/locked")).unwrap();
    symlink(dir.path("v"), dir.path("v/deep/circle")).unwrap();
    symlink(dir.path("v/nowhere.mp4"), dir.path("v/broken.mp4")).unwrap();
    let locked = dir.path("v/deep/locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let output = dir.atom(&INDEX).ok();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
    let found = names(&dir);
    assert_eq!(found.len(), odd.len(), "{found:#?}\n{output}");
    for name in ["a b.mp4", "caf\\xE9.mp4", "-dash.mp4"] {
        assert!(found.iter().any(|found| found == name), "{found:#?}");
    }
    let again = dir.atom(&INDEX).ok();
    assert_eq!(again.stdout.matches("already indexed").count(), odd.len());
}

#[test]
fn thousands_of_tiny_recordings_are_indexed_with_few_threads_and_files() {
    let dir = workdir();
    let tiny = generated_media::moving("tiny.mp4", 0.3, &[]);
    for n in 0..500 {
        dir.copy(&tiny, &format!("v/{n}.mp4"));
    }
    let output = dir.atom(&INDEX).ok();
    assert_eq!(output.stdout.lines().count(), 500, "{output}");
    assert_eq!(names(&dir).len(), 500);
    let again = dir.atom(&INDEX).ok();
    assert_eq!(again.stdout.matches("already indexed").count(), 500);
}

#[test]
fn a_recording_replaced_during_reading_is_read_again() {
    let dir = workdir();
    let long = generated_media::moving("long.mp4", 320.0, &["-g", "50"]);
    let red = generated_media::colours("red.mp4", &[("red", 4.0)]);
    dir.copy(&long, "v/x.mp4");
    let process = watch(&dir);
    wait_until("it is being read", || {
        extent(&dir)
            .get("x.mp4")
            .is_some_and(|(sealed, _)| *sealed > 0)
    });
    let replacement = dir.copy(&red, "replacement.mp4");
    fs::rename(replacement, dir.path("v/x.mp4")).unwrap();
    process
        .wait_for_stdout(|output| output.contains("x.mp4: 1 segment, complete through 00:00:04"));
    process.interrupt();
    let store = Store::open_existing(&dir.path("s.db")).unwrap();
    assert_eq!(store.rows(None, None, None).unwrap().len(), 1);
}

#[test]
fn a_pipeline_file_can_process_a_folder() {
    let dir = workdir();
    let red = generated_media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]);
    dir.copy(&red, "v/a.mp4");
    dir.copy(&red, "v/b.mp4");
    let file = "pack = \"fake\"\n[source.clips]\nuri = \"folder://v\"\n\
        [node.frames]\nkind = \"sample\"\ninputs = [\"clips\"]\n\
        [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
        [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\n\
        [node.captions]\nkind = \"caption\"\ninputs = [\"scenes\"]\n\
        [sink.lines]\nkind = \"jsonl\"\ninputs = [\"captions\"]\npath = \"out.jsonl\"\n";
    dir.write("clips.toml", file);
    let output = dir
        .atom(&["run", "clips.toml", "--json", "--report", "r.json"])
        .ok();
    let sources: Vec<_> = output
        .json_lines()
        .iter()
        .map(|line| line["source"].as_str().unwrap().to_owned())
        .collect();
    for name in ["clips/a.mp4", "clips/b.mp4"] {
        assert_eq!(sources.iter().filter(|source| *source == name).count(), 2);
    }
    assert_eq!(dir.read("out.jsonl").lines().count(), 4);
    let report = dir.report("r.json");
    assert_eq!(report["sources"]["clips/a.mp4"]["segments"], 2, "{report}");
    dir.write("vtt.toml", file.replace("jsonl", "webvtt"));
    dir.atom(&["check", "vtt.toml"])
        .fails_with(&["clips", "one file", "jsonl"]);
}

/// A mounted file system that is so small that it soon is full.
struct SmallFileSystem<'p>(&'p Path);

impl<'p> SmallFileSystem<'p> {
    /// Mounts the file system; returns none if the user may not mount.
    fn mount(path: &'p Path, bytes: &str) -> Option<Self> {
        let size = format!("size={bytes}");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(path)
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(path))
    }
}

impl Drop for SmallFileSystem<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.0)
            .status();
    }
}

#[test]
fn a_full_disk_is_reported_and_nothing_is_lost() {
    let dir = workdir();
    for n in 0..4 {
        let video = generated_media::moving("long.mp4", 320.0, &["-g", "50"]);
        dir.copy(&video, &format!("v/{n}.mp4"));
    }
    fs::create_dir(dir.path("small")).unwrap();
    let small = dir.path("small");
    let Some(_small) = SmallFileSystem::mount(&small, "600k") else {
        // The test needs the permission to mount.
        return;
    };
    let index = ["index", "v", "--pack", "fake", "--store", "small/s.db"];
    dir.atom(&index)
        .fails_with(&["no space left", "small/s.db"]);
    let check = ["store", "check", "--store", "small/s.db"];
    let grow = std::process::Command::new("mount")
        .args(["-o", "remount,size=60m"])
        .arg(&small)
        .status();
    assert!(grow.unwrap().success());
    dir.atom(&check).ok();
    dir.atom(&index).ok();
    let store = Store::open_existing(&dir.path("small/s.db")).unwrap();
    assert_eq!(store.rows(None, None, None).unwrap().len(), 320);
}

#[test]
fn watching_waits_until_a_locked_store_can_be_written() {
    let dir = workdir();
    let red = generated_media::colours("red.mp4", &[("red", 4.0)]);
    dir.copy(&red, "v/a.mp4");
    let process = watch(&dir);
    process.wait_for_stdout(|output| output.contains("a.mp4: 1 segment,"));
    let hold = "import sqlite3, sys\ndb = sqlite3.connect('s.db', isolation_level=None)\n\
        db.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", hold]).current_dir(dir.path("."));
    let mut holder = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = String::new();
    let mut output = std::io::BufReader::new(holder.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut held).unwrap();
    assert_eq!(held.trim(), "held");
    dir.copy(&red, "v/b.mp4");
    process.wait_for_stderr(|output| output.contains("locked by another process"));
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    process.wait_for_stdout(|output| output.contains("b.mp4: 1 segment,"));
    process.interrupt().ok();
    assert_eq!(names(&dir), ["a.mp4", "b.mp4"]);
}

/// Holds the write lock of the store for some seconds, after the store is created.
const HOLD_LOCK: &str = "import os, sqlite3, time
while not os.path.exists('s.db'): time.sleep(0.01)
db = sqlite3.connect('s.db', isolation_level=None, timeout=60)
while db.execute('SELECT count(*) FROM segments').fetchone()[0] < 40: time.sleep(0.005)
db.execute('BEGIN IMMEDIATE')
time.sleep(7)";

#[test]
fn rows_that_could_not_be_written_are_written_by_the_next_run() {
    let dir = workdir();
    dir.copy(
        &generated_media::moving("long.mp4", 320.0, &["-g", "50"]),
        "v/long.mp4",
    );
    dir.copy(
        &generated_media::moving("other.mp4", 300.0, &["-g", "50"]),
        "v/other.mp4",
    );
    let mut holder = std::process::Command::new("python3");
    holder.args(["-c", HOLD_LOCK]).current_dir(dir.path("."));
    let mut holder = holder.spawn().unwrap();
    let process = dir.start(&INDEX);
    process
        .wait(TIMEOUT)
        .fails_with(&["locked by another process"]);
    assert!(holder.wait().unwrap().success());
    dir.atom(&INDEX).ok();
    let alone = Workdir::new();
    fs::create_dir(alone.path("v")).unwrap();
    for name in ["v/long.mp4", "v/other.mp4"] {
        alone.copy(&dir.path(name), name);
    }
    alone.atom(&INDEX).ok();
    let rows = |dir: &Workdir| {
        let store = Store::open_existing(&dir.path("s.db")).unwrap();
        store.rows(None, None, None).unwrap()
    };
    assert!(rows(&dir) == rows(&alone), "a row was lost");
}

#[test]
fn a_read_only_store_is_reported() {
    let dir = workdir();
    let red = generated_media::colours("red.mp4", &[("red", 4.0)]);
    dir.copy(&red, "v/a.mp4");
    dir.atom(&INDEX).ok();
    dir.copy(&red, "v/b.mp4");
    let own = dir.path("s.db");
    let immutable = std::process::Command::new("chattr")
        .arg("+i")
        .arg(&own)
        .output();
    if !immutable.is_ok_and(|output| output.status.success()) {
        // The test needs root and a file system with the immutable attribute.
        return;
    }
    let output = dir.atom(&INDEX);
    let _ = std::process::Command::new("chattr")
        .arg("-i")
        .arg(&own)
        .status();
    output.fails_with(&["s.db"]);
    dir.atom(&INDEX).ok();
    assert_eq!(names(&dir), ["a.mp4", "b.mp4"]);
}
