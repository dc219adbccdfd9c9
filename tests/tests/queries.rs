//! Standing queries: what matches them follows all that is indexed, and each change is told once, whatever happens.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeSet, fs, io::Write, net::TcpStream, thread, time::Duration};

use atom_index::{Became, QueryEvent, Store};
use atom_tests::{
    live::Told,
    media,
    program::{BOUND, Place},
};
use serde_json::{Value, json};

/// A folder with a recording that is red, then white, then red.
fn recordings() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("videos")).unwrap();
    let flag = media::colours("flag.mp4", &[("red", 4.0), ("white", 4.0), ("red", 4.0)]);
    place.copy(&flag, "videos/flag.mp4");
    place
}

const INDEX: [&str; 6] = ["index", "videos", "--pack", "fake", "--store", "s.db"];

fn query(place: &Place, arguments: &[&str]) -> Value {
    let mut all = vec!["query", "--store", "s.db", "--json"];
    all.extend(arguments);
    place.atom(&all).ok().json_lines().remove(0)
}

fn starts(told: &Value) -> Vec<u64> {
    let matches = told["matches"].as_array().unwrap().iter();
    let mut starts: Vec<_> = matches
        .map(|found| found["start_ms"].as_u64().unwrap())
        .collect();
    starts.sort_unstable();
    starts
}

fn events(place: &Place) -> Vec<QueryEvent> {
    let store = Store::open_existing(&place.path("s.db")).unwrap();
    store.events(0, 10_000).unwrap()
}

#[test]
fn a_query_is_looked_for_in_what_is_stored_and_in_what_comes() {
    let place = recordings();
    place.atom(&INDEX).ok();
    let told = query(&place, &["add", "red", "something red"]);
    assert_eq!(starts(&told), [0, 8000]);
    assert_eq!(told["query"]["best"], 10);
    // The same once more changes nothing.
    query(&place, &["add", "red", "something red"]);
    assert_eq!(events(&place).len(), 2);
    let more = media::colours("more.mp4", &[("blue", 4.0), ("red", 4.0)]);
    place.copy(&more, "videos/more.mp4");
    let said = place.atom(&INDEX).ok();
    assert!(said.stdout.contains("red: matched  0.99"), "{said}");
    assert_eq!(starts(&query(&place, &["show", "red"])), [0, 4000, 8000]);
    let list = query(&place, &["list"]);
    assert_eq!(list["queries"][0]["text"], "something red");
    query(&place, &["remove", "red"]);
    assert!(
        query(&place, &["list"])["queries"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn what_goes_leaves_and_nothing_shows_it_any_more() {
    let place = recordings();
    query(&place, &["add", "red", "red"]);
    place.atom(&INDEX).ok();
    fs::remove_file(place.path("videos/flag.mp4")).unwrap();
    let other = media::colours("other.mp4", &[("white", 4.0)]);
    place.copy(&other, "videos/other.mp4");
    place.atom(&INDEX).ok();
    let told: Vec<_> = events(&place)
        .into_iter()
        .map(|event| (event.event, event.segment.start_ms))
        .collect();
    use Became::{Left, Matched};
    assert_eq!(
        told,
        [(Matched, 0), (Matched, 8000), (Left, 0), (Left, 8000)]
    );
    assert!(starts(&query(&place, &["show", "red"])).is_empty());
}

const PIPELINE: &str = r#"
pack = "fake"
[source.flag]
uri = "videos/flag.mp4"
[node.frames]
kind = "sample"
inputs = ["flag"]
[node.seen]
kind = "encode"
inputs = ["frames"]
[node.scenes]
kind = "segment"
inputs = ["seen"]
[node.archive]
kind = "index"
inputs = ["scenes"]
store = "s.db"
[node.said]
kind = "caption"
inputs = ["scenes"]
[sink.lines]
kind = "jsonl"
inputs = ["said"]
path = "out.jsonl"
[query.red]
text = "something red"
best = 1
"#;

#[test]
fn a_pipeline_file_has_queries_whose_events_go_to_its_sinks_once() {
    let place = recordings();
    place.write("flag.toml", PIPELINE);
    let said = place.atom(&["run", "flag.toml", "--json"]).ok();
    let of_query = |lines: Vec<Value>| -> Vec<Value> {
        lines
            .into_iter()
            .filter(|line| line["kind"] == "query")
            .collect()
    };
    let printed = of_query(said.json_lines());
    let written = place.read("out.jsonl");
    let written = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(of_query(written.collect()), printed);
    assert_eq!(printed.len(), 1, "{said}");
    assert_eq!(
        (&printed[0]["event"], &printed[0]["query"]),
        (&json!("matched"), &json!("red"))
    );
    // From the beginning again: the rows are equal, so nothing came and nothing left.
    let said = place.atom(&["run", "flag.toml", "--json"]).ok();
    assert!(of_query(said.json_lines()).is_empty(), "{said}");
    // A query that is no longer in the file is gone.
    place.write("flag.toml", PIPELINE.split("[query").next().unwrap());
    place.atom(&["run", "flag.toml"]).ok();
    assert!(
        query(&place, &["list"])["queries"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn kills_lose_no_event_and_double_none() {
    let make = || {
        let place = Place::new();
        fs::create_dir_all(place.path("videos")).unwrap();
        for name in ["videos/a.mp4", "videos/b.mp4"] {
            let colours = [("red", 15.0), ("white", 15.0), ("red", 15.0)];
            place.copy(&media::colours("long.mp4", &colours), name);
        }
        query(&place, &["add", "red", "red", "--best", "1000"]);
        place
    };
    let undisturbed = make();
    undisturbed.atom(&INDEX).ok();
    let key = |event: &QueryEvent| (event.segment.source.clone(), event.segment.start_ms);
    let expected: BTreeSet<_> = events(&undisturbed).iter().map(key).collect();
    assert!(expected.len() >= 12, "{expected:?}");
    let mut chance = fastrand::Rng::with_seed(3);
    for _ in 0..4 {
        let place = make();
        for _ in 0..3 {
            let running = place.start(&INDEX);
            thread::sleep(Duration::from_millis(chance.u64(50..900)));
            running.kill();
        }
        place.atom(&INDEX).ok();
        let told = events(&place);
        assert!(
            told.iter().all(|event| event.event == Became::Matched),
            "{told:?}"
        );
        let found: BTreeSet<_> = told.iter().map(key).collect();
        assert_eq!((found.len(), &found), (told.len(), &expected));
        let ids: BTreeSet<_> = told.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), told.len());
    }
}

#[test]
fn who_watches_is_told_what_matches_and_what_comes() {
    let place = recordings();
    place.atom(&INDEX).ok();
    query(&place, &["add", "red", "red"]);
    let watching = place.start(&["watch", "red", "--store", "s.db"]);
    watching.until(|said| said.matches("red: now").count() == 2);
    let more = media::colours("more.mp4", &[("blue", 4.0), ("red", 4.0)]);
    place.copy(&more, "videos/more.mp4");
    place.atom(&INDEX).ok();
    watching.until(|said| said.contains("red: matched") && said.contains("more.mp4"));
    watching.interrupted().ok();
    let replayed = place.start(&["watch", "--json", "--after", "0", "--store", "s.db"]);
    replayed.until(|said| said.lines().count() == 3);
    let said = replayed.interrupted().ok();
    let ids: Vec<_> = said
        .json_lines()
        .iter()
        .map(|line| line["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
}

/// Asks a run over HTTP.
fn asked(told: &Told, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect_timeout(&told.address(), Duration::from_secs(5)).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[test]
fn a_run_that_listens_takes_queries_and_lets_them_go() {
    let place = Place::new();
    let file = PIPELINE.replace("videos/flag.mp4", "test://red?fps=10\"\nlive = true\n#\"");
    let file = file
        .split("[query")
        .next()
        .unwrap()
        .replace("[node.scenes]", "[node.scenes]\nlength_ms = 1000");
    place.write("live.toml", file);
    let running = place.start(&["run", "live.toml", "--json", "--listen", "127.0.0.1:0"]);
    let told = Told::by(&running);
    let path = "/api/v1/queries";
    told.until("segments are indexed", |told| {
        told.metric("atom_index_segments", &[]) >= 2.0
    });
    let sent = r#"{"name": "red", "text": "something red", "best": 3}"#;
    assert_eq!(asked(&told, "POST", path, sent).0, 201);
    assert_eq!(asked(&told, "POST", path, sent).0, 200);
    told.until("what was stored is found", |told| {
        told.metric("atom_query_events_total", &["event=\"matched\""]) >= 2.0
    });
    told.until("it is counted", |told| {
        told.metric("atom_standing_queries", &[]) == 1.0
    });
    assert!(
        told.metric(
            "atom_seen_segments",
            &["concept=\"red\"", "source=\"flag\""]
        ) >= 2.0
    );
    let (status, body) = asked(&told, "GET", path, "");
    let listed: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &listed["queries"][0]["name"]),
        (200, &json!("red"))
    );
    assert!(
        !listed["queries"][0]["matches"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    for (wrong, status) in [
        ("{", 400),
        (r#"{"name": "x"}"#, 422),
        (r#"{"name": "x", "text": ""}"#, 400),
        (r#"{"name": "x", "text": "y", "best": 0}"#, 400),
        (r#"{"name": "x", "text": "y", "bst": 1}"#, 422),
    ] {
        let (found, body) = asked(&told, "POST", path, wrong);
        assert!(
            found == status && body.contains("error"),
            "{wrong}: {found} {body}"
        );
    }
    assert_eq!(asked(&told, "DELETE", "/api/v1/queries/red", "").0, 204);
    let (status, body) = asked(&told, "DELETE", "/api/v1/queries/red", "");
    assert!(status == 404 && body.contains("no query"), "{body}");
    told.until("it is gone", |told| {
        told.metric("atom_standing_queries", &[]) == 0.0
    });
    let said = running.interrupted().ok();
    assert!(said.stdout.contains(r#""kind":"query""#), "{said}");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_was_expected() {
    let place = recordings();
    place.atom(&INDEX).ok();
    let long = "van ".repeat(400);
    let wrong: [(&[&str], &[&str]); 8] = [
        (
            &["add", "x", ""],
            &["query \"x\"", "words that say what is looked for"],
        ),
        (&["add", "x", "?!"], &["query \"x\"", "words"]),
        (&["add", "x", &long], &["1000 characters"]),
        (
            &["add", "x", "van", "--best", "0"],
            &["best is 0", "1 to 1000"],
        ),
        (
            &["add", "x", "van", "--threshold", "1.5"],
            &["threshold is 1.5", "0.05 to 1"],
        ),
        (&["add", "", "van"], &["cannot be named"]),
        (&["remove", "nothing"], &["no query \"nothing\""]),
        (&["show", "nothing"], &["no query \"nothing\""]),
    ];
    for (arguments, parts) in wrong {
        let mut all = vec!["query", "--store", "s.db"];
        all.extend(arguments);
        place.atom(&all).refused(parts);
    }
    let said = place.atom(&["query", "add", "x", "van", "--within", "0s"]);
    assert!(said.stderr.contains("at least one second"), "{said}");
    place
        .atom(&["watch", "nothing", "--store", "s.db"])
        .refused(&["no query \"nothing\""]);
    let without_index = PIPELINE
        .replace("kind = \"index\"", "kind = \"caption\"")
        .replace("store = \"s.db\"\n", "");
    place.write("p.toml", without_index);
    place
        .atom(&["check", "p.toml"])
        .refused(&["query \"red\" looks at nothing", "index"]);
    place.write(
        "q.toml",
        PIPELINE.replace("best = 1", "best = 0\nthreshhold = 0.5"),
    );
    place
        .atom(&["check", "q.toml"])
        .refused(&["threshhold", "threshold"]);
}
