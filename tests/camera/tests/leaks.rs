//! Clients that come and go leave nothing behind. Alone in its process, because it counts threads and descriptors.

use std::{
    fs,
    time::{Duration, Instant},
};

use atom_camera::{Camera, CameraOptions, Wire};
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
        let count = |folder| fs::read_dir(folder).unwrap().count();
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

#[test]
fn clients_and_cameras_that_go_leave_nothing() {
    gstreamer::init().unwrap();
    // Threads that wait to be used again would be counted.
    gstreamer::glib::ThreadPool::set_max_unused_threads(Some(0));
    let film = film(160, 120);
    let start = || {
        let camera = Camera::start(CameraOptions::playing(film.clone())).unwrap();
        let wire = Wire::to(camera.address()).unwrap();
        (camera, wire)
    };
    let meet = |camera: &Camera, wire: &Wire| {
        Client::watch(&wire.uri(camera.path())).pictures(2);
        Client::with(&camera.uri(), "protocols=udp").pictures(2);
    };
    let (camera, wire) = start();
    meet(&camera, &wire);
    drop((camera, wire));
    std::thread::sleep(Duration::from_secs(1));
    let empty = Held::now();
    let (camera, wire) = start();
    let idle = Held::now();
    for _ in 0..10 {
        meet(&camera, &wire);
    }
    assert!(settles(idle), "{idle:?} became {:?}", Held::now());
    let watching = Client::watch(&wire.uri(camera.path()));
    watching.pictures(2);
    camera.stall(true);
    let begin = Instant::now();
    drop((camera, wire, watching));
    assert!(begin.elapsed() < Duration::from_secs(4), "the end is slow");
    assert!(settles(empty), "{empty:?} became {:?}", Held::now());
}
