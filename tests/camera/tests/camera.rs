//! Clients watch a camera that behaves and one that does not.

use std::time::{Duration, Instant};

use atom_camera::{Camera, CameraOptions, Film, FilmOptions, Transport, Wire};
use client::{Client, film};

mod client;

const SOON: Duration = Duration::from_secs(10);

fn camera() -> Camera {
    Camera::start(CameraOptions::playing(film(160, 120))).expect("a camera starts")
}

fn wired() -> (Camera, Wire) {
    let camera = camera();
    let wire = Wire::to(camera.address()).expect("a wire starts");
    (camera, wire)
}

/// Whether pictures cease to come.
fn falls_silent(client: &Client) -> bool {
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if client.picture(Duration::from_secs(1)).is_none() {
            return true;
        }
    }
    false
}

#[test]
fn two_clients_at_once_get_pictures() {
    let camera = camera();
    let clients = [Client::watch(&camera.uri()), Client::watch(&camera.uri())];
    for client in &clients {
        client.pictures(25);
    }
    assert!(camera.frames_sent() >= 25);
}

#[test]
fn two_cameras_live_in_one_process() {
    let cameras = [camera(), camera()];
    assert_ne!(cameras[0].port(), cameras[1].port());
    let clients = cameras
        .each_ref()
        .map(|camera| Client::watch(&camera.uri()));
    for client in clients {
        client.pictures(5);
    }
}

#[test]
fn a_film_is_made_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let made = gst_launch(&format!(
        "videotestsrc num-buffers=40 ! video/x-raw,width=64,height=48,framerate=20/1 \
         ! x264enc ! mp4mux ! filesink location={}",
        path.display()
    ));
    assert!(made);
    let options = FilmOptions {
        width: 160,
        height: 120,
        fps: 10,
    };
    let film = Film::of(&path, options).unwrap();
    assert!((19..=21).contains(&film.length()), "{}", film.length());
    let camera = Camera::start(CameraOptions::playing(film)).unwrap();
    let client = Client::watch(&camera.uri());
    assert_eq!(client.picture(SOON), Some((160, 120)));
}

fn gst_launch(pipeline: &str) -> bool {
    std::process::Command::new("gst-launch-1.0")
        .arg("-q")
        .args(pipeline.split_whitespace())
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn pictures_come_at_the_rate_of_the_film() {
    let camera = camera();
    let client = Client::watch(&camera.uri());
    client.pictures(5);
    let begin = Instant::now();
    client.pictures(30);
    let took = begin.elapsed().as_secs_f64();
    assert!((2.0..4.5).contains(&took), "30 pictures took {took} s");
}

#[test]
fn a_stalled_camera_sends_nothing_and_then_goes_on() {
    let camera = camera();
    let client = Client::watch(&camera.uri());
    client.pictures(5);
    camera.stall(true);
    assert!(falls_silent(&client));
    assert_eq!(client.picture(Duration::from_secs(2)), None);
    let sent = camera.frames_sent();
    camera.stall(false);
    client.pictures(20);
    assert!(camera.frames_sent() > sent);
}

#[test]
fn the_next_film_changes_the_size_in_mid_stream() {
    let mut options = CameraOptions::playing(film(160, 120));
    options.films.push(film(96, 64));
    let camera = Camera::start(options).unwrap();
    let client = Client::watch(&camera.uri());
    assert_eq!(client.picture(SOON), Some((160, 120)));
    for size in [(96, 64), (160, 120)] {
        camera.next_film();
        let mut sizes = (0..30).map(|_| client.picture(SOON).unwrap());
        assert!(sizes.any(|seen| seen == size), "{size:?} never came");
    }
}

#[test]
fn only_the_right_login_is_let_in() {
    let mut options = CameraOptions::playing(film(160, 120));
    options.login = Some(("viewer".into(), "open sesame".into()));
    let camera = Camera::start(options).unwrap();
    let wire = Wire::to(camera.address()).unwrap();
    let uri = wire.uri(camera.path());
    for login in ["", "user-id=viewer user-pw=wrong"] {
        let client = Client::with(&uri, &format!("protocols=tcp {login}"));
        let fault = client.fault(SOON).unwrap_or_default();
        assert_eq!(client.picture(Duration::ZERO), None, "{login:?}");
        assert!(fault.to_lowercase().contains("unauthorized"), "{fault}");
    }
    let login = "protocols=tcp user-id=viewer user-pw=\"open sesame\"";
    Client::with(&uri, login).pictures(5);
}

#[test]
fn a_camera_of_one_transport_refuses_the_other() {
    let of = |transport| {
        let mut options = CameraOptions::playing(film(160, 120));
        options.transport = transport;
        Camera::start(options).unwrap()
    };
    let (udp, tcp) = (of(Transport::UdpOnly), of(Transport::TcpOnly));
    Client::with(&udp.uri(), "protocols=udp").pictures(10);
    Client::watch(&tcp.uri()).pictures(10);
    for (camera, wrong) in [(udp, "tcp"), (tcp, "udp")] {
        let client = Client::with(&camera.uri(), &format!("protocols={wrong}"));
        assert!(client.fault(SOON).is_some(), "{wrong}");
        assert_eq!(client.picture(Duration::ZERO), None, "{wrong}");
    }
}

#[test]
fn a_cut_wire_ends_clients_and_a_mended_one_takes_new_ones() {
    let (camera, wire) = wired();
    let uri = wire.uri(camera.path());
    let client = Client::watch(&uri);
    client.pictures(5);
    assert_eq!(wire.connections(), 1);
    wire.cut();
    assert!(falls_silent(&client));
    let refused = Client::watch(&uri);
    assert_eq!(refused.picture(Duration::from_secs(2)), None);
    assert_eq!(wire.connections(), 1);
    wire.mend();
    Client::watch(&uri).pictures(5);
    assert!(wire.connections() >= 2);
}

#[test]
fn a_stalled_wire_keeps_the_connection() {
    let (camera, wire) = wired();
    let client = Client::watch(&wire.uri(camera.path()));
    client.pictures(5);
    wire.stall(true);
    assert!(falls_silent(&client));
    wire.stall(false);
    client.pictures(20);
    assert_eq!(wire.connections(), 1);
}

#[test]
fn damage_does_not_stop_the_stream_for_good() {
    let (camera, wire) = wired();
    let client = Client::watch(&wire.uri(camera.path()));
    client.pictures(5);
    wire.damage(0.3);
    std::thread::sleep(Duration::from_secs(3));
    wire.damage(0.0);
    // What was decoded meanwhile waits in the sink; pictures must come after it.
    while client.picture(Duration::ZERO).is_some() {}
    client.pictures(20);
}

#[test]
fn the_stream_goes_on_when_the_clock_restarts() {
    let (camera, wire) = wired();
    let client = Client::watch(&wire.uri(camera.path()));
    client.pictures(10);
    wire.restart_clock();
    client.pictures(20);
}

#[test]
fn what_cannot_be_had_is_told() {
    let camera = camera();
    let mut options = CameraOptions::playing(film(160, 120));
    options.port = camera.port();
    let taken = Camera::start(options.clone()).err().unwrap();
    assert!(taken.to_string().contains("port"), "{taken}");
    options.films.clear();
    assert!(Camera::start(options).is_err());
    assert!(Wire::on(camera.port(), camera.address()).is_err());
}
