//! Disconnected clients leave nothing behind. This test is alone in its process, because it counts threads and file
//! descriptors.

use std::{
    fs,
    time::{Duration, Instant},
};

use atom_camera::{Camera, CameraOptions, EncodedVideo, FaultProxy};
use client::{Client, video};

mod client;

/// The number of threads and descriptors that libraries may keep.
const TOLERANCE: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Resources {
    threads: usize,
    descriptors: usize,
}

impl Resources {
    fn now() -> Self {
        let count = |folder| fs::read_dir(folder).expect("Linux has /proc").count();
        Self {
            threads: count("/proc/self/task"),
            descriptors: count("/proc/self/fd"),
        }
    }

    fn within(self, before: Self) -> bool {
        self.threads <= before.threads + TOLERANCE
            && self.descriptors <= before.descriptors + TOLERANCE
    }
}

/// Waits until no more resources are in use than before; returns false after a timeout.
fn returns_to(before: Resources) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !Resources::now().within(before) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

/// Starts a camera behind a proxy.
fn start(video: &EncodedVideo) -> (Camera, FaultProxy) {
    let camera = Camera::start(CameraOptions::playing(video.clone())).expect("the camera starts");
    let proxy = FaultProxy::to(camera.address()).expect("the proxy starts");
    (camera, proxy)
}

/// Connects and disconnects clients: over TCP, over UDP, and one whose connection is cut.
fn connect_clients(camera: &Camera, proxy: &FaultProxy) {
    let uri = proxy.uri(camera.path());
    Client::connect(&uri).receive_frames(2);
    Client::connect_with(&camera.uri(), "protocols=udp").receive_frames(2);
    let disconnected = Client::connect(&uri);
    disconnected.receive_frames(2);
    proxy.cut();
    proxy.restore();
}

#[test]
fn closed_clients_and_cameras_leave_nothing_behind() {
    gstreamer::init().unwrap();
    // Idle threads of the pool would be counted.
    gstreamer::glib::ThreadPool::set_max_unused_threads(Some(0));
    let video = video(160, 120);
    let (camera, proxy) = start(&video);
    connect_clients(&camera, &proxy);
    drop((camera, proxy));
    std::thread::sleep(Duration::from_secs(1));
    let empty = Resources::now();
    let (camera, proxy) = start(&video);
    let idle = Resources::now();
    for _ in 0..5 {
        connect_clients(&camera, &proxy);
    }
    assert!(returns_to(idle), "{idle:?} became {:?}", Resources::now());
    drop_while_stalled(camera, proxy);
    assert!(returns_to(empty), "{empty:?} became {:?}", Resources::now());
}

/// Drops a stalled camera with one client that receives frames and one that waits for its first frame; neither delays it.
fn drop_while_stalled(camera: Camera, proxy: FaultProxy) {
    let connected = Client::connect(&proxy.uri(camera.path()));
    connected.receive_frames(2);
    camera.stall(true);
    let waiting = Client::connect(&camera.uri());
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    drop(camera);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "dropping the camera is slow"
    );
    drop((proxy, connected, waiting));
}
