//! `/healthz` says what cannot be written or reached, with a reason that helps, and says so no more once it has passed.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    io::{Write, read_to_string},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use atom_tests::{
    live_run::{FAST_RECONNECT, RUN_ARGUMENTS, StatusClient, pipeline},
    program::{Process, Workdir},
};
use rusqlite::Connection;

const INDEX: &str =
    "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\", \"captions\"]\nstore = \"live.db\"\n";

/// Starts a live run with some additions to its pipeline file.
fn start(dir: &Workdir, additions: &str) -> (Process, StatusClient) {
    let text = pipeline(&[("door", "test://red?fps=10")], "live = true") + additions;
    dir.write("live.toml", text);
    let process = dir.start(&RUN_ARGUMENTS);
    let client = StatusClient::of(&process);
    (process, client)
}

/// Waits until the health names a problem with this name, and returns its reason.
#[track_caller]
fn wait_for_problem(client: &StatusClient, name: &str) -> String {
    client.wait_until(name, |client| client.health()["status"] == "degraded");
    let health = client.health();
    let reason = health["problems"][name].as_str();
    reason.unwrap_or_else(|| panic!("{health}")).to_owned()
}

#[track_caller]
fn wait_until_ok(client: &StatusClient) {
    client.wait_until("all is well", |client| {
        let health = client.health();
        health["status"] == "ok" && health["problems"].as_object().unwrap().is_empty()
    });
}

#[test]
fn health_is_degraded_while_a_sink_cannot_be_written() {
    let dir = Workdir::new();
    let sink = "[sink.lines]\nkind = \"jsonl\"\ninputs = [\"captions\"]\npath = \"/dev/full\"\n";
    let (process, client) = start(&dir, sink);
    let reason = wait_for_problem(&client, "sink lines");
    assert!(reason.contains("/dev/full"), "{reason}");
    process.interrupt();
}

#[test]
fn health_is_degraded_while_another_program_holds_the_index() {
    let dir = Workdir::new();
    let (process, client) = start(&dir, INDEX);
    client.wait_until("rows are stored", |client| {
        client.metric("atom_index_segments", &[]) >= 2.0
    });
    wait_until_ok(&client);
    let other = Connection::open(dir.path("live.db")).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let reason = wait_for_problem(&client, "index live.db");
    assert!(reason.contains("locked by another process"), "{reason}");
    other.execute_batch("ROLLBACK").unwrap();
    wait_until_ok(&client);
    process.interrupt().ok();
}

#[test]
fn a_damaged_row_is_told_once_and_standing_queries_go_on_when_it_is_mended() {
    let dir = Workdir::new();
    let query = "[query.red]\ntext = \"red\"\n";
    let (process, client) = start(&dir, &format!("{INDEX}{query}"));
    client.wait_until("segments match", |client| {
        client.metric("atom_query_events_total", &["event=\"matched\""]) >= 2.0
    });
    let other = Connection::open(dir.path("live.db")).unwrap();
    other.busy_timeout(Duration::from_secs(30)).unwrap();
    let set = |vector: &[u8]| {
        let sql = "UPDATE segments SET embedding = ?1 WHERE id = (SELECT min(id) FROM segments)";
        assert_eq!(other.execute(sql, [vector]).unwrap(), 1);
    };
    let vector: Vec<u8> = other
        .query_row("SELECT embedding FROM segments ORDER BY id", [], |row| {
            row.get(0)
        })
        .unwrap();
    set(&[1, 2, 3]);
    // So that all rows are read again.
    let text = r#"{"name": "any", "text": "white"}"#;
    let added = post(&client, text);
    assert!(added.starts_with("HTTP/1.0 201"), "{added}");
    let reason = wait_for_problem(&client, "standing queries of index live.db");
    assert!(reason.contains("invalid"), "{reason}");
    // Long enough for some attempts.
    thread::sleep(Duration::from_secs(3));
    let told = process
        .stderr()
        .matches("standing queries are not up to date")
        .count();
    assert_eq!(told, 1, "{process}");
    set(&vector);
    wait_until_ok(&client);
    process.interrupt().ok();
}

/// Adds a standing query over HTTP and returns the answer.
fn post(client: &StatusClient, body: &str) -> String {
    let mut stream = TcpStream::connect(client.address()).unwrap();
    write!(
        stream,
        "POST /api/v1/queries HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    read_to_string(stream).unwrap()
}

#[test]
fn a_camera_that_nobody_answers_for_keeps_its_reason_through_all_attempts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("rtsp://{}/live", listener.local_addr().unwrap());
    drop(listener);
    let dir = Workdir::new();
    let sources = [
        ("door", uri.as_str()),
        ("other", "test://ball\"\nlive = true\n#"),
    ];
    dir.write("live.toml", pipeline(&sources, FAST_RECONNECT));
    let mut arguments = vec!["-v", "-v"];
    arguments.extend(RUN_ARGUMENTS);
    let process = dir.start(&arguments);
    let client = StatusClient::of(&process);
    let retries = |process: &Process| process.stderr().matches("still not connected").count();
    client.wait_until("it is retried some times", |_| retries(&process) >= 3);
    let health = client.health();
    let door = &health["sources"]["door"];
    let reason = door["reason"].as_str().unwrap();
    assert!(
        door["state"] == "lost" && reason.contains("refused"),
        "{health}"
    );
    assert_eq!(health["status"], "ok", "{health}");
    process.interrupt().ok();
}
