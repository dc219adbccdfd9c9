//! A published model is installed from a hub by its name, from nothing to captions: here from a hub on loopback that has the files of a
//! tiny model under the names of the published one.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use atom_tests::{
    generated_media, pack_cache,
    program::{Process, ProgramOutput, TIMEOUT, Workdir, path_str, workspace},
};
use serde_json::json;

const PACK: &str = "smolvlm-256m";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub that serves the tiny model; it ends with the test's process.
struct Hub {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Bytes after which the first answer about the decoder is cut off.
    cut_at: Option<usize>,
    /// True if the decoder is another file than before.
    changed: bool,
    requests: usize,
    /// Ranges that were asked for.
    ranges: Vec<String>,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that is gone misses nothing.
                let _ = answer(stream, &shared);
            }
        });
        Self { endpoint, state }
    }

    /// Runs `atom models install` with this hub.
    fn install(&self, dir: &Workdir, offline: bool) -> ProgramOutput {
        let mut command = dir.command();
        command
            .args(["models", "install", PACK])
            .env("HF_ENDPOINT", &self.endpoint)
            .env("HF_HUB_OFFLINE", if offline { "1" } else { "0" })
            .env_remove("HF_TOKEN");
        Process::start(command).wait(TIMEOUT)
    }
}

/// Returns the content of a file of the published model, from the tiny one.
fn content(name: &str, changed: bool) -> Vec<u8> {
    let name = name.trim_start_matches("onnx/").replace("_quantized", "");
    let fixture = workspace().join("models/fixtures/smolvlm");
    if name == "chat_template.json" {
        let template = fs::read_to_string(fixture.join("chat_template.jinja")).unwrap();
        return json!({ "chat_template": template }).to_string().into();
    }
    let mut bytes = fs::read(fixture.join(&name)).unwrap();
    if changed && name.starts_with("decoder") {
        *bytes.last_mut().unwrap() ^= 1;
    }
    bytes
}

/// Answers one request: `GET /OWNER/NAME/resolve/REVISION/PATH`, with or without a range.
fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    let head: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let path = head[0].split(' ').nth(1).unwrap_or_default();
    let name = path
        .split_once("/resolve/")
        .and_then(|(_, rest)| rest.split_once('/'));
    let name = name.map_or("", |(_, name)| name);
    let range = head.iter().find_map(|line| {
        let line = line.to_lowercase();
        line.strip_prefix("range: bytes=")
            .map(|range| range.trim_end_matches('-').to_owned())
    });
    let mut state = state.lock().unwrap();
    state.requests += 1;
    let bytes = content(name, state.changed);
    let from: usize = range.as_deref().map_or(0, |range| range.parse().unwrap());
    state.ranges.extend(range);
    let end = match state.cut_at {
        Some(cut) if name.contains("decoder") => {
            state.cut_at = None;
            cut
        }
        _ => bytes.len(),
    };
    let status = if from > 0 {
        "206 Partial Content"
    } else {
        "200 OK"
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\nETag: \"{name}{}\"\r\nX-Repo-Commit: {COMMIT}\r\nConnection: close\r\n\r\n",
        bytes.len() - from,
        bytes.len() - 1,
        bytes.len(),
        state.changed
    )?;
    stream.write_all(&bytes[from..end.max(from)])
}

fn workdir() -> Workdir {
    let dir = Workdir::new();
    let cache = dir.path("cache");
    pack_cache::link_runtime(&cache);
    dir.with_cache(&cache)
}

#[test]
fn a_published_model_is_installed_by_its_name_and_captions_a_video() {
    let (hub, dir) = (Hub::start(), workdir());
    hub.state.lock().unwrap().cut_at = Some(1000);
    let installed = hub.install(&dir, false).ok();
    assert!(
        installed.stdout.contains("smolvlm-256m-1 installed in"),
        "{installed}"
    );
    let ranges = hub.state.lock().unwrap().ranges.clone();
    assert_eq!(ranges, ["1000"], "what was cut off is continued");
    let lock = fs::read_to_string(dir.path("cache/packs/smolvlm-256m/pack.lock")).unwrap();
    assert_eq!(lock.matches("sha256 = ").count(), 8, "{lock}");
    assert!(lock.contains(COMMIT), "{lock}");
    let video = generated_media::moving("hub.mp4", 4.0, &[]);
    let captions = dir
        .atom(&["caption", path_str(&video), "--pack", PACK])
        .ok();
    assert!(captions.stdout.contains("-->"), "{captions}");
    dir.atom(&["models", "verify", PACK]).ok();
    let list = dir.atom(&["models", "list"]).ok().stdout;
    assert!(list.contains("smolvlm-256m-1"), "{list}");
}

#[test]
fn an_installed_model_needs_no_network_and_another_file_is_refused() {
    let (hub, dir) = (Hub::start(), workdir());
    hub.install(&dir, true)
        .fails_with(&["offline", "HuggingFaceTB/SmolVLM-256M-Instruct"]);
    assert_eq!(hub.state.lock().unwrap().requests, 0);
    hub.install(&dir, false).ok();
    let requests = hub.state.lock().unwrap().requests;
    hub.install(&dir, true).ok();
    assert_eq!(hub.state.lock().unwrap().requests, requests);
    let decoder = "cache/packs/smolvlm-256m/decoder_model_merged_quantized.onnx";
    fs::remove_file(dir.path(decoder)).unwrap();
    hub.state.lock().unwrap().changed = true;
    hub.install(&dir, false)
        .fails_with(&["decoder_model_merged_quantized.onnx", "pack.lock"]);
    let video = generated_media::moving("hub.mp4", 4.0, &[]);
    dir.atom(&["caption", path_str(&video), "--pack", PACK])
        .fails_with(&["is missing"]);
    hub.state.lock().unwrap().changed = false;
    hub.install(&dir, false).ok();
    dir.atom(&["caption", path_str(&video), "--pack", PACK])
        .ok();
}
