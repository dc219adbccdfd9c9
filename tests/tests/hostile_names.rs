//! Names of files, queries and questions that hold escape sequences, line breaks and bidirectional overrides: every command
//! shows them, and none of them reaches the terminal as it is.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use atom_operators::printable::is_unprintable;
use atom_tests::{
    generated_media, pipeline_text,
    program::{ProgramOutput, TIMEOUT, Workdir, path_str},
};

/// Clears the screen, sets the title, forges a row, reverses the reading order, and uses an eight-bit control character.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;t\u{7}\nerror: forged\r\u{202e}4pm\u{9b}31m";
/// The same as it is shown.
const SHOWN: &str = "a\\u{1b}[2J\\u{1b}]0;t\\u{7}\\nerror: forged\\r\\u{202e}4pm\\u{9b}31m";

/// Asserts that an output has no character that acts on a terminal, and that no line of it begins with the forged text.
#[track_caller]
fn assert_printable(output: &ProgramOutput) {
    for text in [&output.stdout, &output.stderr] {
        for line in text.split('\n') {
            assert!(!line.contains(is_unprintable), "{line:?} of {output:?}");
            assert!(!line.starts_with("error: forged"), "{output}");
        }
    }
    assert!(!output.stderr.contains("panicked"), "{output}");
}

/// Makes a folder `videos` with a recording of a hostile name and one whose name is not UTF-8.
fn recordings(dir: &Workdir) {
    let video = generated_media::colours("short.mp4", &[("red", 1.0)]);
    let folder = dir.path("videos");
    fs::create_dir(&folder).unwrap();
    fs::copy(&video, folder.join(format!("{HOSTILE}.mp4"))).unwrap();
    let blue = generated_media::colours("short_blue.mp4", &[("blue", 1.0)]);
    fs::copy(blue, folder.join(OsStr::from_bytes(b"\xff\xfe.mp4"))).unwrap();
}

/// Runs a command, asserts that what it prints is printable and holds `shown`.
#[track_caller]
fn shows(dir: &Workdir, arguments: &[&str], shown: &str) -> ProgramOutput {
    let output = dir.atom(arguments);
    assert_printable(&output);
    let all = format!("{}{}", output.stdout, output.stderr);
    assert!(all.contains(shown), "no {shown:?} in {output}");
    output
}

#[test]
fn no_command_prints_a_control_character_of_a_name() {
    let dir = Workdir::new();
    recordings(&dir);
    let index = ["index", "videos", "--store", "s.db", "--pack", "fake", "-v"];
    shows(&dir, &index, SHOWN).ok();
    let source = format!("{HOSTILE}.mp4");
    let store = ["--store", "s.db"];
    let with = |arguments: &[&'static str]| [arguments, &store[..]].concat();
    for (arguments, shown) in [
        (with(&["search", "red"]), SHOWN),
        (with(&["search", "red", "--json"]), "\\u001b[2J"),
        (with(&["ask", "Is there something red?"]), SHOWN),
        (with(&["summarize"]), SHOWN),
        (with(&["summarize", "--json"]), "\\u202e"),
        (with(&["stats"]), ""),
        (with(&["stats", "--heat"]), ""),
        (with(&["store", "stats"]), "2 sources"),
        (with(&["store", "check"]), "ok"),
    ] {
        shows(&dir, &arguments, shown).ok();
    }
    let pages = ["search", "red", "--store", "s.db", "--source", HOSTILE];
    shows(&dir, &pages, "\\u{1b}");
    let picture = [&store[..], &["--svg", HOSTILE, "--source", &source]].concat();
    shows(&dir, &[&["stats"][..], &picture].concat(), SHOWN).ok();
    assert!(
        !dir.read(HOSTILE)
            .contains(|c| c != '\n' && is_unprintable(c))
    );
    fs::remove_file(dir.path(HOSTILE)).unwrap();
    shows(
        &dir,
        &["store", "backup", HOSTILE, "--store", "s.db"],
        SHOWN,
    )
    .ok();
    shows(&dir, &["search", "red", "--store", HOSTILE], SHOWN).ok();
}

#[test]
fn standing_queries_with_hostile_names_and_texts_are_printable() {
    let dir = Workdir::new();
    recordings(&dir);
    dir.atom(&["index", "videos", "--store", "s.db", "--pack", "fake"])
        .ok();
    let add = ["query", "add", "q", "red", "--store", "s.db"];
    shows(&dir, &add, SHOWN).ok();
    let show = ["query", "show", "q", "--store", "s.db", "--json"];
    shows(&dir, &show, "\\u202e").ok();
    let add = ["query", "add", "other", HOSTILE, "--store", "s.db"];
    shows(&dir, &add, SHOWN).ok();
    shows(&dir, &["query", "list", "--store", "s.db"], SHOWN).ok();
    shows(
        &dir,
        &["query", "add", HOSTILE, "red", "--store", "s.db"],
        "",
    );
    shows(&dir, &["query", "remove", HOSTILE, "--store", "s.db"], "");
    let watch = dir.start(&["watch", "--after", "0", "--store", "s.db"]);
    watch.wait_for_stdout(|stdout| stdout.contains("matched"));
    assert_printable(&watch.interrupt());
}

#[test]
fn errors_usage_and_drawings_show_hostile_names_as_escapes() {
    let dir = Workdir::new();
    let text = pipeline_text::built_in("caption").replacen(
        "[source.video]",
        "[source.video]\nbogus = 1",
        1,
    );
    fs::write(dir.path(HOSTILE), text).unwrap();
    fs::create_dir(dir.path("data")).unwrap();
    let named = format!("video={HOSTILE}");
    for arguments in [
        &["check", HOSTILE][..],
        &["run", HOSTILE],
        &["run", "none\nerror: forged\u{1b}.toml"],
        &["graph", HOSTILE],
        &["docs", HOSTILE],
        &["caption", "none\u{1b}[2J\nerror: forged.mp4"],
        &["index", HOSTILE, "--pack", HOSTILE],
        &["caption", HOSTILE, "--pack", HOSTILE],
        &["eval", "caption", HOSTILE],
        &["models", "verify", HOSTILE],
        &["models", "install", HOSTILE],
        &["bench", "overhead", "none\u{1b}\n.mp4"],
        &["search", "x", "--store", "none\u{1b}\nerror: forged"],
        &["search", "x", "--from", HOSTILE],
        &["query", "add", "x", "y", "--within", HOSTILE],
        &[
            "check",
            HOSTILE,
            "--source",
            &named,
            "--source",
            "x\u{1b}=y",
        ],
        &[HOSTILE],
        &["run", HOSTILE, "--listen", HOSTILE],
    ] {
        let output = shows(&dir, arguments, "\\u{1b}");
        assert!(matches!(output.code, Some(1 | 2)), "{output}");
    }
    let ask = "ask = \"a\\u001b[2J\\nb\\u202e\"";
    let branch = pipeline_text::scenes("", "")
        + &pipeline_text::reason("r", "scenes", "?").replace("ask = \"?\"", ask);
    dir.write("p.toml", branch);
    for format in ["mermaid", "dot"] {
        let graph = [
            "graph",
            "p.toml",
            "--source",
            "video=test://ball",
            "--format",
            format,
        ];
        shows(&dir, &graph, "202e").ok();
    }
}

#[test]
fn log_lines_in_a_file_cannot_be_forged_by_a_name() {
    let dir = Workdir::new();
    fs::create_dir(dir.path("videos")).unwrap();
    dir.write("videos/good.mp4", "");
    fs::write(dir.path(&format!("videos/{HOSTILE}.mp4")), "no video").unwrap();
    for format in ["text", "json"] {
        let index = [
            "-vv",
            "index",
            "videos",
            "--store",
            "s.db",
            "--pack",
            "fake",
            "--log-format",
            format,
        ];
        let output = dir.atom(&index);
        assert_printable(&output);
        assert!(output.stderr.contains("forged"), "{output}");
    }
}

#[test]
fn json_logs_are_json_to_the_last_line() {
    let dir = Workdir::new();
    recordings(&dir);
    dir.write("videos/broken.mp4", "no video");
    let json = ["--log-format", "json"];
    let path = dir.path("none.mp4");
    for arguments in [
        &["index", "videos", "--store", "s.db", "--pack", "fake"][..],
        &["search", "red", "--store", "s.db"],
        &["search", "red", "--store", "none.db"],
        &["caption", path_str(&path)],
        &["stats", "--store", "s.db", "--svg", "day.svg"],
        &["run", "none.toml"],
        &["frobnicate"],
        &["query", "list", "--store", "s.db"],
    ] {
        let output = dir.atom(&[arguments, &json].concat());
        assert!(!output.stderr.is_empty(), "{output}");
        for line in output.stderr.lines() {
            let object: serde_json::Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{line:?} is no JSON: {error}\n{output}"));
            assert!(object["level"].is_string(), "{line}");
        }
    }
    let watch = dir.start(&["watch", "--store", "s.db", json[0], json[1]]);
    watch.wait_for_stderr(|stderr| stderr.contains("there are no standing queries"));
    watch.signal("TERM");
    let stopped = watch.wait(TIMEOUT).ok();
    assert!(
        stopped.stderr.lines().all(|line| line.starts_with('{')),
        "{stopped}"
    );
}

#[test]
fn a_video_whose_name_is_not_utf8_can_be_captioned_and_indexed() {
    let dir = Workdir::new();
    recordings(&dir);
    let name = OsStr::from_bytes(b"videos/\xff\xfe.mp4");
    let mut caption = dir.command();
    caption.args(["caption", "--pack", "fake"]).arg(name);
    let output = atom_tests::program::Process::start(caption)
        .wait(TIMEOUT)
        .ok();
    assert!(output.stdout.contains("-->"), "{output}");
    let mut index = dir.command();
    index
        .args(["index", "--pack", "fake", "--store"])
        .arg(OsStr::from_bytes(b"s-\xff.db"))
        .arg(name);
    atom_tests::program::Process::start(index)
        .wait(TIMEOUT)
        .ok();
    dir.write("p.toml", pipeline_text::built_in("caption"));
    let mut run = dir.command();
    let source = OsStr::from_bytes(b"video=videos/\xff\xfe.mp4");
    run.args(["run", "p.toml", "--source"]).arg(source);
    atom_tests::program::Process::start(run).wait(TIMEOUT).ok();
    let mut backup = dir.command();
    let copy = OsStr::from_bytes(b"copy-\xff.db");
    backup
        .args(["store", "backup", "--json", "--store"])
        .arg(OsStr::from_bytes(b"s-\xff.db"))
        .arg(copy);
    atom_tests::program::Process::start(backup)
        .wait(TIMEOUT)
        .ok();
    assert!(dir.path(".").join(copy).is_file());
}
