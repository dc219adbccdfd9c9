//! Live sources in tests: pipeline files for them, and what a run tells of itself over HTTP while it goes on.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use atom_camera::{Camera, CameraOptions, EncodedVideo, Transport, VideoFormat};
use serde_json::Value;

use crate::program::{BOUND, Running};

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

/// Captions of these cameras by the fake pack: four looks a second, a segment every half second, each source with these settings.
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

/// Runs `live.toml`, reports to `r.json`, and listens on a free port.
pub const RUN: [&str; 7] = [
    "run",
    "live.toml",
    "--json",
    "--report",
    "r.json",
    "--listen",
    "127.0.0.1:0",
];

/// Settings with which a source is quick to notice a loss and to come back.
pub const QUICK: &str = "stall_ms = 1000\nretry_from_ms = 50\nretry_to_ms = 400\n";

/// What a run with `--listen 127.0.0.1:0` tells while it goes on.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    address: SocketAddr,
}

impl Told {
    /// Finds out where the run listens.
    #[track_caller]
    pub fn by(running: &Running) -> Self {
        let port = |said: &str| {
            let (_, rest) = said.split_once("address=127.0.0.1:")?;
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            rest[..end].parse().ok()
        };
        running.until_stderr(|said| port(said).is_some());
        let port: u16 = port(&running.stderr()).expect("it was just there");
        Self {
            address: ([127, 0, 0, 1], port).into(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Status and body of a page; `headers` are whole lines.
    #[track_caller]
    pub fn page(&self, path: &str, headers: &str) -> (u16, String) {
        get(self.address, path, headers).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// How the run is.
    #[track_caller]
    pub fn health(&self) -> Value {
        let (_, body) = self.page("/healthz", "");
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{body}: {e}"))
    }

    /// How many connections of a source brought a picture.
    #[track_caller]
    pub fn connects(&self, source: &str) -> u64 {
        self.health()["sources"][source]["connects"]
            .as_u64()
            .unwrap_or(0)
    }

    /// The sum of all series of a metric whose labels hold all of `labels`, each written as `name="value"`.
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (status, body) = self.page("/metrics", "");
        assert_eq!(status, 200, "{body}");
        sum(&body, name, labels)
    }

    /// Waits until something holds, for at most the bound.
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < BOUND, "not within {BOUND:?}: {what}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The sum of all series of a metric on a page of `/metrics` whose labels hold all of `labels`.
pub fn sum(page: &str, name: &str, labels: &[&str]) -> f64 {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let named = series.split('{').next() == Some(name);
        let labelled = labels.iter().all(|label| series.contains(label));
        (named && labelled).then(|| value.parse::<f64>().expect("a number"))
    });
    values.sum()
}

/// Holds that every frame of a source that arrived was sampled or dropped for a reason.
#[track_caller]
pub fn accounted(report: &Value, source: &str) {
    let source = &report["sources"][source];
    let count = |value: &Value| value.as_u64().expect("a count");
    let dropped = source["frames_dropped"].as_object().expect("counts");
    let dropped: u64 = dropped.values().map(count).sum();
    let sampled = count(&source["frames_sampled"]);
    assert_eq!(source["frames_received"], sampled + dropped, "{source}");
}

/// Asks a server of this machine for a page.
///
/// # Errors
/// If it does not answer.
pub fn get(address: SocketAddr, path: &str, headers: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.unwrap_or(0), body.to_owned()))
}
