//! Bad input is refused in words: what was wrong, and what to do; never a panic, never a hang.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::PathBuf, process::Command, time::Duration};

use atom_tests::{
    cache, media, pipeline,
    program::{Place, Said, text},
};

/// Captions a file with the fake pack; it must be refused.
#[track_caller]
fn video_refused(place: &Place, name: &str, words: &[&str]) {
    let path = place.path(name);
    let said = place.atom(&["caption", text(&path), "--pack", "fake"]);
    let mut all = vec!["error", name];
    all.extend(words);
    let said = said.refused(&all);
    assert!(!said.stdout.contains("-->"), "{said}");
}

/// A short good video in the place, under that name.
fn good(place: &Place, name: &str) -> PathBuf {
    let video = media::colours("good.mp4", &[("red", 2.0), ("blue", 2.0)]);
    place.copy(&video, name)
}

#[test]
fn a_file_that_is_not_there() {
    video_refused(&Place::new(), "none.mp4", &["does not exist"]);
}

#[test]
fn a_folder_in_the_place_of_a_file() {
    let place = Place::new();
    fs::create_dir(place.path("folder.mp4")).unwrap();
    video_refused(&place, "folder.mp4", &["folder", "atom index"]);
}

#[test]
fn a_text_file_with_the_name_of_a_video() {
    let place = Place::new();
    place.write("words.mp4", "This is no video at all.\n".repeat(100));
    video_refused(&place, "words.mp4", &[]);
}

#[test]
fn noise_with_the_name_of_a_video() {
    let place = Place::new();
    let noise = (0..100_000u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8);
    place.write("noise.mp4", noise.collect::<Vec<_>>());
    video_refused(&place, "noise.mp4", &[]);
}

#[test]
fn an_mp4_cut_short_whose_index_is_lost() {
    let place = Place::new();
    let whole = fs::read(media::moving("index_at_end.mp4", 8.0, &[])).unwrap();
    place.write("cut.mp4", &whole[..whole.len() / 2]);
    video_refused(&place, "cut.mp4", &[]);
}

#[test]
fn a_file_of_no_bytes() {
    let place = Place::new();
    place.write("empty.mp4", "");
    video_refused(&place, "empty.mp4", &["empty"]);
}

#[test]
fn a_file_with_sound_only() {
    let sine = ["-f", "lavfi", "-i", "sine=d=2"];
    for name in ["sound.mp4", "sound.wav", "sound.mkv"] {
        let place = Place::new();
        place.copy(&media::made(name, &sine), name);
        video_refused(&place, name, &[]);
    }
}

/// Runs a pipeline file that must be refused before anything starts.
#[track_caller]
fn pipeline_refused(text: &str, words: &[&str]) -> Said {
    let place = Place::new();
    place.write("p.toml", text);
    let source = ["--source", "video=test://ball?seconds=1"];
    for command in ["run", "check"] {
        place
            .atom(&[command, "p.toml", source[0], source[1]])
            .refused(words);
    }
    place.atom(&["run", "p.toml", source[0], source[1]])
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_what_was_meant() {
    let text = pipeline::scenes("fsp = 2", "");
    pipeline_refused(&text, &["p.toml:6:", "fsp", "fps"]);
}

#[test]
fn an_unknown_node_is_named_with_its_line_and_what_was_meant() {
    let text = pipeline::scenes("", "") + &pipeline::caption("captions", "scnes");
    pipeline_refused(&text, &["p.toml:", "scnes", "scenes"]);
}

#[test]
fn a_cycle_is_named() {
    let text = "pack = \"fake\"\n\
        [node.a]\nkind = \"reason\"\ninputs = [\"b\"]\nask = \"x\"\n\
        [node.b]\nkind = \"reason\"\ninputs = [\"a\"]\nask = \"y\"\n";
    pipeline_refused(text, &["p.toml:", "cycle", "a -> b"]);
}

#[test]
fn two_problems_in_one_file_are_both_reported_with_their_lines() {
    let text = pipeline::scenes("fps = 1000", "length = 3");
    pipeline_refused(&text, &["p.toml:6:", "fps", "1000", "p.toml:13:", "length"]);
}

#[test]
fn a_file_that_is_no_toml_is_named_with_its_line() {
    pipeline_refused("name = \"x\"\n[source.video\n", &["p.toml:2:"]);
}

#[test]
fn a_pipeline_file_that_is_not_there() {
    Place::new()
        .atom(&["run", "none.toml"])
        .refused(&["none.toml"]);
}

#[test]
fn a_source_that_is_in_no_file_and_one_that_is_malformed() {
    let place = Place::new();
    place.write("p.toml", pipeline::ready("caption"));
    for (source, words) in [
        ("vidoe=test://ball", ["vidoe", "video"]),
        ("video", ["NAME=URI", "video"]),
        ("=x", ["NAME=URI", "=x"]),
        ("video=gopher://x", ["gopher", "video"]),
        ("video=none.mp4", ["none.mp4", "video"]),
    ] {
        place
            .atom(&["run", "p.toml", "--source", source])
            .refused(&words);
    }
}

#[test]
fn wrong_usage_is_told_with_exit_code_2() {
    let place = Place::new();
    for arguments in [
        &["frobnicate"][..],
        &["caption"],
        &["search", "x", "--limit", "0"],
        &[],
    ] {
        assert_eq!(place.atom(arguments).code, Some(2), "{arguments:?}");
    }
    let said = place.atom(&["caption", "x.mp4", "--format", "ass"]);
    assert_eq!(said.refused(&["vtt", "srt", "jsonl"]).code, Some(2));
}

#[test]
fn an_unknown_kind_is_refused_with_what_was_meant() {
    Place::new()
        .atom(&["docs", "segmnt"])
        .refused(&["segmnt", "segment"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let place = Place::new();
    good(&place, "v.mp4");
    fs::create_dir(place.path("folder")).unwrap();
    for output in ["folder", "missing/out.vtt"] {
        let said = place.atom(&["caption", "v.mp4", "--pack", "fake", "-o", output]);
        said.refused(&[output]);
        place.write(
            "p.toml",
            pipeline::ready("caption").replace("captions.vtt", output),
        );
        place
            .atom(&["run", "p.toml", "--source", "video=v.mp4"])
            .refused(&[output]);
    }
    place.write("q.toml", pipeline::ready("caption"));
    for report in ["folder", "missing/r.json"] {
        let run = [
            "run",
            "q.toml",
            "--source",
            "video=v.mp4",
            "--report",
            report,
        ];
        place.atom(&run).refused(&["report", report]);
    }
    assert!(
        !place.path("captions.vtt").exists(),
        "refused before anything was written"
    );
}

#[test]
fn a_store_that_is_no_sqlite_file_is_left_as_it_is() {
    let place = Place::new();
    good(&place, "v.mp4");
    let words = "A diary.\n".repeat(500);
    place.write("s.db", &words);
    place
        .atom(&["index", "v.mp4", "--pack", "fake", "--store", "s.db"])
        .refused(&["s.db", "not an SQLite file"]);
    place
        .atom(&["search", "red", "--store", "s.db"])
        .refused(&["s.db", "not an SQLite file"]);
    assert_eq!(place.read("s.db"), words);
}

#[test]
fn a_store_of_a_newer_version_is_left_as_it_is() {
    let place = Place::new();
    good(&place, "v.mp4");
    let index = ["index", "v.mp4", "--pack", "fake", "--store", "s.db"];
    place.atom(&index).ok();
    let mut bytes = fs::read(place.path("s.db")).unwrap();
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes()); // the user version, in SQLite's file format
    place.write("s.db", &bytes);
    place.atom(&index).refused(&["s.db", "version 99", "newer"]);
    let search = ["search", "red", "--store", "s.db"];
    place
        .atom(&search)
        .refused(&["s.db", "version 99", "newer"]);
    assert_eq!(fs::read(place.path("s.db")).unwrap(), bytes);
}

#[test]
fn searches_that_make_no_sense() {
    let place = Place::new();
    good(&place, "v.mp4");
    place
        .atom(&["search", "red"])
        .refused(&["no store", "atom index"]);
    place
        .atom(&["search", "red", "--store", "none.db"])
        .refused(&["none.db", "atom index"]);
    assert!(!place.path("none.db").exists());
    place
        .atom(&["index", "v.mp4", "--pack", "fake", "--store", "s.db"])
        .ok();
    for empty in ["", "  ", "-red"] {
        let said = place.atom(&["search", "--store", "s.db", "--", empty]);
        said.refused(&["no word"]);
    }
}

#[test]
fn of_several_recordings_the_good_ones_are_indexed_and_the_bad_one_is_named() {
    let place = Place::new();
    fs::create_dir(place.path("videos")).unwrap();
    good(&place, "videos/a.mp4");
    place.write("videos/b.mp4", "no video");
    good(&place, "videos/c.mp4");
    let said = place.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let said = said.refused(&["error", "b.mp4"]);
    assert_eq!(said.code, Some(1));
    for name in ["a.mp4: 2 segments", "c.mp4: 2 segments"] {
        assert!(said.stdout.contains(name), "{said}");
    }
    let found = place.atom(&["search", "red", "--store", "s.db"]).ok();
    assert!(
        found.stdout.contains("a.mp4") && found.stdout.contains("c.mp4"),
        "{found}"
    );
}

#[test]
fn a_folder_without_videos() {
    let place = Place::new();
    fs::create_dir(place.path("videos")).unwrap();
    place
        .atom(&["index", "videos", "--pack", "fake"])
        .refused(&["no video", "videos"]);
    place
        .atom(&["index", "none", "--pack", "fake"])
        .refused(&["none"]);
}

#[test]
fn a_pack_that_is_not_installed() {
    let place = Place::new();
    let empty = place.path("cache");
    let place = place.with_cache(&empty);
    good(&place, "v.mp4");
    for arguments in [
        &["caption", "v.mp4"][..],
        &["caption", "v.mp4", "--pack", "other"],
        &["models", "verify", "mini"],
    ] {
        place
            .atom(arguments)
            .refused(&["not installed", "atom models install"]);
    }
}

/// Captions with a pack `mini` in which something was replaced; it must be refused.
#[track_caller]
fn pack_refused(spoil: impl Fn(&std::path::Path), words: &[&str]) {
    let place = Place::new();
    let folder = place.path("cache");
    spoil(&cache::linked(&folder));
    let place = place.with_cache(&folder);
    good(&place, "v.mp4");
    place.atom(&["caption", "v.mp4"]).refused(words);
}

#[test]
fn a_file_of_a_pack_with_other_bytes() {
    let other = |mini: &std::path::Path| {
        let path = mini.join("concepts.tsv");
        let right = fs::read_to_string(&path).unwrap();
        cache::replace(&path, right.replacen('a', "b", 1));
    };
    pack_refused(other, &["concepts.tsv", "sha256"]);
    let shorter = |mini: &std::path::Path| cache::replace(&mini.join("concepts.tsv"), "dog\n");
    pack_refused(shorter, &["concepts.tsv", "size 4"]);
}

#[test]
fn a_file_of_a_pack_that_is_missing() {
    let missing = |mini: &std::path::Path| fs::remove_file(mini.join("vision.onnx")).unwrap();
    pack_refused(missing, &["vision.onnx", "missing"]);
}

#[test]
fn an_onnx_file_of_another_model_is_refused_by_its_ports() {
    let text_as_vision = |mini: &std::path::Path| {
        let manifest = fs::read_to_string(mini.join("pack.toml")).unwrap();
        let other = manifest.replace("file = \"vision.onnx\"", "file = \"text.onnx\"");
        cache::replace(&mini.join("pack.toml"), other);
    };
    pack_refused(text_as_vision, &["text.onnx", "expected", "found"]);
}

#[test]
fn a_pack_whose_manifest_is_broken() {
    let broken = |mini: &std::path::Path| cache::replace(&mini.join("pack.toml"), "name = ");
    pack_refused(broken, &["pack.toml"]);
}

#[test]
fn a_report_never_writes_over_what_is_read() {
    let place = Place::new();
    let video = fs::read(good(&place, "v.mp4")).unwrap();
    let text = pipeline::ready("caption");
    place.write("p.toml", &text);
    for report in ["v.mp4", "p.toml", "captions.vtt"] {
        let source = ["--source", "video=v.mp4"];
        let said = place.atom(&["run", "p.toml", source[0], source[1], "--report", report]);
        assert_eq!(fs::read(place.path("v.mp4")).unwrap(), video, "{said}");
        assert_eq!(place.read("p.toml"), text, "{said}");
        said.refused(&["report", report]);
    }
}

#[test]
fn captions_never_write_over_the_video() {
    let place = Place::new();
    let video = fs::read(good(&place, "v.mp4")).unwrap();
    place
        .atom(&["caption", "v.mp4", "--pack", "fake", "-o", "v.mp4"])
        .refused(&["v.mp4", "another file"]);
    assert_eq!(fs::read(place.path("v.mp4")).unwrap(), video);
}

#[test]
fn a_pipe_that_nobody_writes_is_refused() {
    let place = Place::new();
    let made = Command::new("mkfifo").arg(place.path("f.mp4")).status();
    assert!(made.unwrap().success());
    let running = place.start(&["caption", "f.mp4", "--pack", "fake"]);
    running.wait(Duration::from_secs(45)).refused(&["f.mp4"]);
}

#[test]
fn a_recording_of_no_bytes_among_others_is_one_plain_error() {
    let place = Place::new();
    fs::create_dir(place.path("videos")).unwrap();
    good(&place, "videos/a.mp4");
    place.write("videos/b.mp4", "");
    let said = place.atom(&["index", "videos", "--pack", "fake", "--store", "s.db"]);
    let said = said.refused(&["error", "b.mp4", "empty"]);
    assert!(!said.stderr.contains("panic"), "{said}");
    assert!(!said.stdout.contains("b.mp4: 1 segments"), "{said}");
}
