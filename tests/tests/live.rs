//! A live source is followed for ever: whatever a camera does, it is found again, its time goes on, and no other camera waits.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{thread, time::Duration};

use atom_camera::{Camera, CameraOptions, FaultProxy, Transport};
use atom_tests::{
    live::{QUICK, RUN, Told, accounted, camera, pipeline, video},
    program::{Place, Running, Said},
};
use serde_json::Value;

fn start(place: &Place, sources: &[(&str, &str)], settings: &str) -> (Running, Told) {
    place.write("live.toml", pipeline(sources, settings));
    let running = place.start(&RUN);
    let told = Told::by(&running);
    (running, told)
}

/// The captions of a source, in order.
fn captions(said: &Said, source: &str) -> Vec<Value> {
    let of = |line: &Value| line["source"] == source && line["kind"] == "caption";
    said.json_lines().into_iter().filter(of).collect()
}

/// Begins of the captions, which never go back.
#[track_caller]
fn starts(captions: &[Value]) -> Vec<u64> {
    let starts: Vec<_> = captions
        .iter()
        .map(|caption| caption["start_ms"].as_u64().unwrap())
        .collect();
    assert!(starts.is_sorted_by(|a, b| a < b), "{starts:?}");
    starts
}

#[test]
fn a_camera_cut_again_and_again_comes_back_each_time_and_the_other_never_pauses() {
    let cuts = std::env::var("ATOM_CUTS").map_or(20, |cuts| cuts.parse().unwrap());
    let [one, two] = [video(160, 10), video(160, 10)].map(camera);
    let proxy = FaultProxy::to(one.address()).unwrap();
    let place = Place::new();
    let sources = [("cut", proxy.uri("/live")), ("other", two.uri())];
    let sources = sources.each_ref().map(|(name, uri)| (*name, uri.as_str()));
    let (running, told) = start(&place, &sources, QUICK);
    told.until("both are live", |told| {
        told.connects("cut") == 1 && told.connects("other") == 1
    });
    thread::sleep(Duration::from_secs(2));
    let held = |told: &Told| ["process_threads", "process_open_fds"].map(|m| told.metric(m, &[]));
    let before = held(&told);
    // Real outages of 0.1 to 30 s, twenty times as fast, with the waits of the source.
    let mut chance = 7_u64;
    let mut drawn = |from: u64, to: u64| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Duration::from_millis(from + (chance >> 33) % (to - from))
    };
    for n in 1..=cuts {
        thread::sleep(drawn(100, 600));
        proxy.cut();
        thread::sleep(drawn(5, 1500));
        proxy.restore();
        told.until("it comes back", |told| told.connects("cut") == n + 1);
    }
    thread::sleep(Duration::from_secs(2));
    let after = held(&told);
    let said = running.interrupted().ok();
    for (name, (before, after)) in ["threads", "descriptors"]
        .iter()
        .zip(before.into_iter().zip(after))
    {
        println!("{name}: {before} before, {after} after {cuts} cuts");
        assert!(
            after <= before + 2.0,
            "{name}: {before} before, {after} after"
        );
    }
    let report = place.report("r.json");
    let cut = &report["sources"]["cut"]["live"];
    assert_eq!(cut["gap_count"], cuts, "{cut}");
    assert_eq!(report["sources"]["other"]["live"]["gap_count"], 0);
    // On a machine that is slow, a connection may be lost once more before it shows anything.
    let lost = report["failures"]["source"]["lost"].as_u64();
    assert!(lost.is_some_and(|lost| lost >= cuts), "{report}");
    let times = starts(&captions(&said, "other"));
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest.unwrap() <= 1000, "{longest:?} in {times:?}");
    let begun = |source: &str| {
        let starts: Vec<_> = captions(&said, source)
            .iter()
            .map(|caption| caption["start_utc"].clone())
            .collect();
        assert!(starts.windows(2).all(|pair| pair[0] == pair[1]));
        starts[0].clone()
    };
    assert_eq!(begun("cut"), cut["start_utc"]);
    begun("other");
    starts(&captions(&said, "cut"));
    // No caption is about a stretch of a gap alone.
    for gap in cut["gaps"].as_array().unwrap() {
        let [from, to] = ["from_ms", "to_ms"].map(|key| gap[key].as_u64().unwrap());
        assert!(from < to, "{gap}");
        let inside = |caption: &&Value| {
            caption["start_ms"].as_u64().unwrap() > from
                && caption["end_ms"].as_u64().unwrap() <= to
        };
        let lost = captions(&said, "cut");
        assert_eq!(lost.iter().find(inside), None, "{gap}");
    }
    for source in ["cut", "other"] {
        accounted(&report, source);
    }
}

#[test]
fn a_camera_that_stalls_changes_its_size_restarts_its_clock_and_damages_packets_is_followed() {
    let mut options = CameraOptions::playing(video(160, 10));
    options.videos.push(video(320, 10));
    options.transport = Transport::TcpOnly;
    let camera = Camera::start(options).unwrap();
    let proxy = FaultProxy::to(camera.address()).unwrap();
    let place = Place::new();
    let (running, told) = start(&place, &[("door", &proxy.uri("/live"))], QUICK);
    let segments = |told: &Told| told.metric("atom_segments_total", &["door"]);
    let more = |why: &str| {
        let so_far = segments(&told);
        told.until(why, |told| segments(told) >= so_far + 3.0);
    };
    more("captions come");
    camera.next_video();
    more("captions come after a change of size");
    proxy.restart_clock();
    more("captions come after the clock restarted");
    proxy.damage(0.3);
    thread::sleep(Duration::from_secs(2));
    proxy.damage(0.0);
    more("captions come after damage");
    let connects = told.connects("door");
    proxy.stall(true);
    told.until("it is seen to stall", |told| {
        told.health()["sources"]["door"]["state"] == "stalled"
    });
    assert_eq!(told.metric("atom_source_up", &["door"]), 0.0);
    told.until("it is given up", |told| {
        told.health()["sources"]["door"]["state"] == "lost"
    });
    let lag = told.metric("atom_lag_seconds", &["door"]);
    told.until("the lag grows", |told| {
        told.metric("atom_lag_seconds", &["door"]) > lag + 1.0
    });
    proxy.stall(false);
    told.until("it comes back", |told| told.connects("door") > connects);
    more("captions come after the stall");
    assert_eq!(told.metric("atom_source_up", &["door"]), 1.0);
    let said = running.interrupted().ok();
    starts(&captions(&said, "door"));
    accounted(&place.report("r.json"), "door");
}

#[test]
fn a_camera_that_knows_only_udp_is_shown_too() {
    let options = CameraOptions {
        transport: Transport::UdpOnly,
        ..CameraOptions::playing(video(160, 10))
    };
    let camera = Camera::start(options).unwrap();
    let place = Place::new();
    let (running, told) = start(&place, &[("door", &camera.uri())], QUICK);
    told.until("captions come", |told| {
        told.metric("atom_segments_total", &["door"]) >= 2.0
    });
    running.interrupted().ok();
}

#[test]
fn a_recording_can_be_played_as_a_camera_again_and_again() {
    let place = Place::new();
    let uri = "test://ball?fps=10";
    let video = atom_tests::media::moving("loop.mp4", 1.5, &[]);
    let sources = [("pattern", uri), ("file", video.to_str().unwrap())];
    let settings = format!("{QUICK}live = true\n");
    let (running, told) = start(&place, &sources, &settings);
    told.until("the file began anew twice", |told| {
        told.connects("file") >= 3
    });
    let said = running.interrupted().ok();
    starts(&captions(&said, "file"));
    let pattern = starts(&captions(&said, "pattern"));
    assert!(pattern.len() >= 3, "{pattern:?}");
    assert!(said.stderr.contains("its stream ended"), "{said}");
}

#[test]
fn a_camera_is_indexed_on_one_line_of_time_over_all_runs() {
    let place = Place::new();
    let camera = camera(video(160, 10));
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\", \"captions\"]\nstore = \"live.db\"\n";
    let text = pipeline(&[("door", &camera.uri())], QUICK) + index;
    let run = || {
        place.write("live.toml", &text);
        let running = place.start(&RUN);
        let told = Told::by(&running);
        told.until("rows are stored", |told| {
            told.metric("atom_index_segments", &[]) >= 3.0
        });
        captions(&running.interrupted().ok(), "door")
    };
    let (first, second) = (run(), run());
    assert_eq!(first[0]["start_utc"], second[0]["start_utc"]);
    let all: Vec<_> = first.iter().chain(&second).cloned().collect();
    let starts = starts(&all);
    let search = [
        "search", "picture", "--store", "live.db", "--limit", "100", "--json",
    ];
    let found = place.atom(&search).ok().json_lines();
    let mut stored: Vec<_> = found[0]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["start_ms"].as_u64().unwrap())
        .collect();
    stored.sort();
    assert_eq!(stored, starts, "rows are lost, or there are too many");
    assert_eq!(found[0]["start_utc"]["door"], first[0]["start_utc"]);
}

#[test]
fn metrics_and_health_are_told_to_those_who_bring_the_token() {
    let place = Place::new();
    place.write(
        "live.toml",
        pipeline(&[("door", "test://ball")], "live = true"),
    );
    place.write("token", "secret-token\n");
    let mut arguments = RUN.to_vec();
    arguments.extend(["--token-file", "token"]);
    let running = place.start(&arguments);
    let told = Told::by(&running);
    for path in ["/metrics", "/healthz", "/nothing"] {
        assert_eq!(told.page(path, "").0, 401, "{path}");
        assert_eq!(told.page(path, "Authorization: Bearer wrong\r\n").0, 401);
    }
    let right = "Authorization: Bearer secret-token\r\n";
    let (status, metrics) = told.page("/metrics", right);
    assert_eq!(status, 200);
    assert!(metrics.contains("# HELP atom_lag_seconds "), "{metrics}");
    assert_eq!(told.page("/healthz", right).0, 200);
    assert_eq!(told.page("/nothing", right).0, 404);
    let said = running.interrupted().ok();
    assert!(!said.stderr.contains("secret-token") && !metrics.contains("secret-token"));
}
