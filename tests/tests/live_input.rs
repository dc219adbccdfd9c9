//! Problems of live sources are reported with helpful messages, and no password is ever printed.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use atom_camera::{Camera, CameraOptions};
use atom_tests::{
    generated_media,
    live_run::{FAST_RECONNECT, StatusClient, pipeline, video},
    program::{Process, ProgramOutput, Workdir, path_str},
};

/// Starts a camera that requires a login.
fn camera_with_login() -> Camera {
    let login = Some(("viewer".to_owned(), "p@ss word".to_owned()));
    let options = CameraOptions {
        login,
        ..CameraOptions::playing(video(160, 10))
    };
    Camera::start(options).unwrap()
}

fn with_login(camera: &Camera, login: &str) -> String {
    camera.uri().replace("rtsp://", &format!("rtsp://{login}@"))
}

fn start(dir: &Workdir, uri: &str, settings: &str) -> Process {
    dir.write("live.toml", pipeline(&[("door", uri)], settings));
    dir.start(&[
        "run",
        "live.toml",
        "--listen",
        "127.0.0.1:0",
        "--report",
        "r.json",
    ])
}

/// Asserts that a run with an unusable source ends by itself with these words.
#[track_caller]
fn assert_rejected(uri: &str, settings: &str, words: &[&str]) -> ProgramOutput {
    let dir = Workdir::new();
    start(&dir, uri, settings)
        .wait(Duration::from_secs(60))
        .fails_with(words)
}

/// Asserts that a run keeps trying to connect and logs these words.
#[track_caller]
fn assert_retried(uri: &str, words: &[&str]) {
    let dir = Workdir::new();
    let process = start(&dir, uri, FAST_RECONNECT);
    process.wait_for_stderr(|output| words.iter().all(|word| output.contains(word)));
    let client = StatusClient::of(&process);
    assert_eq!(client.metric("atom_source_up", &["door"]), 0.0);
    client.wait_until("it is counted", |client| {
        client.metric("atom_failures_total", &["source", "lost"]) == 1.0
    });
    let output = process.interrupt().ok();
    assert!(output.stderr.contains("cannot connect yet"), "{output}");
}

#[test]
fn a_wrong_or_missing_password_ends_the_source_and_no_password_is_printed() {
    let camera = camera_with_login();
    assert_rejected(
        &camera.uri(),
        "",
        &["door", "requires a login", "password_file"],
    );
    let output = assert_rejected(
        &with_login(&camera, "viewer:wr0ng"),
        "",
        &["rejects this user and password"],
    );
    assert!(!output.stderr.contains("wr0ng"), "{output}");
    let dir = Workdir::new();
    dir.write("password", "p@ss word\n");
    let by_file = format!("{FAST_RECONNECT}user = \"viewer\"\npassword_file = \"password\"\n");
    let in_uri = with_login(&camera, "viewer:p%40ss%20word");
    for (uri, settings) in [(camera.uri(), by_file.as_str()), (in_uri, FAST_RECONNECT)] {
        let process = start(&dir, &uri, settings);
        let client = StatusClient::of(&process);
        client.wait_until("captions come", |client| {
            client.metric("atom_segments_total", &["door"]) >= 2.0
        });
        let pages = client.get("/metrics", "").1 + &client.get("/healthz", "").1;
        drop_connections(&camera);
        let output = process.interrupt().ok();
        let report = dir.read("r.json");
        let graph = dir.atom(&["graph", "live.toml"]).ok();
        for text in [
            &pages,
            &output.stdout,
            &output.stderr,
            &report,
            &graph.stdout,
        ] {
            for secret in ["p@ss", "p%40ss"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}

/// Stalls the camera once, so that the source logs a problem.
fn drop_connections(camera: &Camera) {
    camera.stall(true);
    thread::sleep(Duration::from_millis(1500));
    camera.stall(false);
}

#[test]
fn an_unavailable_source_is_retried_and_the_reason_is_logged() {
    assert_retried(
        "rtsp://127.0.0.1:1/x",
        &["no server listens at 127.0.0.1:1"],
    );
    assert_retried(
        "rtsp://no-such-host.invalid/x",
        &["cannot be resolved", "no-such-host.invalid"],
    );
    assert_retried("v4l2:///dev/video77", &["/dev/video77", "No such file"]);
    let camera = Camera::start(CameraOptions::playing(video(160, 10))).unwrap();
    assert_retried(
        &camera.uri().replace("/live", "/other"),
        &["404", "check the path"],
    );
}

#[test]
fn a_source_that_is_not_a_camera_is_rejected() {
    // A web server.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("rtsp://{}/x", server.local_addr().unwrap());
    thread::spawn(move || {
        for stream in server.incoming().take(20) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    assert_rejected(&uri, "", &["door", "does not speak RTSP"]);
    let dir = Workdir::new();
    dir.write("words.txt", "no video at all\n".repeat(100));
    let words = path_str(&dir.path("words.txt")).to_owned();
    assert_rejected(
        &words,
        "live = true",
        &["words.txt", "contains text, not video"],
    );
}

#[test]
fn a_missing_codec_is_reported_with_its_package() {
    let camera = Camera::start(CameraOptions::playing(video(160, 10))).unwrap();
    let dir = Workdir::new();
    dir.write("live.toml", pipeline(&[("door", &camera.uri())], ""));
    let mut command = dir.command();
    command.args(["run", "live.toml"]);
    let decoders = [
        "avdec_h264",
        "openh264dec",
        "nvh264dec",
        "v4l2slh264dec",
        "vah264dec",
        "vaapih264dec",
    ];
    let without = decoders.map(|name| format!("{name}:NONE")).join(",");
    command.env("GST_PLUGIN_FEATURE_RANK", without);
    let output = Process::start(command).wait(Duration::from_secs(60));
    output.fails_with(&["H.264", "gstreamer1.0-libav", "avdec_h264"]);
}

#[test]
fn an_unusable_listen_address_is_rejected_before_the_run_starts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let in_use = listener.local_addr().unwrap().to_string();
    let dir = Workdir::new();
    dir.write("live.toml", pipeline(&[("door", "test://ball")], ""));
    dir.write("empty", "");
    for (arguments, words) in [
        (
            vec![in_use.as_str()],
            ["cannot listen on", "another program"],
        ),
        (
            vec!["0.0.0.0:0"],
            ["other machines can reach it", "--token-file"],
        ),
        (vec!["nowhere"], ["expected ADDRESS:PORT", "--listen"]),
        (
            vec!["0", "--token-file", "none"],
            ["cannot read the token", "none"],
        ),
        (
            vec!["0", "--token-file", "empty"],
            ["is empty", "expected a token"],
        ),
    ] {
        let mut run = vec!["run", "live.toml", "--listen"];
        run.extend(arguments);
        dir.atom(&run).fails_with(&words);
    }
}

#[test]
fn the_file_extension_of_a_web_address_decides_between_recording_and_stream() {
    let video = generated_media::moving("served.mp4", 2.0, &["-movflags", "+faststart"]);
    let bytes = std::fs::read(video).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        for stream in server.incoming().take(50) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 2000]);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&bytes);
        }
    });
    let dir = Workdir::new();
    let output = start(&dir, &format!("http://{address}/served.mp4"), "")
        .wait(Duration::from_secs(60))
        .ok();
    assert!(output.stdout.lines().count() >= 3, "{output}");
    assert_eq!(
        dir.report("r.json")["sources"]["door"]["complete_through_ms"],
        2000
    );
    let process = start(&dir, &format!("http://{address}/camera"), FAST_RECONNECT);
    let client = StatusClient::of(&process);
    client.wait_until("it is played again", |client| {
        client.connection_count("door") >= 2
    });
    process.interrupt().ok();
}
