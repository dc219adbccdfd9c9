//! Standing queries: their matches follow the index, and each change is reported exactly once, even after a crash.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeSet, fs, io::Write, net::TcpStream, thread, time::Duration};

use atom_index::{MatchChange, QueryEvent, Store};
use atom_tests::{
    generated_media,
    live_run::StatusClient,
    program::{TIMEOUT, Workdir},
};
use serde_json::{Value, json};

/// Creates a folder with a recording that is red, then white, then red.
fn recordings() -> Workdir {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("videos")).unwrap();
    let flag = generated_media::colours("flag.mp4", &[("red", 4.0), ("white", 4.0), ("red", 4.0)]);
    dir.copy(&flag, "videos/flag.mp4");
    dir
}

const INDEX: [&str; 6] = ["index", "videos", "--pack", "fake", "--store", "s.db"];

fn query(dir: &Workdir, arguments: &[&str]) -> Value {
    let mut all = vec!["query", "--store", "s.db", "--json"];
    all.extend(arguments);
    dir.atom(&all).ok().json_lines().remove(0)
}

fn starts(query: &Value) -> Vec<u64> {
    let matches = query["matches"].as_array().unwrap().iter();
    let mut starts: Vec<_> = matches
        .map(|found| found["start_ms"].as_u64().unwrap())
        .collect();
    starts.sort_unstable();
    starts
}

fn events(dir: &Workdir) -> Vec<QueryEvent> {
    let store = Store::open_existing(&dir.path("s.db")).unwrap();
    store.events(0, 10_000).unwrap()
}

#[test]
fn a_query_matches_stored_and_new_segments() {
    let dir = recordings();
    dir.atom(&INDEX).ok();
    let added = query(&dir, &["add", "red", "something red"]);
    assert_eq!(starts(&added), [0, 8000]);
    assert_eq!(added["query"]["best"], 10);
    // Adding the same query again changes nothing.
    query(&dir, &["add", "red", "something red"]);
    assert_eq!(events(&dir).len(), 2);
    let more = generated_media::colours("more.mp4", &[("blue", 4.0), ("red", 4.0)]);
    dir.copy(&more, "videos/more.mp4");
    let output = dir.atom(&INDEX).ok();
    assert!(output.stdout.contains("red: matched  0.99"), "{output}");
    assert_eq!(starts(&query(&dir, &["show", "red"])), [0, 4000, 8000]);
    let list = query(&dir, &["list"]);
    assert_eq!(list["queries"][0]["text"], "something red");
    query(&dir, &["remove", "red"]);
    assert!(
        query(&dir, &["list"])["queries"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn segments_of_a_deleted_recording_leave_the_matches() {
    let dir = recordings();
    query(&dir, &["add", "red", "red"]);
    dir.atom(&INDEX).ok();
    fs::remove_file(dir.path("videos/flag.mp4")).unwrap();
    let other = generated_media::colours("other.mp4", &[("white", 4.0)]);
    dir.copy(&other, "videos/other.mp4");
    dir.atom(&INDEX).ok();
    let changes: Vec<_> = events(&dir)
        .into_iter()
        .map(|event| (event.event, event.segment.start_ms))
        .collect();
    use MatchChange::{Left, Matched};
    assert_eq!(
        changes,
        [(Matched, 0), (Matched, 8000), (Left, 0), (Left, 8000)]
    );
    assert!(starts(&query(&dir, &["show", "red"])).is_empty());
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
[node.output]
kind = "caption"
inputs = ["scenes"]
[sink.lines]
kind = "jsonl"
inputs = ["output"]
path = "out.jsonl"
[query.red]
text = "something red"
best = 1
"#;

#[test]
fn events_of_the_queries_of_a_pipeline_file_go_to_its_sinks_once() {
    let dir = recordings();
    dir.write("flag.toml", PIPELINE);
    let output = dir.atom(&["run", "flag.toml", "--json"]).ok();
    let of_query = |lines: Vec<Value>| -> Vec<Value> {
        lines
            .into_iter()
            .filter(|line| line["kind"] == "query")
            .collect()
    };
    let printed = of_query(output.json_lines());
    let written = dir.read("out.jsonl");
    let written = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(of_query(written.collect()), printed);
    assert_eq!(printed.len(), 1, "{output}");
    assert_eq!(
        (&printed[0]["event"], &printed[0]["query"]),
        (&json!("matched"), &json!("red"))
    );
    // A second run gives equal rows, so no match enters or leaves.
    let output = dir.atom(&["run", "flag.toml", "--json"]).ok();
    assert!(of_query(output.json_lines()).is_empty(), "{output}");
    // A query that is no longer in the file is removed.
    dir.write("flag.toml", PIPELINE.split("[query").next().unwrap());
    dir.atom(&["run", "flag.toml"]).ok();
    assert!(
        query(&dir, &["list"])["queries"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn kills_neither_lose_nor_duplicate_events() {
    let setup = || {
        let dir = Workdir::new();
        fs::create_dir_all(dir.path("videos")).unwrap();
        for name in ["videos/a.mp4", "videos/b.mp4"] {
            let colours = [("red", 15.0), ("white", 15.0), ("red", 15.0)];
            dir.copy(&generated_media::colours("long.mp4", &colours), name);
        }
        query(&dir, &["add", "red", "red", "--best", "1000"]);
        dir
    };
    let undisturbed = setup();
    undisturbed.atom(&INDEX).ok();
    let key = |event: &QueryEvent| (event.segment.source.clone(), event.segment.start_ms);
    let expected: BTreeSet<_> = events(&undisturbed).iter().map(key).collect();
    assert!(expected.len() >= 12, "{expected:?}");
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..4 {
        let dir = setup();
        for _ in 0..3 {
            let process = dir.start(&INDEX);
            thread::sleep(Duration::from_millis(random.u64(50..900)));
            process.kill();
        }
        dir.atom(&INDEX).ok();
        let found_events = events(&dir);
        assert!(
            found_events
                .iter()
                .all(|event| event.event == MatchChange::Matched),
            "{found_events:?}"
        );
        let found: BTreeSet<_> = found_events.iter().map(key).collect();
        assert_eq!((found.len(), &found), (found_events.len(), &expected));
        let ids: BTreeSet<_> = found_events.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), found_events.len());
    }
}

#[test]
fn watch_reports_current_and_new_matches() {
    let dir = recordings();
    dir.atom(&INDEX).ok();
    query(&dir, &["add", "red", "red"]);
    let watch = dir.start(&["watch", "red", "--store", "s.db"]);
    watch.wait_for_stdout(|output| output.matches("red: now").count() == 2);
    let more = generated_media::colours("more.mp4", &[("blue", 4.0), ("red", 4.0)]);
    dir.copy(&more, "videos/more.mp4");
    dir.atom(&INDEX).ok();
    watch.wait_for_stdout(|output| output.contains("red: matched") && output.contains("more.mp4"));
    watch.interrupt().ok();
    let replay = dir.start(&["watch", "--json", "--after", "0", "--store", "s.db"]);
    replay.wait_for_stdout(|output| output.lines().count() == 3);
    let output = replay.interrupt().ok();
    let ids: Vec<_> = output
        .json_lines()
        .iter()
        .map(|line| line["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
}

/// Sends an HTTP request to a run and returns the status and the body of the response.
fn request(client: &StatusClient, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect_timeout(&client.address(), Duration::from_secs(5)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
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
fn a_listening_run_accepts_and_removes_queries() {
    let dir = Workdir::new();
    let file = PIPELINE.replace("videos/flag.mp4", "test://red?fps=10\"\nlive = true\n#\"");
    let file = file
        .split("[query")
        .next()
        .unwrap()
        .replace("[node.scenes]", "[node.scenes]\nlength_ms = 1000");
    dir.write("live.toml", file);
    let process = dir.start(&["run", "live.toml", "--json", "--listen", "127.0.0.1:0"]);
    let client = StatusClient::of(&process);
    let path = "/api/v1/queries";
    client.wait_until("segments are indexed", |client| {
        client.metric("atom_index_segments", &[]) >= 2.0
    });
    let query = r#"{"name": "red", "text": "something red", "best": 3}"#;
    assert_eq!(request(&client, "POST", path, query).0, 201);
    let (status, body) = request(&client, "POST", path, query);
    assert!(status == 409 && body.contains("PUT"), "{status} {body}");
    let own_path = "/api/v1/queries/red";
    let settings = r#"{"text": "a red picture", "best": 3}"#;
    assert_eq!(request(&client, "PUT", own_path, settings).0, 200);
    let (_, body) = request(&client, "GET", path, "");
    assert!(
        body.contains("a red picture") && !body.contains("something red"),
        "{body}"
    );
    let (status, body) = request(&client, "PUT", own_path, r#"{"name": "x", "text": "y"}"#);
    assert!(
        status == 422 && body.contains("\\\"x\\\""),
        "{status} {body}"
    );
    let other = "/api/v1/queries/white%20van";
    assert_eq!(request(&client, "PUT", other, settings).0, 201);
    assert_eq!(request(&client, "DELETE", other, "").0, 204);
    client.wait_until("stored segments match", |client| {
        client.metric("atom_query_events_total", &["event=\"matched\""]) >= 2.0
    });
    client.wait_until("it is counted", |client| {
        client.metric("atom_standing_queries", &[]) == 1.0
    });
    assert!(
        client.metric(
            "atom_seen_segments",
            &["concept=\"red\"", "source=\"flag\""]
        ) >= 2.0
    );
    let (status, body) = request(&client, "GET", path, "");
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
        (r#"["x"]"#, 422),
        (r#"{"name": "x", "text": "y", "best": 0}"#, 400),
        (r#"{"name": "x", "text": "y", "bst": 1}"#, 422),
    ] {
        let (found, body) = request(&client, "POST", path, wrong);
        assert!(
            found == status && body.contains("error"),
            "{wrong}: {found} {body}"
        );
    }
    let (_, body) = request(&client, "POST", path, r#"{"name": "x", "text": ""}"#);
    assert!(body.contains(r#"text is \"\", expected words"#), "{body}");
    assert_eq!(request(&client, "DELETE", "/api/v1/queries/red", "").0, 204);
    let (status, body) = request(&client, "DELETE", "/api/v1/queries/red", "");
    assert!(status == 404 && body.contains("no query"), "{body}");
    client.wait_until("it is removed", |client| {
        client.metric("atom_standing_queries", &[]) == 0.0
    });
    let output = process.interrupt().ok();
    assert!(output.stdout.contains(r#""kind":"query""#), "{output}");
}

#[test]
fn invalid_queries_are_rejected_with_the_expected_form() {
    let dir = recordings();
    dir.atom(&INDEX).ok();
    let long = "van ".repeat(400);
    let wrong: [(&[&str], &[&str]); 8] = [
        (
            &["add", "x", ""],
            &["query \"x\"", "words that describe what to look for"],
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
        (&["add", "", "van"], &["invalid query name"]),
        (&["remove", "nothing"], &["no query \"nothing\""]),
        (&["show", "nothing"], &["no query \"nothing\""]),
    ];
    for (arguments, parts) in wrong {
        let mut all = vec!["query", "--store", "s.db"];
        all.extend(arguments);
        dir.atom(&all).fails_with(parts);
    }
    let output = dir.atom(&["query", "add", "x", "van", "--within", "0s"]);
    assert!(output.stderr.contains("at least one second"), "{output}");
    dir.atom(&["watch", "nothing", "--store", "s.db"])
        .fails_with(&["no query \"nothing\""]);
    let without_index = PIPELINE
        .replace("kind = \"index\"", "kind = \"caption\"")
        .replace("store = \"s.db\"\n", "");
    dir.write("p.toml", without_index);
    dir.atom(&["check", "p.toml"])
        .fails_with(&["query \"red\" has no index to search", "index"]);
    dir.write(
        "q.toml",
        PIPELINE.replace("best = 1", "best = 0\nthreshhold = 0.5"),
    );
    dir.atom(&["check", "q.toml"])
        .fails_with(&["threshhold", "threshold"]);
}
