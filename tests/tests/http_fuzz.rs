//! Whatever a request is, the HTTP server answers it, with a JSON error if it is wrong, and the run goes on.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
};

use atom_tests::{
    live_run::{RUN_ARGUMENTS, StatusClient, pipeline},
    program::{Process, TIMEOUT, Workdir},
};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::{
    collection::{btree_map, vec},
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner},
};
use serde_json::{Value, json};

/// Bodies that were wrong in a way of their own.
const CORPUS: &str = "corpus/http";
/// The requests whose answer was once wrong; proptest tries them first.
const REGRESSIONS: &str = "proptest-regressions/http_fuzz.txt";

const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "BREW",
];
const KEYS: [&str; 7] = [
    "name",
    "text",
    "best",
    "threshold",
    "within_seconds",
    "sources",
    "other",
];

/// A request that is HTTP, whatever else it is.
#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    path: String,
    content_type: Option<&'static str>,
    body: Vec<u8>,
}

fn start() -> (Workdir, Process, SocketAddr) {
    let dir = Workdir::new();
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"live.db\"\n";
    let text = pipeline(&[("door", "test://red?fps=2")], "live = true") + index;
    dir.write("live.toml", text);
    let process = dir.start(&RUN_ARGUMENTS);
    let address = StatusClient::of(&process).address();
    (dir, process, address)
}

/// Sends a request and returns the status and the body of the answer.
fn send(address: SocketAddr, request: &Request) -> Result<(u16, String), String> {
    let Request { method, path, .. } = request;
    let content_type = request.content_type;
    let content_type =
        content_type.map_or_else(String::new, |kind| format!("Content-Type: {kind}\r\n"));
    let length = request.body.len();
    let head =
        format!("{method} {path} HTTP/1.0\r\n{content_type}Content-Length: {length}\r\n\r\n");
    let exchange = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(head.as_bytes())?;
        // A body that is too large is not read to its end.
        let _ = stream.write_all(&request.body);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if answer.is_empty() => Err(error),
            _ => Ok(answer),
        }
    };
    let answer = exchange().map_err(|error: std::io::Error| error.to_string())?;
    let answer = String::from_utf8(answer).map_err(|error| error.to_string())?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("no end of the header")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.ok_or("no status")?, body.to_owned()))
}

/// Checks that a request is accepted, or refused with a JSON error.
fn check(address: SocketAddr, request: &Request) -> Result<u16, String> {
    let (status, body) = send(address, request)?;
    match status {
        200..300 => return Ok(status),
        400..500 if request.method == "HEAD" => return Ok(status),
        400..500 => {}
        _ => return Err(format!("{status}: {body}")),
    }
    let error: Value = serde_json::from_str(&body).map_err(|error| format!("{error} in {body}"))?;
    let text = error["error"].as_str().filter(|text| !text.is_empty());
    text.map(|_| status)
        .ok_or_else(|| format!("no error in {body}"))
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,8}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let object = btree_map(select(&KEYS[..]), json_values(), 0..6);
    let valid = br#"{"name": "van", "text": "a red van", "best": 3, "sources": ["door*"]}"#;
    prop_oneof![
        vec(any::<u8>(), 0..100),
        object.prop_map(|object| serde_json::to_vec(&object).unwrap()),
        vec((0..valid.len(), any::<u8>()), 0..3).prop_map(|changes| {
            let mut body = valid.to_vec();
            changes.into_iter().for_each(|(at, byte)| body[at] = byte);
            body
        }),
    ]
}

fn paths() -> impl Strategy<Value = String> {
    let encoded = |bytes: Vec<u8>| percent_encode(&bytes, NON_ALPHANUMERIC).to_string();
    let valid = |path: &String| path.parse::<http::Uri>().is_ok();
    prop_oneof![
        select(vec![
            "/api/v1/queries",
            "/api/v1/queries/van",
            "/healthz",
            "/metrics",
            "/"
        ])
        .prop_map(str::to_owned),
        vec(any::<u8>(), 0..40)
            .prop_map(move |bytes| format!("/api/v1/queries/{}", encoded(bytes))),
        "/[!-~]{0,40}".prop_filter("no path of a URI", valid),
        "/api/v1/queries/[!-~]{0,40}".prop_filter("no path of a URI", valid),
    ]
}

fn requests() -> impl Strategy<Value = Request> {
    let types = [Some("application/json"), Some("text/plain"), None];
    (
        select(&METHODS[..]),
        paths(),
        select(types.to_vec()),
        bodies(),
    )
        .prop_map(|(method, path, content_type, body)| Request {
            method,
            path,
            content_type,
            body,
        })
}

#[test]
fn every_wrong_body_is_answered_with_an_error() {
    let (_dir, process, address) = start();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join(CORPUS);
    let mut wrong = Vec::new();
    for entry in fs::read_dir(corpus).unwrap() {
        let file = entry.unwrap().path();
        for (method, path) in [("POST", "/api/v1/queries"), ("PUT", "/api/v1/queries/x")] {
            let request = Request {
                method,
                path: path.to_owned(),
                content_type: Some("application/json"),
                body: fs::read(&file).unwrap(),
            };
            let status = check(address, &request);
            if !status.as_ref().is_ok_and(|status| *status >= 400) {
                wrong.push(format!("{method} {}: {status:?}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    process.interrupt().ok();
}

#[test]
fn no_request_is_left_unanswered_or_answered_without_a_reason() {
    let (_dir, process, address) = start();
    let cases = std::env::var("ATOM_REQUESTS").map_or(500, |cases| cases.parse().unwrap());
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    });
    let outcome = runner.run(&requests(), |request| {
        let checked = check(address, &request);
        checked.map(drop).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}\n{process}"));
    process.interrupt().ok();
}
