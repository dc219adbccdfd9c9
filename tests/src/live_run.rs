//! Cameras, pipeline files with live sources, and an HTTP client for the status of a run.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use atom_camera::{Camera, CameraOptions, EncodedVideo, Transport, VideoFormat};
use serde_json::Value;

use crate::program::{Process, TIMEOUT, Workdir};

/// Encodes a small video of four seconds with constant motion.
///
/// # Panics
/// Encoding fails.
pub fn video(width: u32, fps: u32) -> EncodedVideo {
    let format = VideoFormat {
        width,
        height: width * 3 / 4,
        fps,
    };
    EncodedVideo::from_test_pattern("ball", 4, format).expect("the pattern can be encoded")
}

/// Starts a camera that plays a video over TCP.
///
/// # Panics
/// The camera cannot start.
pub fn camera(video: EncodedVideo) -> Camera {
    let options = CameraOptions {
        transport: Transport::TcpOnly,
        ..CameraOptions::playing(video)
    };
    Camera::start(options).expect("the camera starts")
}

/// Returns a pipeline that captions sources with the fake pack: four frames per second, and segments of half a second. Each
/// source has the given settings.
pub fn pipeline(sources: &[(&str, &str)], settings: &str) -> String {
    let mut text = "pack = \"fake\"\n".to_owned();
    for (name, uri) in sources {
        text += &format!("[source.{name}]\nuri = \"{uri}\"\n{settings}\n");
    }
    let names: Vec<_> = sources.iter().map(|(name, _)| *name).collect();
    text + &format!(
        "[node.frames]\nkind = \"sample\"\ninputs = {names:?}\nfps = 4\nchange = 0\n\
         [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
         [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 500\n\
         [node.captions]\nkind = \"caption\"\ninputs = [\"scenes\"]\n"
    )
}

/// The arguments that run `live.toml`, write a report to `r.json`, and listen on a free port.
pub const RUN_ARGUMENTS: [&str; 7] = [
    "run",
    "live.toml",
    "--json",
    "--report",
    "r.json",
    "--listen",
    "127.0.0.1:0",
];

/// Starts a run of [`pipeline`] with [`RUN_ARGUMENTS`], and a client for its status.
#[track_caller]
pub fn start(dir: &Workdir, sources: &[(&str, &str)], settings: &str) -> (Process, StatusClient) {
    dir.write("live.toml", pipeline(sources, settings));
    let process = dir.start(&RUN_ARGUMENTS);
    let client = StatusClient::of(&process);
    (process, client)
}

/// Source settings for a quick detection of stalls and quick reconnects.
pub const FAST_RECONNECT: &str = "stall_ms = 1000\nretry_from_ms = 50\nretry_to_ms = 400\n";

/// An HTTP client for the metrics and the health of a run with `--listen 127.0.0.1:0`.
#[derive(Clone, Copy, Debug)]
pub struct StatusClient {
    address: SocketAddr,
}

impl StatusClient {
    /// Waits until the run logs the address on which it listens.
    #[track_caller]
    pub fn of(process: &Process) -> Self {
        let port = |stderr: &str| {
            let (_, rest) = stderr.split_once("address=127.0.0.1:")?;
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            rest[..end].parse().ok()
        };
        process.wait_for_stderr(|stderr| port(stderr).is_some());
        let port: u16 = port(&process.stderr()).expect("the port was logged");
        Self {
            address: ([127, 0, 0, 1], port).into(),
        }
    }

    /// Returns the address on which the run listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests a page and returns its status and body; `headers` are complete lines.
    #[track_caller]
    pub fn get(&self, path: &str, headers: &str) -> (u16, String) {
        http_get(self.address, path, headers).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Returns the response of `/healthz`.
    #[track_caller]
    pub fn health(&self) -> Value {
        let (_, body) = self.get("/healthz", "");
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{body}: {e}"))
    }

    /// Returns the number of connections of a source that delivered a frame.
    #[track_caller]
    pub fn connection_count(&self, source: &str) -> u64 {
        self.health()["sources"][source]["connects"]
            .as_u64()
            .unwrap_or(0)
    }

    /// Returns the sum of the series of a metric whose labels contain all of `labels`, each in the form `name="value"`.
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (status, body) = self.get("/metrics", "");
        assert_eq!(status, 200, "{body}");
        metric_sum(&body, name, labels)
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    /// The condition does not hold within the timeout.
    #[track_caller]
    pub fn wait_until(&self, description: &str, mut condition: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            let late = start.elapsed() >= TIMEOUT;
            assert!(!late, "not within {TIMEOUT:?}: {description}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns the sum of the series of a metric in a response of `/metrics` whose labels contain all of `labels`.
pub fn metric_sum(page: &str, name: &str, labels: &[&str]) -> f64 {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let same_name = series.split('{').next() == Some(name);
        let same_labels = labels.iter().all(|label| series.contains(label));
        (same_name && same_labels).then(|| value.parse::<f64>().expect("a number"))
    });
    values.sum()
}

/// Asserts that every received frame of a source was either sampled or dropped for a reason.
#[track_caller]
pub fn assert_frames_accounted(report: &Value, source: &str) {
    let source = &report["sources"][source];
    let count = |value: &Value| value.as_u64().expect("a count");
    let dropped = source["frames_dropped"].as_object().expect("counts");
    let dropped: u64 = dropped.values().map(count).sum();
    let sampled = count(&source["frames_sampled"]);
    assert_eq!(source["frames_received"], sampled + dropped, "{source}");
}

/// Requests a page and returns its status and body.
///
/// # Errors
/// The server does not respond.
pub fn http_get(address: SocketAddr, path: &str, headers: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n"
    )?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.unwrap_or(0), body.to_owned()))
}
