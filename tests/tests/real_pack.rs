//! The installed pack `mini` on a real video, as after `make setup`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::env;

use atom_pipelines::built_in_pipelines;
use atom_tests::{
    pack_cache,
    program::{Workdir, path_str},
    subtitle_parsers,
};
use serde_json::json;

/// The memory limit of a run with the default pack, in bytes.
const MEMORY_LIMIT: u64 = 1_500_000_000;

fn workdir() -> Workdir {
    Workdir::new().with_cache(&pack_cache::installed())
}

#[test]
fn three_branches_process_a_real_video() {
    let dir = workdir();
    dir.write(
        "three.toml",
        built_in_pipelines::text("three-branches").unwrap(),
    );
    let source = format!("video={}", path_str(&pack_cache::demo_video()));
    let run = [
        "run",
        "three.toml",
        "--json",
        "--report",
        "r.json",
        "--source",
        &source,
    ];
    let output = dir.atom(&run).ok();
    let lines = output.json_lines();
    for line in &lines {
        let words = line["text"].as_str().unwrap();
        assert!(words.len() > 1 && !words.contains("<|"), "{line}");
        assert_eq!(line["pack"], "mini");
    }
    let report = dir.report("r.json");
    let loads = |module: &str| report["modules"][module]["loads"].clone();
    assert_eq!(["vision", "decoder"].map(loads), [1, 1]);
    let source = &report["sources"]["video"];
    assert_eq!(source["frames_received"], 250, "{report}");
    // Two per second: in ten seconds of a moving street no frame resembles the previous one.
    assert_eq!(source["frames_sampled"], 20, "{report}");
    assert_eq!(report["modules"]["vision"]["items"], 20);
    let segments = source["segments"].as_u64().unwrap();
    assert!(segments >= 3, "{report}");
    let each = json!({"caption": segments, "reason": segments});
    assert_eq!(report["decoder"]["requests"], each);
    assert_eq!(lines.len() as u64, 2 * segments, "{output}");
    assert_eq!(report["failures"], json!({}));
    let peak = report["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak < MEMORY_LIMIT, "{peak} bytes");
}

#[test]
fn a_real_video_is_captioned_and_found_from_any_folder() {
    let dir = Workdir::new();
    let bare = |arguments: &[&str]| {
        let mut command = dir.command();
        command.env_clear();
        // Only the variables of a login shell, and those that set the cache of the tests.
        for kept in ["HOME", "ATOM_CACHE", "XDG_CACHE_HOME"] {
            if let Some(value) = env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.args(arguments);
        let process = atom_tests::program::Process::start(command);
        process.wait(atom_tests::program::TIMEOUT).ok()
    };
    let bikes = pack_cache::demo_video();
    let cues = subtitle_parsers::webvtt(&bare(&["caption", path_str(&bikes)]).stdout);
    subtitle_parsers::assert_in_order(&cues, 10_040);
    bare(&["index", path_str(&bikes), "--store", "s.db"]);
    let store = dir.path("s.db");
    let elsewhere = Workdir::new().with_cache(&pack_cache::installed());
    let search = [
        "search",
        "a bicycle in the street",
        "--json",
        "--store",
        path_str(&store),
    ];
    let found = elsewhere.atom(&search).ok().json_lines().remove(0);
    assert_eq!(
        found["hits"].as_array().unwrap().len(),
        cues.len(),
        "{found}"
    );
}

#[test]
fn the_installed_pack_is_valid() {
    let output = workdir().atom(&["models", "verify", "mini"]).ok();
    assert!(output.stdout.contains("files are correct"), "{output}");
    let output = workdir().atom(&["models", "list"]).ok();
    assert!(output.stdout.contains("mini"), "{output}");
}
