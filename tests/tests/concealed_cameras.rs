//! A camera that is joined between key frames shows nothing before the next one, after each connection and each loss.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{env, thread, time::Duration};

use atom_camera::{Camera, CameraOptions, EncodedVideo, FaultProxy, Transport, VideoCodec};
use atom_tests::{
    generated_media,
    live_run::{FAST_RECONNECT, RUN_ARGUMENTS, StatusClient, assert_frames_accounted, pipeline},
    program::{Process, ProgramOutput, Workdir},
};

/// Frames per second, and frames from one key frame to the next.
const FPS: usize = 10;
const KEY_DISTANCE: usize = 40;

/// Returns a red video. What a decoder makes up of it between key frames is gray.
fn red_video(codec: VideoCodec) -> EncodedVideo {
    let distance = format!("keyint={KEY_DISTANCE}:min-keyint={KEY_DISTANCE}:scenecut=0:bframes=0");
    let (name, options) = match codec {
        VideoCodec::H264 => (
            "red264.mkv",
            vec!["-c:v", "libx264", "-x264-params", &distance],
        ),
        VideoCodec::H265 => (
            "red265.mkv",
            vec!["-c:v", "libx265", "-x265-params", &distance],
        ),
    };
    let seconds = (KEY_DISTANCE / FPS) as f64;
    let video = generated_media::colours_with(name, &[("red", seconds)], FPS as u32, &options);
    EncodedVideo::copied_from(&video, codec, FPS as u32).unwrap()
}

/// Starts a camera that clients join at whatever frame is next, as far as possible from a key frame.
fn camera(codec: VideoCodec) -> Camera {
    let camera = Camera::start(CameraOptions {
        transport: Transport::TcpOnly,
        joins_at_any_frame: true,
        ..CameraOptions::playing(red_video(codec))
    });
    camera.unwrap()
}

fn start(dir: &Workdir, uri: &str) -> (Process, StatusClient) {
    // The longest wait for a key frame is longer than the time without a frame after which a source is reconnected.
    dir.write("live.toml", pipeline(&[("door", uri)], FAST_RECONNECT));
    let process = dir.start(&RUN_ARGUMENTS);
    let client = StatusClient::of(&process);
    (process, client)
}

fn concealed(client: &StatusClient) -> f64 {
    client.metric("atom_frames_dropped_total", &["\"door\"", "\"concealed\""])
}

/// Waits until as many more segments were captioned.
#[track_caller]
fn wait_for_captions(client: &StatusClient, more: f64) {
    let segments = |client: &StatusClient| client.metric("atom_segments_total", &["door"]);
    let before = segments(client);
    client.wait_until("captions come", |client| segments(client) >= before + more);
}

/// Asserts that every caption is of a red picture, and that every frame is accounted for.
#[track_caller]
fn assert_only_red(output: &ProgramOutput, dir: &Workdir) {
    let captions = output.json_lines().into_iter();
    let captions: Vec<_> = captions.filter(|line| line["kind"] == "caption").collect();
    assert!(!captions.is_empty(), "{output}");
    for caption in captions {
        let text = caption["text"].as_str().unwrap();
        assert!(
            text.contains("red") && !text.contains(','),
            "{text}: {output}"
        );
    }
    assert_frames_accounted(&dir.report("r.json"), "door");
}

fn times_said(output: &ProgramOutput) -> usize {
    output.stderr.matches("waiting for a key frame").count()
}

/// Waits until the camera has sent this many frames after a key frame.
fn wait_for_frame(camera: &Camera, after_key: u64) {
    while camera.frames_sent() % KEY_DISTANCE as u64 != after_key {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_camera_that_is_joined_between_key_frames_shows_nothing_before_one() {
    for codec in [VideoCodec::H264, VideoCodec::H265] {
        let camera = camera(codec);
        let dir = Workdir::new();
        wait_for_frame(&camera, 1);
        let (process, client) = start(&dir, &camera.uri());
        client.wait_until("the wait is told", |client| {
            client.health()["sources"]["door"]["reason"] == "waiting for a key frame"
        });
        wait_for_captions(&client, 3.0);
        assert_eq!(client.connection_count("door"), 1, "{codec:?}");
        let output = process.interrupt().ok();
        assert_only_red(&output, &dir);
        assert_eq!(times_said(&output), 1, "{output}");
        let report = dir.report("r.json");
        let dropped = &report["sources"]["door"]["frames_dropped"]["concealed"];
        let dropped = dropped.as_u64().unwrap();
        assert!(
            (1..=KEY_DISTANCE as u64).contains(&dropped),
            "{codec:?}: {dropped}"
        );
    }
}

#[test]
fn a_reconnect_and_lost_packets_show_nothing_before_the_next_key_frame() {
    let camera = camera(VideoCodec::H264);
    let proxy = FaultProxy::to(camera.address()).unwrap();
    let dir = Workdir::new();
    let (process, client) = start(&dir, &proxy.uri("/live"));
    wait_for_captions(&client, 1.0);
    let joins = env::var("ATOM_JOINS").map_or(1, |joins| joins.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..joins {
        let before = concealed(&client);
        wait_for_frame(&camera, random.u64(1..10));
        proxy.cut();
        proxy.restore();
        client.wait_until("frames of the new connection are concealed", |client| {
            concealed(client) > before
        });
        wait_for_captions(&client, 1.0);
        let before = concealed(&client);
        wait_for_frame(&camera, random.u64(1..20));
        proxy.lose_packets(random.u32(1..4));
        client.wait_until("frames after the loss are concealed", |client| {
            concealed(client) > before
        });
        wait_for_captions(&client, 1.0);
    }
    assert_only_red(&process.interrupt().ok(), &dir);
}
