//! The installed pack `mini` on a real video, as after `make setup`.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    cell::RefCell,
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use atom_index::{Hit, Query, Store, text_to_embed};
use atom_models::{Meters, Pack, TextEncoder};
use atom_pipelines::built_in_pipelines;
use atom_tests::{
    pack_cache,
    program::{Workdir, path_str},
    subtitle_parsers,
};
use serde_json::{Value, json};

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
    assert!(output.stdout.contains("files are right"), "{output}");
    let output = workdir().atom(&["models", "list"]).ok();
    assert!(output.stdout.contains("mini"), "{output}");
}

#[test]
fn search_finds_the_scenes_of_an_annotated_recording() {
    // A folder with `recording.mp4` and `timeline.json`, the list of its scenes with their captions.
    let Some(folder) = env::var_os("ATOM_TEST_RECORDING").map(PathBuf::from) else {
        println!("skipped: ATOM_TEST_RECORDING is not set");
        return;
    };
    let dir = workdir();
    let video = folder.join("recording.mp4");
    dir.atom(&["index", path_str(&video), "--store", "s.db"])
        .ok();
    let searcher = Searcher::open(&dir.path("s.db"));
    let scenes = timeline(&folder);
    let (mut scenes_found, mut at_rank_1, mut at_rank_5, mut queries) = (0, 0, 0, 0);
    for scene in &scenes {
        let sentences = scene["captions"].as_array().unwrap().iter();
        let mut ranks = Vec::new();
        for sentence in sentences {
            ranks.push(searcher.rank(sentence.as_str().unwrap(), scene));
        }
        let within = |limit: usize| {
            ranks
                .iter()
                .flatten()
                .filter(|rank| **rank <= limit)
                .count()
        };
        at_rank_1 += within(1);
        at_rank_5 += within(5);
        queries += ranks.len();
        scenes_found += usize::from(within(5) > 0);
        println!("{}: ranks {ranks:?}", scene["clip"]);
    }
    println!(
        "{scenes_found} of {} scenes at rank 5 by one of their sentences; of {queries} sentences {at_rank_1} at rank 1, {at_rank_5} at rank 5",
        scenes.len()
    );
    assert!(
        scenes_found >= 10,
        "only {scenes_found} of {} scenes",
        scenes.len()
    );
}

fn timeline(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("timeline.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A search like that of `atom search`, with the text encoder loaded once for all sentences.
struct Searcher {
    store: Store,
    encoder: RefCell<Box<dyn TextEncoder>>,
}

impl Searcher {
    fn open(store: &Path) -> Self {
        let encoder = Pack::open("mini").unwrap().text(Meters::default().text);
        Self {
            store: Store::open_existing(store).unwrap(),
            encoder: encoder.unwrap().into(),
        }
    }

    /// Returns the rank, counted from 1, of the first hit whose middle is inside the scene.
    fn rank(&self, sentence: &str, scene: &Value) -> Option<usize> {
        let vector = self.encoder.borrow_mut().embed(&text_to_embed(sentence));
        let query = Query {
            text: sentence.to_owned(),
            vectors: BTreeMap::from([(Pack::open("mini").unwrap().id(), vector.unwrap())]),
            limit: 10,
            ..Query::default()
        };
        let hits = self.store.search(&query).unwrap().hits;
        let ms = |key: &str| scene[key].as_u64().unwrap();
        let scene = ms("start_ms")..ms("end_ms");
        let inside = |hit: &Hit| scene.contains(&((hit.start_ms + hit.end_ms) / 2));
        hits.iter().position(inside).map(|index| index + 1)
    }
}
