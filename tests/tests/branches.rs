//! Reuse: for any number of branches and pipelines, each module is loaded once and each frame is encoded once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use atom_index::Store;
use atom_operators::node::NodeKind;
use atom_pipelines::parse;
use atom_tests::{
    generated_media, pipeline_text,
    program::{Workdir, json_lines, path_str},
};
use serde_json::{Value, json};

fn video() -> PathBuf {
    generated_media::moving("branches.mp4", 10.0, &[])
}

/// Runs pipeline files on the video and returns the report.
#[track_caller]
fn run(dir: &Workdir, arguments: &[&str]) -> Value {
    let source = format!("video={}", path_str(&video()));
    let mut all = vec!["run", "--report", "r.json", "--source", &source];
    all.extend(arguments);
    dir.atom(&all).ok();
    dir.report("r.json")
}

#[track_caller]
fn assert_counted_once(report: &Value) {
    for module in ["vision", "decoder"] {
        assert_eq!(report["modules"][module]["loads"], 1, "{module}: {report}");
    }
    assert!(report["modules"].get("text").is_none(), "{report}");
    let source = &report["sources"]["video"];
    assert_eq!(
        report["modules"]["vision"]["items"],
        source["frames_sampled"]
    );
    assert_eq!(report["failures"], json!({}));
    assert_balanced(source);
}

/// Asserts that each received frame was sampled or dropped.
#[track_caller]
fn assert_balanced(source: &Value) {
    let count = |value: &Value| value.as_u64().unwrap();
    let drops: u64 = source["frames_dropped"]
        .as_object()
        .unwrap()
        .values()
        .map(count)
        .sum();
    let sampled = count(&source["frames_sampled"]);
    assert_eq!(
        count(&source["frames_received"]),
        sampled + drops,
        "{source}"
    );
}

/// Returns the rows of a store without their pack, which depends on the settings.
fn rows(dir: &Workdir, store: &str) -> Vec<(u64, u64, Option<String>, Vec<u32>)> {
    let store = Store::open_existing(&dir.path(store)).unwrap();
    let rows = store.rows(None, None, None).unwrap().into_iter();
    rows.map(|stored| {
        let row = stored.row;
        let bits = row.embedding.iter().map(|x| x.to_bits()).collect();
        (row.start_ms, row.end_ms, row.caption, bits)
    })
    .collect()
}

fn lines(dir: &Workdir, file: &str, kind: &str) -> Vec<String> {
    let text = dir.read(file);
    json_lines(&text)
        .iter()
        .zip(text.lines())
        .filter(|(value, _)| value["kind"] == kind)
        .map(|(_, line)| line.to_owned())
        .collect()
}

/// Name and question of the reason node of the ready pipeline.
fn question() -> (String, String) {
    let file = parse(Path::new("x"), &pipeline_text::built_in("three-branches")).unwrap();
    let asked = file.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Reason(spec) => Some((node.name.clone(), spec.ask.clone())),
        _ => None,
    });
    asked.unwrap()
}

#[test]
fn three_branches_share_one_encoder_and_one_decoder() {
    let dir = Workdir::new();
    dir.write("three.toml", pipeline_text::built_in("three-branches"));
    let report = run(&dir, &["three.toml"]);
    assert_counted_once(&report);
    let source = &report["sources"]["video"];
    assert_eq!(source["frames_received"], 100);
    assert_eq!(source["segments"], 3);
    assert_eq!(source["complete_through_ms"], 10_000);
    assert_eq!(
        report["decoder"]["requests"],
        json!({"caption": 3, "reason": 3})
    );
    assert_eq!(
        (&report["captions"], &report["answers"]),
        (&json!(3), &json!(3))
    );
    assert!(report["peak_rss_bytes"].as_u64().unwrap() > 1_000_000);
}

#[test]
fn two_pipelines_with_one_source_encode_each_frame_once() {
    let dir = Workdir::new();
    dir.write("three.toml", pipeline_text::built_in("three-branches"));
    let other = pipeline_text::built_in("caption")
        .replace("frames", "stills")
        .replace("seen", "looked")
        .replace("[source.video]", "[source.clip]")
        .replace("[\"video\"]", "[\"clip\"]");
    dir.write("other.toml", other);
    let clip = format!("clip={}", path_str(&video()));
    let alone = run(&dir, &["three.toml"]);
    let both = run(&dir, &["three.toml", "other.toml", "--source", &clip]);
    assert_counted_once(&both);
    assert_eq!(both["sources"].as_object().unwrap().len(), 1, "{both}");
    for same in [
        "/modules/vision/items",
        "/decoder/requests",
        "/decoder/tokens/caption/generated",
        "/sources/video",
        "/captions",
    ] {
        assert_eq!(both.pointer(same), alone.pointer(same), "{same}");
    }
}

#[test]
fn pipelines_with_different_settings_share_the_modules_but_not_the_frames() {
    let dir = Workdir::new();
    let two = pipeline_text::built_in("caption").replace("fps = 2", "fps = 2\nchange = 0");
    dir.write("two.toml", two);
    let five = pipeline_text::built_in("caption")
        .replace("fps = 2", "fps = 5\nchange = 0")
        .replace("captions.vtt", "other.vtt");
    dir.write("five.toml", five);
    let report = run(&dir, &["two.toml", "five.toml"]);
    assert_balanced(&report["sources"]["video"]);
    assert_eq!(report["modules"]["vision"]["loads"], 1);
    assert_eq!(report["sources"]["video"]["frames_received"], 200);
    assert_eq!(report["sources"]["video"]["frames_sampled"], 20 + 50);
    // Once a second, both samplers select the same frame.
    assert_eq!(report["modules"]["vision"]["items"], 20 + 50 - 10);
}

#[test]
fn separate_runs_of_the_branches_give_the_same_bytes() {
    let whole = Workdir::new();
    whole.write("three.toml", pipeline_text::built_in("three-branches"));
    run(&whole, &["three.toml"]);
    let alone = Workdir::new();
    let scenes = pipeline_text::scenes("fps = 2", "length_ms = 4000");
    let caption = pipeline_text::caption("captions", "scenes");
    let (question, ask) = question();
    let reason = pipeline_text::reason(&question, "scenes", &ask);
    let archive = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"a.db\"\n";
    for (name, branch, node) in [
        ("c", caption.as_str(), "captions"),
        ("r", reason.as_str(), question.as_str()),
    ] {
        let sink = pipeline_text::sink("jsonl", node, &format!("{name}.jsonl"));
        alone.write(&format!("{name}.toml"), format!("{scenes}{branch}{sink}"));
        run(&alone, &[&format!("{name}.toml")]);
    }
    alone.write("i.toml", format!("{scenes}{archive}"));
    let report = run(&alone, &["i.toml"]);
    assert!(report["modules"].get("decoder").is_none(), "{report}");

    let both = "three-branches.jsonl";
    assert_eq!(
        lines(&whole, both, "caption"),
        lines(&alone, "c.jsonl", "caption")
    );
    assert_eq!(
        lines(&whole, both, "answer"),
        lines(&alone, "r.jsonl", "answer")
    );
    let vectors = |rows: Vec<(u64, u64, Option<String>, Vec<u32>)>| -> Vec<_> {
        rows.into_iter().map(|row| (row.0, row.1, row.3)).collect()
    };
    let together = rows(&whole, "three-branches.db");
    assert_eq!(together.len(), 3);
    assert!(
        together
            .iter()
            .all(|row| row.2.is_some() && row.3.len() == 5)
    );
    assert_eq!(vectors(together), vectors(rows(&alone, "a.db")));
}

#[test]
fn running_again_gives_the_same_bytes() {
    let dir = Workdir::new();
    dir.write("three.toml", pipeline_text::built_in("three-branches"));
    run(&dir, &["three.toml"]);
    let first = (
        dir.read("three-branches.jsonl"),
        rows(&dir, "three-branches.db"),
    );
    run(&dir, &["three.toml"]);
    let again = (
        dir.read("three-branches.jsonl"),
        rows(&dir, "three-branches.db"),
    );
    assert_eq!(first, again);
}
