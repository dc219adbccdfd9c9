//! What is wrong with a live source is said in words that help, and no secret is ever told.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use atom_camera::{Camera, CameraOptions};
use atom_tests::{
    live::{QUICK, Told, pipeline, video},
    media,
    program::{Place, Running, Said, text},
};

/// A camera that asks for a login, and the address to log in at.
fn guarded() -> Camera {
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

fn start(place: &Place, uri: &str, settings: &str) -> Running {
    place.write("live.toml", pipeline(&[("door", uri)], settings));
    place.start(&[
        "run",
        "live.toml",
        "--listen",
        "127.0.0.1:0",
        "--report",
        "r.json",
    ])
}

/// What is said of a source that can never be used: the run ends by itself.
#[track_caller]
fn refused(uri: &str, settings: &str, words: &[&str]) -> Said {
    let place = Place::new();
    start(&place, uri, settings)
        .wait(Duration::from_secs(60))
        .refused(words)
}

/// What is said of a source that may come: it is tried until the run is ended.
#[track_caller]
fn tried(uri: &str, words: &[&str]) {
    let place = Place::new();
    let running = start(&place, uri, QUICK);
    running.until_stderr(|said| words.iter().all(|word| said.contains(word)));
    let told = Told::by(&running);
    assert_eq!(told.metric("atom_source_up", &["door"]), 0.0);
    told.until("it is counted", |told| {
        told.metric("atom_failures_total", &["source", "lost"]) == 1.0
    });
    let said = running.interrupted().ok();
    assert!(said.stderr.contains("cannot connect yet"), "{said}");
}

#[test]
fn a_wrong_password_and_a_missing_one_end_the_source_and_the_right_one_is_never_told() {
    let camera = guarded();
    refused(
        &camera.uri(),
        "",
        &["door", "asks for a login", "password_file"],
    );
    let said = refused(
        &with_login(&camera, "viewer:wr0ng"),
        "",
        &["refuses this user and password"],
    );
    assert!(!said.stderr.contains("wr0ng"), "{said}");
    let place = Place::new();
    place.write("password", "p@ss word\n");
    let by_file = format!("{QUICK}user = \"viewer\"\npassword_file = \"password\"\n");
    let in_uri = with_login(&camera, "viewer:p%40ss%20word");
    for (uri, settings) in [(camera.uri(), by_file.as_str()), (in_uri, QUICK)] {
        let running = start(&place, &uri, settings);
        let told = Told::by(&running);
        told.until("captions come", |told| {
            told.metric("atom_segments_total", &["door"]) >= 2.0
        });
        let pages = told.page("/metrics", "").1 + &told.page("/healthz", "").1;
        drop_connections(&camera);
        let said = running.interrupted().ok();
        let report = place.read("r.json");
        let graph = place.atom(&["graph", "live.toml"]).ok();
        for told in [&pages, &said.stdout, &said.stderr, &report, &graph.stdout] {
            for secret in ["p@ss", "p%40ss"] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    }
}

/// Has the source see trouble once, which it tells of.
fn drop_connections(camera: &Camera) {
    camera.stall(true);
    thread::sleep(Duration::from_millis(1500));
    camera.stall(false);
}

#[test]
fn what_may_come_is_tried_for_ever_with_the_reason() {
    tried("rtsp://127.0.0.1:1/x", &["nobody answers at 127.0.0.1:1"]);
    tried(
        "rtsp://no-such-host.invalid/x",
        &["no host named", "no-such-host.invalid"],
    );
    tried("v4l2:///dev/video77", &["/dev/video77", "No such file"]);
    let camera = Camera::start(CameraOptions::playing(video(160, 10))).unwrap();
    tried(&camera.uri().replace("/live", "/other"), &["Not found"]);
}

#[test]
fn what_is_no_camera_is_refused() {
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
    refused(&uri, "", &["door", "does not speak RTSP"]);
    let place = Place::new();
    place.write("words.txt", "no video at all\n".repeat(100));
    let words = text(&place.path("words.txt")).to_owned();
    refused(&words, "live = true", &["door", "text file"]);
}

#[test]
fn a_codec_that_is_not_installed_is_named_with_its_package() {
    let camera = Camera::start(CameraOptions::playing(video(160, 10))).unwrap();
    let place = Place::new();
    place.write("live.toml", pipeline(&[("door", &camera.uri())], ""));
    let mut command = place.command();
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
    let said = Running::start(command).wait(Duration::from_secs(60));
    said.refused(&["H.264", "gstreamer1.0-libav", "avdec_h264"]);
}

#[test]
fn an_address_that_cannot_be_listened_on_is_refused_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let place = Place::new();
    place.write("live.toml", pipeline(&[("door", "test://ball")], ""));
    place.write("empty", "");
    for (arguments, words) in [
        (
            vec![taken.as_str()],
            ["cannot listen on", "another program"],
        ),
        (
            vec!["0.0.0.0:0"],
            ["other machines could ask", "--token-file"],
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
        place.atom(&run).refused(&words);
    }
}

#[test]
fn a_web_address_is_a_recording_or_a_stream_by_its_name() {
    let video = media::moving("served.mp4", 2.0, &["-movflags", "+faststart"]);
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
    let place = Place::new();
    let said = start(&place, &format!("http://{address}/served.mp4"), "")
        .wait(Duration::from_secs(60))
        .ok();
    assert!(said.stdout.lines().count() >= 3, "{said}");
    assert_eq!(
        place.report("r.json")["sources"]["door"]["complete_through_ms"],
        2000
    );
    let running = start(&place, &format!("http://{address}/camera"), QUICK);
    let told = Told::by(&running);
    told.until("it is played again", |told| told.connects("door") >= 2);
    running.interrupted().ok();
}
