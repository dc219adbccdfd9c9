//! Reuse: whatever the number of branches and pipelines, each module is loaded once and each picture seen once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use atom_index::Store;
use atom_operators::node::NodeKind;
use atom_pipelines::parse;
use atom_tests::{
    media, pipeline,
    program::{Place, json_lines, text},
};
use serde_json::{Value, json};

fn video() -> PathBuf {
    media::moving("branches.mp4", 10.0, &[])
}

/// Runs pipeline files over the video; the report.
#[track_caller]
fn run(place: &Place, arguments: &[&str]) -> Value {
    let source = format!("video={}", text(&video()));
    let mut all = vec!["run", "--report", "r.json", "--source", &source];
    all.extend(arguments);
    place.atom(&all).ok();
    place.report("r.json")
}

#[track_caller]
fn counted_once(report: &Value) {
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
    balanced(source);
}

/// Received is sampled and all drops together.
#[track_caller]
fn balanced(source: &Value) {
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

/// Rows of a store without their pack, which names the settings.
fn rows(place: &Place, store: &str) -> Vec<(u64, u64, Option<String>, Vec<u32>)> {
    let store = Store::open_existing(&place.path(store)).unwrap();
    let rows = store.rows(None, None, None).unwrap().into_iter();
    rows.map(|stored| {
        let row = stored.row;
        let bits = row.embedding.iter().map(|x| x.to_bits()).collect();
        (row.start_ms, row.end_ms, row.caption, bits)
    })
    .collect()
}

fn lines(place: &Place, file: &str, kind: &str) -> Vec<String> {
    let text = place.read(file);
    json_lines(&text)
        .iter()
        .zip(text.lines())
        .filter(|(value, _)| value["kind"] == kind)
        .map(|(_, line)| line.to_owned())
        .collect()
}

/// Name and question of the reason node of the ready pipeline.
fn question() -> (String, String) {
    let file = parse(Path::new("x"), &pipeline::ready("three-branches")).unwrap();
    let asked = file.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Reason(spec) => Some((node.name.clone(), spec.ask.clone())),
        _ => None,
    });
    asked.unwrap()
}

#[test]
fn three_branches_share_one_encoder_and_one_decoder() {
    let place = Place::new();
    place.write("three.toml", pipeline::ready("three-branches"));
    let report = run(&place, &["three.toml"]);
    counted_once(&report);
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
fn two_pipelines_over_one_source_still_look_once() {
    let place = Place::new();
    place.write("three.toml", pipeline::ready("three-branches"));
    let other = pipeline::ready("caption")
        .replace("frames", "stills")
        .replace("seen", "looked")
        .replace("[source.video]", "[source.clip]")
        .replace("[\"video\"]", "[\"clip\"]");
    place.write("other.toml", other);
    let clip = format!("clip={}", text(&video()));
    let alone = run(&place, &["three.toml"]);
    let both = run(&place, &["three.toml", "other.toml", "--source", &clip]);
    counted_once(&both);
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
fn pipelines_with_other_settings_share_the_modules_but_not_the_frames() {
    let place = Place::new();
    let two = pipeline::ready("caption").replace("fps = 2", "fps = 2\nchange = 0");
    place.write("two.toml", two);
    let five = pipeline::ready("caption")
        .replace("fps = 2", "fps = 5\nchange = 0")
        .replace("captions.vtt", "other.vtt");
    place.write("five.toml", five);
    let report = run(&place, &["two.toml", "five.toml"]);
    balanced(&report["sources"]["video"]);
    assert_eq!(report["modules"]["vision"]["loads"], 1);
    assert_eq!(report["sources"]["video"]["frames_received"], 200);
    assert_eq!(report["sources"]["video"]["frames_sampled"], 20 + 50);
    // Once a second both samplers choose the same frame.
    assert_eq!(report["modules"]["vision"]["items"], 20 + 50 - 10);
}

#[test]
fn branches_taken_apart_give_the_same_bytes() {
    let whole = Place::new();
    whole.write("three.toml", pipeline::ready("three-branches"));
    run(&whole, &["three.toml"]);
    let alone = Place::new();
    let scenes = pipeline::scenes("fps = 2", "length_ms = 4000");
    let caption = pipeline::caption("captions", "scenes");
    let (question, ask) = question();
    let reason = pipeline::reason(&question, "scenes", &ask);
    let archive = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"a.db\"\n";
    for (name, branch, node) in [
        ("c", caption.as_str(), "captions"),
        ("r", reason.as_str(), question.as_str()),
    ] {
        let sink = pipeline::sink("jsonl", node, &format!("{name}.jsonl"));
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
    let place = Place::new();
    place.write("three.toml", pipeline::ready("three-branches"));
    run(&place, &["three.toml"]);
    let first = (
        place.read("three-branches.jsonl"),
        rows(&place, "three-branches.db"),
    );
    run(&place, &["three.toml"]);
    let again = (
        place.read("three-branches.jsonl"),
        rows(&place, "three-branches.db"),
    );
    assert_eq!(first, again);
}
