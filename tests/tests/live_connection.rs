//! Every kind of camera connects, or the error names what is wrong: streams nobody needs, web cameras, TLS, refusals.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use atom_camera::{Camera, CameraOptions, SUBJECT, Sound, TlsServer, WebCamera, WebForm};
use atom_tests::{
    live_run::{FAST_RECONNECT, camera, pipeline, start, video},
    program::{Process, ProgramOutput, Workdir},
};

/// Asserts that a source gives captions; returns the output of the run.
#[track_caller]
fn assert_captions(uri: &str, settings: &str) -> ProgramOutput {
    let dir = Workdir::new();
    let settings = format!("{FAST_RECONNECT}{settings}");
    let (process, client) = start(&dir, &[("door", uri)], &settings);
    client.wait_until("captions come", |client| {
        client.metric("atom_segments_total", &["door"]) >= 2.0
    });
    process.interrupt().ok()
}

/// Asserts that a run with an unusable source ends by itself with these words.
#[track_caller]
fn assert_rejected(uri: &str, settings: &str, words: &[&str]) {
    let dir = Workdir::new();
    dir.write("live.toml", pipeline(&[("door", uri)], settings));
    let process = dir.start(&["run", "live.toml"]);
    process.wait(Duration::from_secs(60)).fails_with(words);
}

/// Asserts that a run keeps trying to connect and logs these words.
#[track_caller]
fn assert_retried(uri: &str, settings: &str, words: &[&str]) {
    let dir = Workdir::new();
    let settings = format!("{FAST_RECONNECT}{settings}");
    dir.write("live.toml", pipeline(&[("door", uri)], &settings));
    let process = dir.start(&["run", "live.toml"]);
    process.wait_for_stderr(|output| words.iter().all(|word| output.contains(word)));
    let output = process.interrupt().ok();
    assert!(output.stderr.contains("cannot connect yet"), "{output}");
}

fn camera_with_sound(sound: Sound) -> Camera {
    let options = CameraOptions {
        sound,
        ..CameraOptions::playing(video(160, 10))
    };
    Camera::start(options).unwrap()
}

#[test]
fn a_camera_whose_sound_comes_first_or_cannot_be_set_up_shows_its_pictures() {
    for sound in [Sound::Refused, Sound::First] {
        let output = assert_captions(&camera_with_sound(sound).uri(), "");
        assert!(!output.stderr.contains("lost"), "{output}");
    }
}

#[test]
fn a_camera_with_sound_alone_is_rejected_because_it_has_no_video() {
    let camera = camera_with_sound(Sound::Only);
    assert_rejected(&camera.uri(), "", &["door", "no video, only audio"]);
}

#[test]
fn a_web_camera_with_small_images_connects_whatever_form_it_sends_them_in() {
    let forms = [
        WebForm::Standard,
        WebForm::BoundaryWithDashes,
        WebForm::QuotedBoundary,
        WebForm::SpacedBoundary,
        WebForm::NoBoundary,
        WebForm::NoFirstBoundary,
        WebForm::NoLength,
        WebForm::WrongLength,
        WebForm::OnlyImages,
        WebForm::Truncated,
    ];
    let cameras = forms.map(|form| (format!("{form:?}"), WebCamera::start(form).unwrap()));
    let uris = cameras
        .each_ref()
        .map(|(name, camera)| (name.as_str(), camera.uri()));
    let sources = uris.each_ref().map(|(name, uri)| (*name, uri.as_str()));
    let dir = Workdir::new();
    let (process, client) = start(&dir, &sources, "stall_ms = 10000");
    for (name, _) in sources {
        client.wait_until(name, |client| {
            client.metric("atom_segments_total", &[name]) >= 2.0
        });
        assert_eq!(client.connection_count(name), 1, "{name}");
    }
    client.wait_until("a truncated image is counted", |client| {
        client.metric("atom_failures_total", &["source", "undecodable"]) >= 1.0
    });
    assert_eq!(
        client.metric("atom_failures_total", &["source", "lost"]),
        0.0
    );
    process.interrupt().ok();
}

#[test]
fn an_address_with_one_image_is_fetched_again_and_again() {
    let camera = WebCamera::start(WebForm::Snapshot).unwrap();
    let dir = Workdir::new();
    let (process, client) = start(&dir, &[("door", &camera.uri())], "");
    client.wait_until("it is fetched three times", |client| {
        camera.requests() >= 3 && client.metric("atom_segments_total", &["door"]) >= 1.0
    });
    assert_eq!(client.connection_count("door"), 1);
    assert_eq!(
        client.metric("atom_failures_total", &["source", "lost"]),
        0.0
    );
    process.interrupt().ok();
}

#[test]
fn a_web_address_that_is_no_camera_is_named() {
    let page = WebCamera::start(WebForm::Page).unwrap();
    assert_rejected(&page.uri(), "", &["door", "web page", "text/html"]);
    let forbidden = WebCamera::start(WebForm::Refusal(403)).unwrap();
    assert_rejected(
        &forbidden.uri(),
        "",
        &["door", "403", "permissions of this user"],
    );
    let missing = WebCamera::start(WebForm::Refusal(404)).unwrap();
    assert_retried(&missing.uri(), "", &["404", "check the path"]);
}

/// Starts an RTSP server that refuses every request with this status.
fn refusing_server(status: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().take(50) {
            let mut stream = stream.unwrap();
            let mut request = [0; 1000];
            let read = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let number = request.lines().find(|line| line.starts_with("CSeq:"));
            let answer = format!(
                "RTSP/1.0 {status} No\r\n{}\r\n\r\n",
                number.unwrap_or("CSeq: 1")
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_camera_that_refuses_names_its_status_and_what_to_do() {
    let forbidden = format!("rtsp://{}/x", refusing_server(403));
    assert_rejected(&forbidden, "", &["403", "permissions of this user"]);
    for (status, words) in [(404, "check the path"), (503, "other connections")] {
        let uri = format!("rtsp://me:p4ss@{}/x", refusing_server(status));
        assert_retried(&uri, "", &[&status.to_string(), words]);
    }
}

/// Returns a fingerprint as messages show it.
fn with_colons(fingerprint: &str) -> String {
    let upper = fingerprint.to_uppercase();
    let pairs: Vec<_> = upper
        .as_bytes()
        .chunks(2)
        .map(String::from_utf8_lossy)
        .collect();
    pairs.join(":")
}

#[test]
fn a_self_signed_camera_is_named_and_accepted_by_its_fingerprint_alone() {
    let camera = camera(video(160, 10));
    let tls = TlsServer::before(camera.address()).unwrap();
    let uri = format!("rtsps://{}/live", tls.address());
    let fingerprint = with_colons(tls.fingerprint());
    let named = ["not trusted", SUBJECT, &fingerprint, "tls_fingerprint"];
    assert_rejected(&uri, "", &named);
    assert_captions(
        &uri,
        &format!("tls_fingerprint = \"{}\"\n", tls.fingerprint()),
    );
    let other = format!("tls_fingerprint = \"{}\"\n", "0".repeat(64));
    assert_rejected(
        &uri,
        &other,
        &["does not match tls_fingerprint", &fingerprint],
    );
    let output = assert_captions(&uri, "tls = \"insecure\"\n");
    assert!(
        output.stderr.contains("certificate is not verified"),
        "{output}"
    );
}

#[test]
fn the_certificate_of_a_web_camera_is_named_too() {
    let camera = WebCamera::start(WebForm::Standard).unwrap();
    let tls = TlsServer::before(camera.address()).unwrap();
    let uri = format!("https://{}/images", tls.address());
    let fingerprint = with_colons(tls.fingerprint());
    assert_retried(&uri, "", &["not trusted", SUBJECT, &fingerprint]);
    assert_captions(&uri, "tls = \"insecure\"\n");
}

#[test]
fn encryption_without_its_plugin_names_the_package() {
    let dir = Workdir::new();
    dir.write(
        "live.toml",
        pipeline(&[("door", "rtsps://127.0.0.1:1/x")], ""),
    );
    let mut command = dir.command();
    command
        .args(["run", "live.toml"])
        .env("GIO_USE_TLS", "dummy");
    let output = Process::start(command).wait(Duration::from_secs(60));
    output.fails_with(&["door", "TLS", "glib-networking"]);
}
