//! Clients of a camera, with and without faults.

use std::time::{Duration, Instant};

use atom_camera::{Camera, CameraOptions, EncodedVideo, FaultProxy, Transport, VideoFormat};
use client::{Client, video};

mod client;

const TIMEOUT: Duration = Duration::from_secs(10);

fn camera() -> Camera {
    Camera::start(CameraOptions::playing(video(160, 120))).expect("the camera starts")
}

fn camera_behind_proxy() -> (Camera, FaultProxy) {
    let camera = camera();
    let proxy = FaultProxy::to(camera.address()).expect("the proxy starts");
    (camera, proxy)
}

/// Waits until no more frames arrive; returns false if they still do after the timeout.
fn frames_stop(client: &Client) -> bool {
    let end = Instant::now() + TIMEOUT;
    while Instant::now() < end {
        if client.next_frame(Duration::from_secs(1)).is_none() {
            return true;
        }
    }
    false
}

#[test]
fn two_clients_receive_frames_at_the_same_time() {
    let camera = camera();
    let clients = [
        Client::connect(&camera.uri()),
        Client::connect(&camera.uri()),
    ];
    for client in &clients {
        client.receive_frames(25);
    }
    assert!(camera.frames_sent() >= 25);
}

#[test]
fn two_cameras_run_in_one_process() {
    let cameras = [camera(), camera()];
    assert_ne!(cameras[0].port(), cameras[1].port());
    let clients = cameras
        .each_ref()
        .map(|camera| Client::connect(&camera.uri()));
    for client in clients {
        client.receive_frames(5);
    }
}

#[test]
fn a_video_is_encoded_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    let written = gst_launch(&format!(
        "videotestsrc num-buffers=40 ! video/x-raw,width=64,height=48,framerate=20/1 \
         ! x264enc ! mp4mux ! filesink location={}",
        path.display()
    ));
    assert!(written);
    let format = VideoFormat {
        width: 160,
        height: 120,
        fps: 10,
    };
    let video = EncodedVideo::from_file(&path, format).unwrap();
    let frames = video.frame_count();
    assert!((19..=21).contains(&frames), "{frames}");
    let camera = Camera::start(CameraOptions::playing(video)).unwrap();
    let client = Client::connect(&camera.uri());
    assert_eq!(client.next_frame(TIMEOUT), Some((160, 120)));
}

fn gst_launch(pipeline: &str) -> bool {
    std::process::Command::new("gst-launch-1.0")
        .arg("-q")
        .args(pipeline.split_whitespace())
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn frames_arrive_no_faster_than_the_frame_rate_of_the_video() {
    let camera = camera();
    let client = Client::connect(&camera.uri());
    client.receive_frames(5);
    let start = Instant::now();
    client.receive_frames(30);
    // A busy machine may be slower, but nothing may make a camera faster than its video.
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds >= 2.0, "30 frames took {seconds} s");
}

#[test]
fn a_stalled_camera_sends_nothing_and_continues_afterwards() {
    let camera = camera();
    let client = Client::connect(&camera.uri());
    client.receive_frames(5);
    camera.stall(true);
    assert!(frames_stop(&client));
    assert_eq!(client.next_frame(Duration::from_secs(2)), None);
    let sent = camera.frames_sent();
    camera.stall(false);
    client.receive_frames(20);
    assert!(camera.frames_sent() > sent);
}

#[test]
fn the_next_video_changes_the_size_within_the_stream() {
    let mut options = CameraOptions::playing(video(160, 120));
    options.videos.push(video(96, 64));
    let camera = Camera::start(options).unwrap();
    let client = Client::connect(&camera.uri());
    assert_eq!(client.next_frame(TIMEOUT), Some((160, 120)));
    for size in [(96, 64), (160, 120)] {
        camera.next_video();
        let mut sizes = (0..30).map(|_| client.next_frame(TIMEOUT).unwrap());
        assert!(
            sizes.any(|received| received == size),
            "{size:?} never arrived"
        );
    }
}

#[test]
fn only_the_right_login_is_accepted() {
    let mut options = CameraOptions::playing(video(160, 120));
    options.login = Some(("viewer".into(), "open sesame".into()));
    let camera = Camera::start(options).unwrap();
    let proxy = FaultProxy::to(camera.address()).unwrap();
    let uri = proxy.uri(camera.path());
    for login in ["", "user-id=viewer user-pw=wrong"] {
        let client = Client::connect_with(&uri, &format!("protocols=tcp {login}"));
        let error = client.error(TIMEOUT).unwrap_or_default();
        assert_eq!(client.next_frame(Duration::ZERO), None, "{login:?}");
        assert!(error.to_lowercase().contains("unauthorized"), "{error}");
    }
    let login = "protocols=tcp user-id=viewer user-pw=\"open sesame\"";
    Client::connect_with(&uri, login).receive_frames(5);
}

#[test]
fn a_camera_with_one_transport_rejects_the_other() {
    let camera_with = |transport| {
        let mut options = CameraOptions::playing(video(160, 120));
        options.transport = transport;
        Camera::start(options).unwrap()
    };
    let (udp, tcp) = (
        camera_with(Transport::UdpOnly),
        camera_with(Transport::TcpOnly),
    );
    Client::connect_with(&udp.uri(), "protocols=udp").receive_frames(10);
    Client::connect(&tcp.uri()).receive_frames(10);
    for (camera, wrong) in [(udp, "tcp"), (tcp, "udp")] {
        let client = Client::connect_with(&camera.uri(), &format!("protocols={wrong}"));
        assert!(client.error(TIMEOUT).is_some(), "{wrong}");
        assert_eq!(client.next_frame(Duration::ZERO), None, "{wrong}");
    }
}

#[test]
fn a_cut_proxy_disconnects_clients_and_a_restored_one_accepts_new_ones() {
    let (camera, proxy) = camera_behind_proxy();
    let uri = proxy.uri(camera.path());
    let client = Client::connect(&uri);
    client.receive_frames(5);
    assert_eq!(proxy.connections(), 1);
    proxy.cut();
    assert!(frames_stop(&client));
    let refused = Client::connect(&uri);
    assert_eq!(refused.next_frame(Duration::from_secs(2)), None);
    assert_eq!(proxy.connections(), 1);
    proxy.restore();
    Client::connect(&uri).receive_frames(5);
    assert!(proxy.connections() >= 2);
}

#[test]
fn a_stalled_proxy_keeps_the_connection() {
    let (camera, proxy) = camera_behind_proxy();
    let client = Client::connect(&proxy.uri(camera.path()));
    client.receive_frames(5);
    proxy.stall(true);
    assert!(frames_stop(&client));
    proxy.stall(false);
    client.receive_frames(20);
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn the_stream_continues_after_damaged_packets() {
    let (camera, proxy) = camera_behind_proxy();
    let client = Client::connect(&proxy.uri(camera.path()));
    client.receive_frames(5);
    proxy.damage(0.3);
    std::thread::sleep(Duration::from_secs(3));
    proxy.damage(0.0);
    // Drop the frames that were decoded meanwhile; new ones must follow.
    while client.next_frame(Duration::ZERO).is_some() {}
    client.receive_frames(20);
}

#[test]
fn the_stream_continues_when_the_clock_restarts() {
    let (camera, proxy) = camera_behind_proxy();
    let client = Client::connect(&proxy.uri(camera.path()));
    client.receive_frames(10);
    proxy.restart_clock();
    client.receive_frames(20);
}

#[test]
fn a_port_in_use_and_a_missing_video_are_errors() {
    let camera = camera();
    let mut options = CameraOptions::playing(video(160, 120));
    options.port = camera.port();
    let error = Camera::start(options.clone()).err().unwrap();
    assert!(error.to_string().contains("port"), "{error}");
    options.videos.clear();
    assert!(Camera::start(options).is_err());
    assert!(FaultProxy::on_port(camera.port(), camera.address()).is_err());
}
