//! Clients that come and go leave nothing behind. Alone in its process, because it counts threads and descriptors.

use std::{
    fs,
    time::{Duration, Instant},
};

use atom_camera::{Camera, CameraOptions, Film, Wire};
use client::{Client, film};

mod client;

/// Threads and descriptors that libraries may keep for later.
const SLACK: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Held {
    threads: usize,
    descriptors: usize,
}

impl Held {
    fn now() -> Self {
        let count = |folder| fs::read_dir(folder).expect("Linux has /proc").count();
        Self {
            threads: count("/proc/self/task"),
            descriptors: count("/proc/self/fd"),
        }
    }

    fn within(self, before: Self) -> bool {
        self.threads <= before.threads + SLACK && self.descriptors <= before.descriptors + SLACK
    }
}

/// Waits until no more is held than before.
fn settles(before: Held) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while !Held::now().within(before) {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

/// A camera behind a wire.
fn start(film: &Film) -> (Camera, Wire) {
    let camera = Camera::start(CameraOptions::playing(film.clone())).expect("a camera starts");
    let wire = Wire::to(camera.address()).expect("a wire starts");
    (camera, wire)
}

/// Clients come and go: over TCP, over UDP, and one that is thrown out.
fn meet(camera: &Camera, wire: &Wire) {
    let uri = wire.uri(camera.path());
    Client::watch(&uri).pictures(2);
    Client::with(&camera.uri(), "protocols=udp").pictures(2);
    let thrown_out = Client::watch(&uri);
    thrown_out.pictures(2);
    wire.cut();
    wire.mend();
}

#[test]
fn clients_and_cameras_that_go_leave_nothing() {
    gstreamer::init().unwrap();
    // Threads that wait to be used again would be counted.
    gstreamer::glib::ThreadPool::set_max_unused_threads(Some(0));
    let film = film(160, 120);
    let (camera, wire) = start(&film);
    meet(&camera, &wire);
    drop((camera, wire));
    std::thread::sleep(Duration::from_secs(1));
    let empty = Held::now();
    let (camera, wire) = start(&film);
    let idle = Held::now();
    for _ in 0..5 {
        meet(&camera, &wire);
    }
    assert!(settles(idle), "{idle:?} became {:?}", Held::now());
    ends_while_stalled(camera, wire);
    assert!(settles(empty), "{empty:?} became {:?}", Held::now());
}

/// Neither a client that watches nor one that still waits for its first picture holds up the end.
fn ends_while_stalled(camera: Camera, wire: Wire) {
    let watching = Client::watch(&wire.uri(camera.path()));
    watching.pictures(2);
    camera.stall(true);
    let waiting = Client::watch(&camera.uri());
    std::thread::sleep(Duration::from_millis(500));
    let begin = Instant::now();
    drop(camera);
    assert!(begin.elapsed() < Duration::from_secs(2), "the end is slow");
    drop((wire, watching, waiting));
}
