//! Invalid input is rejected with a message that names the problem and a remedy, never with a panic or a hang.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::PathBuf, process::Command, time::Duration};

use atom_tests::{
    generated_media, pack_cache, pipeline_text,
    program::{ProgramOutput, Workdir},
};

/// Writes a short valid video.
fn valid_video(dir: &Workdir, name: &str) -> PathBuf {
    let video = generated_media::colours("good.mp4", &[("red", 2.0), ("blue", 2.0)]);
    dir.copy(&video, name)
}

/// Asserts that a pipeline file is rejected before the run starts.
#[track_caller]
fn assert_pipeline_rejected(text: &str, words: &[&str]) -> ProgramOutput {
    let dir = Workdir::new();
    dir.write("p.toml", text);
    let source = ["--source", "video=test://ball?seconds=1"];
    for command in ["run", "check"] {
        dir.atom(&[command, "p.toml", source[0], source[1]])
            .fails_with(words);
    }
    dir.atom(&["run", "p.toml", source[0], source[1]])
}

#[test]
fn an_unknown_key_is_reported_with_its_line_and_a_suggestion() {
    let text = pipeline_text::scenes("fsp = 2", "");
    assert_pipeline_rejected(&text, &["p.toml:6:", "fsp", "fps"]);
}

#[test]
fn an_unknown_node_is_reported_with_its_line_and_a_suggestion() {
    let text = pipeline_text::scenes("", "") + &pipeline_text::caption("captions", "scnes");
    assert_pipeline_rejected(&text, &["p.toml:", "scnes", "scenes"]);
}

#[test]
fn a_cycle_is_reported_with_its_path() {
    let text = "pack = \"fake\"\n\
        [node.a]\nkind = \"reason\"\ninputs = [\"b\"]\nask = \"x\"\n\
        [node.b]\nkind = \"reason\"\ninputs = [\"a\"]\nask = \"y\"\n";
    assert_pipeline_rejected(text, &["p.toml:", "cycle", "a -> b"]);
}

#[test]
fn two_problems_in_one_file_are_both_reported_with_their_lines() {
    let text = pipeline_text::scenes("fps = 1000", "length = 3");
    assert_pipeline_rejected(&text, &["p.toml:6:", "fps", "1000", "p.toml:13:", "length"]);
}

#[test]
fn invalid_toml_is_reported_with_its_line() {
    assert_pipeline_rejected("name = \"x\"\n[source.video\n", &["p.toml:2:"]);
}

#[test]
fn a_missing_pipeline_file_is_rejected() {
    Workdir::new()
        .atom(&["run", "none.toml"])
        .fails_with(&["none.toml"]);
}

#[test]
fn unknown_and_malformed_source_options_are_rejected() {
    let dir = Workdir::new();
    dir.write("p.toml", pipeline_text::built_in("caption"));
    for (source, words) in [
        ("vidoe=test://ball", ["vidoe", "video"]),
        ("video", ["NAME=URI", "video"]),
        ("=x", ["NAME=URI", "=x"]),
        ("video=gopher://x", ["gopher", "video"]),
        ("video=none.mp4", ["none.mp4", "video"]),
    ] {
        dir.atom(&["run", "p.toml", "--source", source])
            .fails_with(&words);
    }
}

#[test]
fn wrong_usage_has_exit_code_2() {
    let dir = Workdir::new();
    for arguments in [
        &["frobnicate"][..],
        &["caption"],
        &["search", "x", "--limit", "0"],
        &[],
    ] {
        assert_eq!(dir.atom(arguments).code, Some(2), "{arguments:?}");
    }
    let output = dir.atom(&["caption", "x.mp4", "--format", "ass"]);
    assert_eq!(output.fails_with(&["vtt", "srt", "jsonl"]).code, Some(2));
}

#[test]
fn an_unknown_kind_is_rejected_with_a_suggestion() {
    Workdir::new()
        .atom(&["docs", "segmnt"])
        .fails_with(&["segmnt", "segment"]);
}

#[test]
fn outputs_that_cannot_be_written_are_rejected() {
    let dir = Workdir::new();
    valid_video(&dir, "v.mp4");
    fs::create_dir(dir.path("folder")).unwrap();
    for path in ["folder", "missing/out.vtt"] {
        let output = dir.atom(&["caption", "v.mp4", "--pack", "fake", "-o", path]);
        output.fails_with(&[path]);
        dir.write(
            "p.toml",
            pipeline_text::built_in("caption").replace("captions.vtt", path),
        );
        dir.atom(&["run", "p.toml", "--source", "video=v.mp4"])
            .fails_with(&[path]);
    }
    dir.write("q.toml", pipeline_text::built_in("caption"));
    for report in ["folder", "missing/r.json"] {
        let run = [
            "run",
            "q.toml",
            "--source",
            "video=v.mp4",
            "--report",
            report,
        ];
        dir.atom(&run).fails_with(&["report", report]);
    }
    assert!(
        !dir.path("captions.vtt").exists(),
        "it is rejected before anything is written"
    );
}

#[test]
fn a_store_that_is_not_an_sqlite_file_is_not_changed() {
    let dir = Workdir::new();
    valid_video(&dir, "v.mp4");
    let words = "A diary.\n".repeat(500);
    dir.write("s.db", &words);
    dir.atom(&["index", "v.mp4", "--pack", "fake", "--store", "s.db"])
        .fails_with(&["s.db", "not an SQLite file"]);
    dir.atom(&["search", "red", "--store", "s.db"])
        .fails_with(&["s.db", "not an SQLite file"]);
    assert_eq!(dir.read("s.db"), words);
}

#[test]
fn a_store_of_a_newer_version_is_not_changed() {
    let dir = Workdir::new();
    valid_video(&dir, "v.mp4");
    let index = ["index", "v.mp4", "--pack", "fake", "--store", "s.db"];
    dir.atom(&index).ok();
    let mut bytes = fs::read(dir.path("s.db")).unwrap();
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes()); // the user version, in SQLite's file format
    dir.write("s.db", &bytes);
    dir.atom(&index)
        .fails_with(&["s.db", "version 99", "this Atom reads version"]);
    let search = ["search", "red", "--store", "s.db"];
    dir.atom(&search)
        .fails_with(&["s.db", "version 99", "this Atom reads version"]);
    assert_eq!(fs::read(dir.path("s.db")).unwrap(), bytes);
}

#[test]
fn invalid_searches_are_rejected() {
    let dir = Workdir::new();
    valid_video(&dir, "v.mp4");
    dir.atom(&["search", "red"])
        .fails_with(&["no index", "atom index"]);
    dir.atom(&["search", "red", "--store", "none.db"])
        .fails_with(&["none.db", "atom index"]);
    assert!(!dir.path("none.db").exists());
    dir.atom(&["index", "v.mp4", "--pack", "fake", "--store", "s.db"])
        .ok();
    for empty in ["", "  ", "-red"] {
        let output = dir.atom(&["search", "--store", "s.db", "--", empty]);
        output.fails_with(&["no word"]);
    }
}

#[test]
fn valid_recordings_are_indexed_and_an_invalid_one_among_them_is_reported() {
    let dir = Workdir::new();
    fs::create_dir(dir.path("videos")).unwrap();
    valid_video(&dir, "videos/a.mp4");
    dir.write("videos/b.mp4", "no video");
    valid_video(&dir, "videos/c.mp4");
    let output = dir.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let output = output.fails_with(&["error", "b.mp4"]);
    assert_eq!(output.code, Some(1));
    for name in ["a.mp4: 2 segments", "c.mp4: 2 segments"] {
        assert!(output.stdout.contains(name), "{output}");
    }
    let found = dir.atom(&["search", "red", "--store", "s.db"]).ok();
    assert!(
        found.stdout.contains("a.mp4") && found.stdout.contains("c.mp4"),
        "{found}"
    );
}

#[test]
fn a_folder_without_videos_is_rejected() {
    let dir = Workdir::new();
    fs::create_dir(dir.path("videos")).unwrap();
    dir.atom(&["index", "videos", "--pack", "fake"])
        .fails_with(&["no video", "videos"]);
    dir.atom(&["index", "none", "--pack", "fake"])
        .fails_with(&["none"]);
}

#[test]
fn a_pack_that_is_not_installed_is_rejected() {
    let dir = Workdir::new();
    let empty = dir.path("cache");
    let dir = dir.with_cache(&empty);
    valid_video(&dir, "v.mp4");
    for arguments in [
        &["caption", "v.mp4"][..],
        &["caption", "v.mp4", "--pack", "other"],
        &["models", "verify", "mini"],
    ] {
        dir.atom(arguments)
            .fails_with(&["not installed", "atom models install"]);
    }
}

/// Asserts that a damaged pack `mini` is rejected.
#[track_caller]
fn assert_pack_rejected(damage: impl Fn(&std::path::Path), words: &[&str]) {
    let dir = Workdir::new();
    let folder = dir.path("cache");
    damage(&pack_cache::link_installed(&folder));
    let dir = dir.with_cache(&folder);
    valid_video(&dir, "v.mp4");
    dir.atom(&["caption", "v.mp4"]).fails_with(words);
}

#[test]
fn a_changed_file_of_a_pack_is_rejected() {
    let other = |mini: &std::path::Path| {
        let path = mini.join("concepts.tsv");
        let right = fs::read_to_string(&path).unwrap();
        pack_cache::replace(&path, right.replacen('a', "b", 1));
    };
    assert_pack_rejected(other, &["concepts.tsv", "sha256"]);
    let shorter = |mini: &std::path::Path| pack_cache::replace(&mini.join("concepts.tsv"), "dog\n");
    assert_pack_rejected(shorter, &["concepts.tsv", "size 4"]);
}

#[test]
fn a_missing_file_of_a_pack_is_rejected() {
    let missing = |mini: &std::path::Path| fs::remove_file(mini.join("vision.onnx")).unwrap();
    assert_pack_rejected(missing, &["vision.onnx", "missing"]);
}

#[test]
fn the_onnx_file_of_another_model_is_rejected_by_its_inputs_and_outputs() {
    let text_as_vision = |mini: &std::path::Path| {
        let manifest = fs::read_to_string(mini.join("pack.toml")).unwrap();
        let other = manifest.replace("file = \"vision.onnx\"", "file = \"text.onnx\"");
        pack_cache::replace(&mini.join("pack.toml"), other);
    };
    assert_pack_rejected(text_as_vision, &["text.onnx", "expected", "found"]);
}

#[test]
fn a_pack_with_an_invalid_manifest_is_rejected() {
    let broken = |mini: &std::path::Path| pack_cache::replace(&mini.join("pack.toml"), "name = ");
    assert_pack_rejected(broken, &["pack.toml"]);
}

#[test]
fn a_report_never_overwrites_an_input() {
    let dir = Workdir::new();
    let video = fs::read(valid_video(&dir, "v.mp4")).unwrap();
    let text = pipeline_text::built_in("caption");
    dir.write("p.toml", &text);
    for report in ["v.mp4", "p.toml", "captions.vtt"] {
        let source = ["--source", "video=v.mp4"];
        let output = dir.atom(&["run", "p.toml", source[0], source[1], "--report", report]);
        assert_eq!(fs::read(dir.path("v.mp4")).unwrap(), video, "{output}");
        assert_eq!(dir.read("p.toml"), text, "{output}");
        output.fails_with(&["report", report]);
    }
}

#[test]
fn captions_never_overwrite_the_video() {
    let dir = Workdir::new();
    let video = fs::read(valid_video(&dir, "v.mp4")).unwrap();
    dir.atom(&["caption", "v.mp4", "--pack", "fake", "-o", "v.mp4"])
        .fails_with(&["v.mp4", "another file"]);
    assert_eq!(fs::read(dir.path("v.mp4")).unwrap(), video);
}

#[test]
fn a_pipe_without_a_writer_is_rejected() {
    let dir = Workdir::new();
    let status = Command::new("mkfifo").arg(dir.path("f.mp4")).status();
    assert!(status.unwrap().success());
    let process = dir.start(&["caption", "f.mp4", "--pack", "fake"]);
    process.wait(Duration::from_secs(45)).fails_with(&["f.mp4"]);
}

#[test]
fn an_empty_recording_among_others_is_one_error() {
    let dir = Workdir::new();
    fs::create_dir(dir.path("videos")).unwrap();
    valid_video(&dir, "videos/a.mp4");
    dir.write("videos/b.mp4", "");
    let output = dir.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let output = output.fails_with(&["error", "b.mp4", "empty"]);
    assert!(!output.stderr.contains("panic"), "{output}");
    assert!(!output.stdout.contains("b.mp4: 1 segment"), "{output}");
}
