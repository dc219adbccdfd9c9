//! `atom search`: selected sources, spans of wall time, hit groups, pages, and waiting for segments to be indexed.
#![allow(clippy::unwrap_used, missing_docs)]

use atom_index::{Gap, GapReason, Row, Seal, Store};
use atom_operators::start_time::{StartOrigin, StartTime};
use atom_tests::program::Workdir;
use serde_json::{Value, json};

/// The pack of the stored rows: the fake one, which needs no model.
const PACK: &str = "fake-1-0";

fn row(start_ms: u64, caption: &str) -> Row {
    Row {
        start_ms,
        end_ms: start_ms + 4000,
        caption: Some(caption.to_owned()),
        ..Row::default()
    }
}

/// Creates an index of two yards and a door with twelve segments each, every third one with rain.
fn indexed() -> Workdir {
    let dir = Workdir::new();
    let mut store = Store::open(&dir.path("s.db")).unwrap();
    for source in ["yard/1", "yard/2", "door"] {
        store.begin(source, PACK).unwrap();
        let text = |n: u64| {
            if n.is_multiple_of(3) {
                "rain on a roof"
            } else {
                "a red ball"
            }
        };
        let rows: Vec<Row> = (0..12).map(|n| row(n * 4000, text(n))).collect();
        store.seal(source, PACK, Seal::of(&rows, 48_000)).unwrap();
        store.finish(source, PACK, 48_000).unwrap();
    }
    dir
}

#[track_caller]
fn search(dir: &Workdir, arguments: &[&str]) -> Value {
    let mut all = vec!["search", "--json", "--store", "s.db"];
    all.extend(arguments);
    dir.atom(&all).ok().json_lines().remove(0)
}

fn keys(found: &Value) -> Vec<(String, u64)> {
    let hits = found["hits"].as_array().unwrap().iter();
    hits.map(|hit| {
        let source = hit["source"].as_str().unwrap().to_owned();
        (source, hit["start_ms"].as_u64().unwrap())
    })
    .collect()
}

#[test]
fn several_sources_and_patterns_can_be_given() {
    let dir = indexed();
    let sources = |arguments: &[&str]| -> Vec<String> {
        let mut all = vec!["rain"];
        all.extend(arguments);
        let found = search(&dir, &all);
        let through = found["complete_through_ms"].as_object().unwrap();
        through.keys().cloned().collect()
    };
    assert_eq!(sources(&["--source", "yard/*"]), ["yard/1", "yard/2"]);
    assert_eq!(
        sources(&["--source", "door", "--source", "*2"]),
        ["door", "yard/2"]
    );
    dir.atom(&["search", "rain", "--store", "s.db", "--source", "barn*"])
        .fails_with(&["\"barn*\"", "door, yard/1, yard/2"]);
}

#[test]
fn a_span_of_wall_time_needs_sources_with_a_known_start_time() {
    let dir = indexed();
    let mut store = Store::open(&dir.path("s.db")).unwrap();
    // 2026-11-22T14:05:00Z
    let start = StartTime {
        utc_ms: 1_795_356_300_000,
        origin: StartOrigin::NameLocal,
    };
    store.set_start("door", start).unwrap();
    drop(store);
    let arguments = [
        "search",
        "--json",
        "--store",
        "s.db",
        "rain",
        "--limit",
        "100",
        "--from",
        "2026-11-22T14:05:12Z",
        "--to",
        "2026-11-22T14:05:24Z",
    ];
    let output = dir
        .atom(&arguments)
        .warns_with(&["left out", "yard/1, yard/2"]);
    let found = output.json_lines().remove(0);
    assert!(
        keys(&found)
            .iter()
            .all(|(source, start)| source == "door" && (12_000..24_000).contains(start))
    );
    assert_eq!(keys(&found)[0], ("door".to_owned(), 12_000));
    assert_eq!(found["hits"][0]["start_utc"], "2026-11-22T14:05:12.000Z");
    assert_eq!(
        found["start_utc"],
        json!({"door": "2026-11-22T14:05:00.000Z"})
    );
    assert_eq!(found["hits"][0]["start_utc_from"], "name_local");
    assert_eq!(found["start_utc_from"], json!({"door": "name_local"}));
}

#[test]
fn pages_give_every_hit_once_while_rows_are_added() {
    let dir = indexed();
    let all = keys(&search(&dir, &["rain", "--limit", "100"]));
    let (mut found_keys, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec!["rain", "--limit", "5"];
        if let Some(next) = &next {
            arguments.extend(["--page", next]);
        }
        let found = search(&dir, &arguments);
        found_keys.extend(keys(&found));
        let mut store = Store::open(&dir.path("s.db")).unwrap();
        store.begin("new", PACK).unwrap();
        let rows = [row(found_keys.len() as u64 * 4000, "rain rain rain")];
        store.seal("new", PACK, Seal::of(&rows, 400_000)).unwrap();
        next = found["next"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    assert_eq!(found_keys, all);
    let broken = ["search", "rain", "--store", "s.db", "--page", "x-y"];
    dir.atom(&broken)
        .fails_with(&["\"x-y\" is not a page of this search"]);
}

#[test]
fn adjacent_hits_form_one_group() {
    let dir = indexed();
    let found = search(&dir, &["ball", "--source", "door", "--moments"]);
    let first = &found["moments"][0];
    assert_eq!(
        first["hits"].as_array().unwrap().len() as u64 * 4000,
        first["end_ms"].as_u64().unwrap() - first["start_ms"].as_u64().unwrap()
    );
    assert!(search(&dir, &["ball"]).get("moments").is_none());
    let output = dir
        .atom(&[
            "search",
            "\"red ball\"",
            "--store",
            "s.db",
            "--source",
            "door",
        ])
        .ok();
    assert!(output.stdout.contains("a red ball"), "{output}");
}

#[test]
fn missing_parts_of_a_span_are_reported_with_the_reason() {
    let dir = indexed();
    let mut store = Store::open(&dir.path("s.db")).unwrap();
    store.begin("live", PACK).unwrap();
    let lost = Gap {
        start_ms: 4000,
        end_ms: Some(8000),
        why: GapReason::Lost,
    };
    let failed = Row {
        failed: vec!["caption".to_owned()],
        ..row(0, "rain")
    };
    let sealed = Seal {
        rows: &[failed],
        gaps: &[lost],
        sealed_ms: 8000,
    };
    store.seal("live", PACK, sealed).unwrap();
    drop(store);
    let found = search(&dir, &["rain", "--source", "live"]);
    let expected = json!([
        {"source": "live", "from_ms": 0, "to_ms": 4000, "why": "failed", "stages": ["caption"]},
        {"source": "live", "from_ms": 4000, "to_ms": 8000, "why": "lost"},
        {"source": "live", "from_ms": 8000, "why": "waiting"},
    ]);
    assert_eq!(found["incomplete"], expected);
    dir.atom(&["search", "rain", "--store", "s.db"])
        .warns_with(&[
            "failed: caption",
            "the source delivered no frames",
            "later video is not indexed",
        ]);
    assert!(
        search(&dir, &["rain", "--source", "door"])
            .get("incomplete")
            .is_none()
    );
}

#[test]
fn a_search_can_wait_until_its_span_is_indexed() {
    let dir = indexed();
    let mut store = Store::open(&dir.path("s.db")).unwrap();
    let wait = [
        "search",
        "--json",
        "--store",
        "s.db",
        "rain",
        "--source",
        "late",
        "--wait-until",
        "4",
    ];
    let waiting = dir.start(&wait);
    std::thread::sleep(std::time::Duration::from_millis(300));
    store.begin("late", PACK).unwrap();
    store
        .seal("late", PACK, Seal::of(&[row(0, "rain")], 4000))
        .unwrap();
    let found = waiting
        .wait(atom_tests::program::TIMEOUT)
        .ok()
        .json_lines()
        .remove(0);
    assert_eq!(keys(&found), [("late".to_owned(), 0)]);
    let mut more = wait.to_vec();
    more.extend(["--wait-at-most", "0"]);
    more[8] = "1:00";
    let output = dir
        .atom(&more)
        .warns_with(&["not everything is indexed after 0 s"]);
    assert_eq!(output.json_lines()[0]["incomplete"][0]["why"], "waiting");
}
