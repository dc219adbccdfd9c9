//! Files that commands write: what a failed run leaves, what is never written over, and what other programs may do to a
//! file while it grows.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use atom_tests::{
    generated_media,
    live_run::{FAST_RECONNECT, camera, pipeline, video},
    pipeline_text,
    program::{Process, TIMEOUT, Workdir, json_lines},
};

/// A video that lasts longer than any test waits.
const ENDLESS: &str = "video=test://ball?seconds=86400&fps=60";

/// Waits until a condition holds.
#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIMEOUT, "{what} did not happen");
        thread::sleep(Duration::from_millis(10));
    }
}

fn red_video(dir: &Workdir) {
    dir.copy(
        &generated_media::colours("outputs_red.mp4", &[("red", 2.0)]),
        "v.mp4",
    );
}

#[test]
fn a_failed_run_keeps_the_earlier_subtitle_file() {
    let dir = Workdir::new();
    dir.write("broken.mp4", "no video");
    dir.write("out.vtt", "old");
    let caption = ["caption", "broken.mp4", "--pack", "fake", "-o", "out.vtt"];
    dir.atom(&caption).fails_with(&["broken.mp4"]);
    assert_eq!(dir.read("out.vtt"), "old");
    assert!(!dir.path("out.vtt.partial").exists());
    dir.write(
        "p.toml",
        pipeline_text::built_in("caption").replace("captions.vtt", "out.vtt"),
    );
    dir.atom(&["run", "p.toml", "--source", "video=broken.mp4"])
        .fails_with(&["broken.mp4"]);
    assert_eq!(dir.read("out.vtt"), "old");
}

#[test]
fn a_stopped_run_keeps_the_earlier_file_and_says_where_its_results_are() {
    let dir = Workdir::new();
    dir.write("captions.vtt", "old");
    dir.write("p.toml", pipeline_text::built_in("caption"));
    let results =
        |dir: &Workdir| fs::read_to_string(dir.path("captions.vtt.partial")).unwrap_or_default();
    let run = dir.start(&["run", "p.toml", "--source", ENDLESS]);
    wait_until("a cue", || results(&dir).contains("-->"));
    run.interrupt()
        .fails_with(&["earlier content", "captions.vtt.partial"]);
    assert_eq!(dir.read("captions.vtt"), "old");
    assert!(results(&dir).starts_with("WEBVTT"));
    // The next run is not confused by what this one left, nor by what a killed one leaves.
    let run = dir.start(&["run", "p.toml", "--source", ENDLESS]);
    run.wait_for_stdout(|stdout| stdout.lines().count() > 1);
    run.kill();
    assert_eq!(dir.read("captions.vtt"), "old");
    dir.atom(&["run", "p.toml", "--source", "video=test://ball?seconds=1"])
        .ok();
    assert!(dir.read("captions.vtt").starts_with("WEBVTT"));
    assert!(!dir.path("captions.vtt.partial").exists());
}

#[test]
fn no_name_of_an_input_is_written_over() {
    let dir = Workdir::new();
    red_video(&dir);
    fs::create_dir(dir.path("real")).unwrap();
    symlink("real", dir.path("alias")).unwrap();
    fs::hard_link(dir.path("v.mp4"), dir.path("hard.vtt")).unwrap();
    symlink("v.mp4", dir.path("soft.vtt")).unwrap();
    let before = fs::read(dir.path("v.mp4")).unwrap();
    for output in ["v.mp4", "hard.vtt", "soft.vtt", "real/../hard.vtt"] {
        let text = pipeline_text::built_in("caption").replace("captions.vtt", output);
        dir.write("p.toml", &text);
        let source = "video=v.mp4";
        dir.atom(&["caption", "v.mp4", "--pack", "fake", "-o", output])
            .fails_with(&["error: --output: ", output, "source"]);
        dir.atom(&["run", "p.toml", "--source", source])
            .fails_with(&[output, "source"]);
        dir.write("p.toml", text.replace(output, "captions.vtt"));
        dir.atom(&["run", "p.toml", "--source", source, "--report", output])
            .fails_with(&["report", "v.mp4"]);
        let folder = "[source.video]\nuri = \"folder://.\"";
        let jsonl = text
            .replacen("[source.video]", folder, 1)
            .replace("webvtt", "jsonl");
        dir.write("f.toml", jsonl);
        dir.atom(&["run", "f.toml"])
            .fails_with(&["f.toml:", output]);
        assert_eq!(fs::read(dir.path("v.mp4")).unwrap(), before, "{output}");
    }
    // Two outputs in one file, of which neither exists yet.
    let sinks = pipeline_text::built_in("caption").replace("captions.vtt", "real/a.vtt")
        + "[sink.other]\nkind = \"srt\"\ninputs = [\"captions\"]\npath = \"alias/a.vtt\"\n";
    dir.write("two.toml", sinks);
    dir.atom(&["check", "two.toml", "--source", "video=v.mp4"])
        .fails_with(&["alias/a.vtt", "and so does"]);
    dir.atom(&["index", "v.mp4", "--store", "s.db", "--pack", "fake"])
        .ok();
    fs::hard_link(dir.path("s.db"), dir.path("day.svg")).unwrap();
    dir.atom(&["stats", "--store", "s.db", "--svg", "day.svg"])
        .fails_with(&["drawing", "s.db"]);
    dir.atom(&["store", "check", "--store", "s.db"]).ok();
}

#[test]
fn another_video_is_not_written_over_by_captions() {
    let dir = Workdir::new();
    red_video(&dir);
    dir.write("other.mp4", "frames");
    dir.atom(&["caption", "v.mp4", "--pack", "fake", "-o", "other.mp4"])
        .fails_with(&["other.mp4", "video"]);
    assert_eq!(dir.read("other.mp4"), "frames");
}

#[test]
fn a_replaced_file_keeps_its_permissions_and_the_links_to_it() {
    let dir = Workdir::new();
    red_video(&dir);
    fs::create_dir(dir.path("real")).unwrap();
    dir.write("real/out.vtt", "old");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(dir.path("real/out.vtt"), private).unwrap();
    symlink("real/out.vtt", dir.path("link.vtt")).unwrap();
    dir.atom(&["caption", "v.mp4", "--pack", "fake", "-o", "link.vtt"])
        .ok();
    assert!(dir.path("link.vtt").is_symlink());
    assert!(dir.read("real/out.vtt").contains("-->"));
    let mode = fs::metadata(dir.path("real/out.vtt")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_dash_and_dev_stdout_are_standard_output() {
    let dir = Workdir::new();
    red_video(&dir);
    let printed = dir
        .atom(&["caption", "v.mp4", "--pack", "fake"])
        .ok()
        .stdout;
    for name in ["-", "/dev/stdout", "/dev/fd/1"] {
        let output = dir.atom(&["caption", "v.mp4", "--pack", "fake", "-o", name]);
        assert_eq!(output.ok().stdout, printed, "{name}");
    }
    assert!(!dir.path("-").exists());
    dir.write("p.toml", pipeline_text::built_in("caption"));
    let run = ["run", "p.toml", "--source", "video=v.mp4", "--report", "-"];
    let report = dir.atom(&run).ok();
    assert!(report.stdout.contains("\"wall_seconds\""), "{report}");
}

#[test]
fn devices_and_named_pipes_are_written_in_place() {
    let dir = Workdir::new();
    red_video(&dir);
    let caption = ["caption", "v.mp4", "--pack", "fake", "-o"];
    let to = |output| [&caption[..], &[output]].concat();
    dir.atom(&to("/dev/null")).ok();
    let made = Command::new("mkfifo").arg(dir.path("pipe")).status();
    assert!(made.unwrap().success());
    let mut reader = Command::new("cat");
    reader.arg(dir.path("pipe"));
    let reader = Process::start(reader);
    dir.atom(&to("pipe")).ok();
    assert!(reader.wait(TIMEOUT).ok().stdout.contains("-->"));
    let kind = fs::symlink_metadata(dir.path("pipe")).unwrap();
    assert!(!kind.is_file());
}

#[test]
fn a_full_disk_is_an_error_at_every_output() {
    let dir = Workdir::new();
    red_video(&dir);
    dir.write("p.toml", pipeline_text::built_in("caption"));
    let full = pipeline_text::built_in("caption").replace("captions.vtt", "/dev/full");
    dir.write("vtt.toml", &full);
    dir.write("jsonl.toml", full.replace("webvtt", "jsonl"));
    dir.atom(&["index", "v.mp4", "--store", "s.db", "--pack", "fake"])
        .ok();
    let source = ["--source", "video=v.mp4"];
    for arguments in [
        &["caption", "v.mp4", "--pack", "fake", "-o", "/dev/full"][..],
        &["run", "vtt.toml", source[0], source[1]],
        &["run", "jsonl.toml", source[0], source[1]],
        &[
            "run",
            "p.toml",
            source[0],
            source[1],
            "--report",
            "/dev/full",
        ],
        &["stats", "--store", "s.db", "--svg", "/dev/full"],
    ] {
        let output = dir
            .atom(arguments)
            .fails_with(&["error", "no space left", "/dev/full"]);
        assert_eq!(output.code, Some(1), "{output}");
    }
    for arguments in [
        &["--help"][..],
        &["caption", "v.mp4", "--pack", "fake"],
        &["run", "p.toml", source[0], source[1]],
        &["search", "red", "--store", "s.db"],
        &["stats", "--store", "s.db"],
        &["store", "check", "--store", "s.db"],
        &["docs"],
        &["graph", "p.toml", source[0], source[1]],
    ] {
        let output = with_full_stdout(&dir, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        for word in ["error", "stdout"] {
            assert!(stderr.contains(word), "{arguments:?}: {stderr}");
        }
    }
}

/// Runs a command whose standard output is a full disk.
fn with_full_stdout(dir: &Workdir, arguments: &[&str]) -> std::process::Output {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = dir.command();
    command.args(arguments).stdin(Stdio::null());
    command
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap()
}

/// Returns a pipeline that writes JSON lines of short segments into `out.jsonl`.
fn json_lines_pipeline() -> String {
    pipeline_text::scenes("change = 0", "length_ms = 500")
        + &pipeline_text::caption("captions", "scenes")
        + &pipeline_text::sink("jsonl", "captions", "out.jsonl")
}

#[test]
fn json_lines_survive_restarts_rotation_and_truncation() {
    let dir = Workdir::new();
    dir.write("p.toml", json_lines_pipeline());
    let once = ["run", "p.toml", "--source", "video=test://ball?seconds=2"];
    dir.atom(&once).ok();
    let first = dir.read("out.jsonl");
    dir.atom(&once).ok();
    assert_eq!(dir.read("out.jsonl"), first);
    assert_eq!(dir.read("out.jsonl.previous"), first);
    let append = "path = \"out.jsonl\"\nearlier = \"append\"";
    let text = json_lines_pipeline().replace("path = \"out.jsonl\"", append);
    dir.write("p.toml", text);
    dir.atom(&once).ok();
    assert_eq!(dir.read("out.jsonl"), first.repeat(2));
    // A line that a crash cut short stays alone.
    dir.write("out.jsonl", "{\"kind\":");
    let run = dir.start(&["run", "p.toml", "--source", ENDLESS]);
    let text = || fs::read_to_string(dir.path("out.jsonl")).unwrap_or_default();
    wait_until("a line after the broken one", || text().lines().count() > 2);
    // Moved away, without a signal.
    fs::rename(dir.path("out.jsonl"), dir.path("out.jsonl.1")).unwrap();
    wait_until("a new file", || text().lines().count() > 2);
    // Moved away, with a signal.
    fs::rename(dir.path("out.jsonl"), dir.path("out.jsonl.2")).unwrap();
    run.signal("HUP");
    wait_until("a file after the signal", || text().lines().count() > 2);
    // Copied and cut short, as logrotate does with copytruncate.
    fs::File::options()
        .write(true)
        .open(dir.path("out.jsonl"))
        .unwrap()
        .set_len(0)
        .unwrap();
    wait_until("a line after the cut", || text().lines().count() > 2);
    run.interrupt().fails_with(&["stopping"]);
    assert!(!text().contains('\0'));
    json_lines(&dir.read("out.jsonl.2"));
    let rotated = dir.read("out.jsonl.1");
    let (broken, whole) = rotated.split_once('\n').unwrap();
    assert_eq!(broken, "{\"kind\":");
    json_lines(whole);
}

#[test]
fn a_hang_up_signal_does_not_end_a_run() {
    let dir = Workdir::new();
    dir.write("p.toml", json_lines_pipeline());
    let run = dir.start(&["run", "p.toml", "--source", ENDLESS]);
    run.wait_for_stdout(|stdout| !stdout.is_empty());
    run.signal("HUP");
    run.signal("HUP");
    let printed = run.stdout().len();
    run.wait_for_stdout(|stdout| stdout.len() > printed + 1000);
    assert!(!run.stderr().contains("stopping"), "{run}");
    run.signal("TERM");
    run.wait(TIMEOUT).fails_with(&["stopping"]);
}

#[test]
fn subtitles_of_a_camera_can_be_read_while_the_run_goes_on() {
    let dir = Workdir::new();
    let door = camera(video(160, 10));
    let uri = door.uri();
    let text = pipeline(&[("door", &uri)], FAST_RECONNECT);
    dir.write(
        "live.toml",
        text + &pipeline_text::sink("webvtt", "captions", "door.vtt"),
    );
    dir.write("door.vtt", "yesterday");
    let run = dir.start(&["run", "live.toml"]);
    let cues = || fs::read_to_string(dir.path("door.vtt")).unwrap_or_default();
    wait_until("a cue", || cues().contains("-->"));
    assert!(cues().starts_with("WEBVTT"), "{}", cues());
    fs::rename(dir.path("door.vtt"), dir.path("door.vtt.1")).unwrap();
    wait_until("a new file", || cues().contains("-->"));
    assert!(cues().starts_with("WEBVTT"), "{}", cues());
    run.interrupt().ok();
    assert!(!dir.path("door.vtt.partial").exists());
}

#[test]
fn json_lines_of_a_camera_survive_a_restart() {
    let dir = Workdir::new();
    let door = camera(video(160, 10));
    let uri = door.uri();
    let text = pipeline(&[("door", &uri)], FAST_RECONNECT);
    let sink = pipeline_text::sink("jsonl", "captions", "door.jsonl");
    dir.write("live.toml", text + &sink);
    let lines = || fs::read_to_string(dir.path("door.jsonl")).unwrap_or_default();
    let mut earlier = String::new();
    for _ in 0..2 {
        let run = dir.start(&["run", "live.toml"]);
        wait_until("a line", || lines().len() > earlier.len());
        run.interrupt().ok();
        assert!(
            lines().starts_with(&earlier),
            "{earlier} is not in {}",
            lines()
        );
        json_lines(&lines());
        earlier = lines();
    }
}

#[test]
fn a_missing_folder_and_a_table_defined_twice_are_found_by_check() {
    let dir = Workdir::new();
    let text = pipeline_text::built_in("caption").replace("captions.vtt", "missing/captions.vtt");
    dir.write("p.toml", &text);
    let source = ["--source", "video=test://ball"];
    dir.atom(&["check", "p.toml", source[0], source[1]])
        .fails_with(&["p.toml:", "missing/captions.vtt", "does not exist"]);
    dir.write("twice.toml", text + "[node.captions]\nkind = \"caption\"\n");
    dir.atom(&["check", "twice.toml", source[0], source[1]])
        .fails_with(&["[node.captions] is defined here and on line"]);
}

#[test]
fn a_result_file_that_is_being_written_is_not_written_by_a_second_run() {
    let dir = Workdir::new();
    dir.write("p.toml", pipeline_text::built_in("caption"));
    let run = dir.start(&["run", "p.toml", "--source", ENDLESS]);
    run.wait_for_stdout(|stdout| !stdout.is_empty());
    red_video(&dir);
    let caption = ["caption", "v.mp4", "--pack", "fake", "-o", "captions.vtt"];
    dir.atom(&caption)
        .fails_with(&["captions.vtt", "another run"]);
    run.interrupt().fails_with(&["stopping"]);
    assert!(dir.read("captions.vtt").contains("-->"));
}
