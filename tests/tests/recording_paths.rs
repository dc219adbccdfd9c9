//! A recording keeps one name, and every hit tells where its file is now and how to play it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use atom_index::Store;
use atom_tests::{
    generated_media,
    program::{Process, ProgramOutput, TIMEOUT, Workdir, path_str},
};
use serde_json::Value;

fn red() -> PathBuf {
    generated_media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)])
}

fn with_recording(path: &str) -> Workdir {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path(path).parent().unwrap()).unwrap();
    dir.copy(&red(), path);
    dir
}

#[track_caller]
fn index(dir: &Workdir, path: &str) -> ProgramOutput {
    dir.atom(&["index", path, "--pack", "fake", "--store", "s.db"])
        .ok()
}

#[track_caller]
fn json(dir: &Workdir, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--json", "--store", "s.db"]);
    dir.atom(&all).ok().json_lines().remove(0)
}

fn sources(dir: &Workdir) -> Vec<String> {
    let store = Store::open_existing(&dir.path("s.db")).unwrap();
    let states = store.sources().unwrap().into_iter();
    states.map(|state| state.source).collect()
}

/// Returns the path of a file as the index has it.
fn real(dir: &Workdir, name: &str) -> String {
    path_str(&dir.path(name).canonicalize().unwrap()).to_owned()
}

#[test]
fn a_file_indexed_from_several_folders_keeps_its_first_name() {
    let dir = with_recording("v/deep/red.mp4");
    index(&dir, "v");
    let file = real(&dir, "v/deep/red.mp4");
    for path in ["v/deep", "v/deep/red.mp4", "v", &file, "v/*/red.mp4"] {
        let output = index(&dir, path);
        assert!(
            output.stdout.contains("deep/red.mp4: already indexed"),
            "{path}\n{output}"
        );
        assert_eq!(sources(&dir), ["deep/red.mp4"], "{path}");
    }
    let found = json(&dir, &["search", "red"]);
    assert_eq!(found["hits"][0]["source"], "deep/red.mp4");
    assert_eq!(found["hits"][0]["path"], *file);
}

#[test]
fn a_file_that_grows_keeps_its_first_name_from_another_folder() {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("v/deep")).unwrap();
    let whole = fs::read(generated_media::moving("grows.ts", 60.0, &["-g", "10"])).unwrap();
    dir.write("v/deep/grows.ts", &whole[..whole.len() / 2 / 188 * 188]);
    index(&dir, "v");
    dir.write("v/deep/grows.ts", &whole);
    index(&dir, "v/deep");
    assert_eq!(sources(&dir), ["deep/grows.ts"]);
    let found = json(&dir, &["search", "light"]);
    let through = found["complete_through_ms"]["deep/grows.ts"].as_u64();
    assert!(through > Some(59_000), "{found}");
}

#[test]
fn a_moved_file_keeps_its_rows_and_hits_tell_its_present_path() {
    let dir = with_recording("v/red.mp4");
    index(&dir, "v");
    fs::rename(dir.path("v"), dir.path("w")).unwrap();
    let output = index(&dir, "w");
    assert!(
        output.stdout.contains("red.mp4: already indexed"),
        "{output}"
    );
    let found = json(&dir, &["search", "red"]);
    assert_eq!(found["hits"][0]["path"], *real(&dir, "w/red.mp4"));
    assert_eq!(sources(&dir), ["red.mp4"]);
}

#[test]
fn copies_that_both_exist_are_two_recordings_with_their_own_paths() {
    let dir = with_recording("v/red.mp4");
    fs::create_dir(dir.path("w")).unwrap();
    dir.copy(&red(), "w/red.mp4");
    for folder in ["v", "w", "w", "v"] {
        index(&dir, folder);
    }
    let second = real(&dir, "w/red.mp4");
    assert_eq!(sources(&dir), [&*second, "red.mp4"]);
    let found = json(&dir, &["search", "red"]);
    let mut paths: Vec<_> = found["hits"].as_array().unwrap().iter().collect();
    paths.retain(|hit| hit["start_ms"] == 0);
    let mut paths: Vec<_> = paths
        .iter()
        .map(|hit| hit["path"].as_str().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths, [&*real(&dir, "v/red.mp4"), &*second]);
}

#[test]
fn answers_matches_and_events_tell_the_path_and_text_has_the_date() {
    let dir = with_recording("v/2026-11-22_14-03-05.mp4");
    let file = real(&dir, "v/2026-11-22_14-03-05.mp4");
    index(&dir, "v");
    let added = json(&dir, &["query", "add", "red", "something red"]);
    assert_eq!(added["matches"][0]["path"], *file);
    let watch = ["watch", "--after", "0", "--json", "--store", "s.db"];
    let watch = dir.start(&watch);
    watch.wait_for_stdout(|output| output.contains('\n'));
    let event: Value = serde_json::from_str(watch.stdout().lines().next().unwrap()).unwrap();
    assert_eq!(event["path"], *file);
    assert!(event["start_utc"].is_string(), "{event}");
    watch.kill();
    let answer = json(&dir, &["ask", "Is it red?"]);
    assert_eq!(answer["segments"][0]["path"], *file);
    assert!(answer["segments"][0]["start_utc"].is_string(), "{answer}");
    for command in [
        &["search", "white", "--limit", "1"][..],
        &["ask", "Is it white?"],
    ] {
        let mut all = command.to_vec();
        all.extend(["--store", "s.db"]);
        let output = dir.atom(&all).ok();
        let line = output.stdout.lines().find(|line| line.contains(&file));
        let line = line.unwrap_or_else(|| panic!("{output}"));
        let moment = "00:00:04.000 - 00:00:08.000  2026-11-22 14:03:09  2026-11-22_14-03-05.mp4";
        assert!(line.contains(moment), "{output}");
    }
}

/// Runs the program with this `PATH`.
fn with_path(dir: &Workdir, arguments: &[&str], path: &Path) -> ProgramOutput {
    let mut command = dir.command();
    command.args(arguments).env("PATH", path);
    Process::start(command).wait(TIMEOUT).ok()
}

const ODD_NAMES: [&[u8]; 5] = [
    b"a b.mp4",
    b"it's $(touch x) \"`y`\".mp4",
    b"line\nbreak.mp4",
    b"caf\xe9.mp4",
    b"\x1b[31m\\1.mp4",
];

const OPEN: [&str; 7] = [
    "search", "white", "--open", "--store", "s.db", "--limit", "5",
];

/// Indexes videos with odd names. Returns their paths, sorted.
fn with_odd_names() -> (Workdir, Vec<OsString>) {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("v")).unwrap();
    fs::create_dir_all(dir.path("bin")).unwrap();
    let folder = dir.path("v").canonicalize().unwrap();
    let paths = ODD_NAMES.map(|name| folder.join(OsStr::from_bytes(name)));
    for path in &paths {
        fs::copy(red(), path).unwrap();
    }
    index(&dir, "v");
    let mut paths = paths.map(PathBuf::into_os_string).to_vec();
    paths.sort();
    (dir, paths)
}

/// Installs a player that writes its arguments, each ended by a zero byte.
fn install_player(dir: &Workdir) {
    let script = "#!/bin/bash\nprintf '%s\\0' \"$@\"\n";
    let player = dir.write("bin/mpv", script);
    fs::set_permissions(&player, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Lets a shell run a command line of the player, which begins at 4 s, and returns the path that the player gets.
#[track_caller]
fn played_path(dir: &Workdir, line: &str) -> OsString {
    assert!(!line.contains(char::is_control), "{line:?}");
    let mut shell = Command::new("/bin/bash");
    shell.args(["-c", line]).current_dir(dir.path("bin"));
    let output = shell.env("PATH", dir.path("bin")).output().unwrap();
    let path = output.stdout.strip_prefix(b"--start=4\0").unwrap();
    OsStr::from_bytes(path.strip_suffix(b"\0").unwrap()).to_owned()
}

#[test]
fn the_command_line_that_plays_a_moment_survives_a_shell_whatever_the_name_of_the_file() {
    let (dir, paths) = with_odd_names();
    install_player(&dir);
    let output = with_path(&dir, &OPEN, &dir.path("bin"));
    let lines = output.stdout.lines();
    let lines = lines.filter(|line| line.starts_with("  mpv "));
    let mut played: Vec<_> = lines.map(|line| played_path(&dir, line)).collect();
    played.sort();
    assert_eq!(played, paths, "{output}");
    assert!(!dir.path("bin/x").exists());
}

#[test]
fn a_moment_that_cannot_be_played_is_told_with_the_reason() {
    let dir = with_recording("v/red.mp4");
    fs::create_dir(dir.path("bin")).unwrap();
    index(&dir, "v");
    let output = with_path(&dir, &OPEN, &dir.path("bin"));
    assert!(
        output.stderr.contains("install mpv, vlc or ffplay"),
        "{output}"
    );
    install_player(&dir);
    fs::remove_file(dir.path("v/red.mp4")).unwrap();
    let output = with_path(&dir, &OPEN, &dir.path("bin"));
    assert!(
        output
            .stderr
            .contains("red.mp4 cannot be played: its file no longer exists"),
        "{output}"
    );
}
