//! Live sources reconnect indefinitely: whatever a camera does, it is connected again, its media time continues, and no other
//! camera is affected.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{thread, time::Duration};

use atom_camera::{Camera, CameraOptions, FaultProxy, Transport};
use atom_tests::{
    live_run::{
        FAST_RECONNECT, RUN_ARGUMENTS, StatusClient, assert_frames_accounted, camera, pipeline,
        start, video,
    },
    program::{ProgramOutput, Workdir},
};
use serde_json::Value;

/// Returns the captions of a source, in order.
fn captions(output: &ProgramOutput, source: &str) -> Vec<Value> {
    let of_source = |line: &Value| line["source"] == source && line["kind"] == "caption";
    output.json_lines().into_iter().filter(of_source).collect()
}

/// Returns the start times of captions, and asserts that they increase.
#[track_caller]
fn starts(captions: &[Value]) -> Vec<u64> {
    let starts: Vec<_> = captions
        .iter()
        .map(|caption| caption["start_ms"].as_u64().unwrap())
        .collect();
    assert!(starts.is_sorted_by(|a, b| a < b), "{starts:?}");
    starts
}

/// Returns the number of threads and of open file descriptors of a run.
fn resources(client: &StatusClient) -> [f64; 2] {
    ["process_threads", "process_open_fds"].map(|metric| client.metric(metric, &[]))
}

/// Cuts and restores a proxy, and waits each time until the source `cut` has reconnected.
///
/// Simulates outages of 0.1 to 30 s twenty times faster, in proportion to the reconnect delays of the source.
fn cut_repeatedly(proxy: &FaultProxy, client: &StatusClient, cuts: u64) {
    let mut random = fastrand::Rng::with_seed(7);
    for n in 1..=cuts {
        thread::sleep(Duration::from_millis(random.u64(100..600)));
        proxy.cut();
        thread::sleep(Duration::from_millis(random.u64(5..1500)));
        proxy.restore();
        client.wait_until("it reconnects", |client| {
            client.connection_count("cut") == n + 1
        });
    }
}

/// Returns the recording start time of captions, and asserts that all of them have the same.
#[track_caller]
fn start_utc(captions: &[Value]) -> Value {
    let mut times = captions.iter().map(|caption| &caption["start_utc"]);
    let first = times.next().unwrap();
    assert!(times.all(|time| time == first));
    first.clone()
}

/// Asserts that no caption is within one of the reported gaps.
#[track_caller]
fn assert_no_caption_in_gaps(captions: &[Value], gaps: &Value) {
    for gap in gaps.as_array().unwrap() {
        let [from, to] = ["from_ms", "to_ms"].map(|key| gap[key].as_u64().unwrap());
        assert!(from < to, "{gap}");
        let inside = |caption: &&Value| {
            caption["start_ms"].as_u64().unwrap() > from
                && caption["end_ms"].as_u64().unwrap() <= to
        };
        assert_eq!(captions.iter().find(inside), None, "{gap}");
    }
}

#[test]
fn a_camera_cut_again_and_again_reconnects_each_time_and_the_other_never_pauses() {
    let cuts = std::env::var("ATOM_CUTS").map_or(20, |cuts| cuts.parse().unwrap());
    let [one, two] = [video(160, 10), video(160, 10)].map(camera);
    let proxy = FaultProxy::to(one.address()).unwrap();
    let dir = Workdir::new();
    let sources = [("cut", proxy.uri("/live")), ("other", two.uri())];
    let sources = sources.each_ref().map(|(name, uri)| (*name, uri.as_str()));
    let (process, client) = start(&dir, &sources, FAST_RECONNECT);
    client.wait_until("both are live", |client| {
        client.connection_count("cut") == 1 && client.connection_count("other") == 1
    });
    thread::sleep(Duration::from_secs(2));
    let before = resources(&client);
    cut_repeatedly(&proxy, &client, cuts);
    thread::sleep(Duration::from_secs(2));
    let after = resources(&client);
    let output = process.interrupt().ok();
    println!("threads and descriptors: {before:?} before, {after:?} after {cuts} cuts");
    for (before, after) in before.into_iter().zip(after) {
        assert!(after <= before + 2.0, "{before} before, {after} after");
    }
    let report = dir.report("r.json");
    let cut = &report["sources"]["cut"]["live"];
    assert_eq!(cut["gap_count"], cuts, "{cut}");
    assert_eq!(report["sources"]["other"]["live"]["gap_count"], 0);
    // On a slow machine, a connection may be lost once more before it delivers a frame.
    let lost = report["failures"]["source"]["lost"].as_u64();
    assert!(lost.is_some_and(|lost| lost >= cuts), "{report}");
    let [cut_captions, other_captions] = ["cut", "other"].map(|source| captions(&output, source));
    let times = starts(&other_captions);
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest.unwrap() <= 1000, "{longest:?} in {times:?}");
    assert_eq!(start_utc(&cut_captions), cut["start_utc"]);
    start_utc(&other_captions);
    starts(&cut_captions);
    assert_no_caption_in_gaps(&cut_captions, &cut["gaps"]);
    for source in ["cut", "other"] {
        assert_frames_accounted(&report, source);
    }
}

#[test]
fn a_source_survives_stalls_size_changes_clock_restarts_and_damaged_packets() {
    let mut options = CameraOptions::playing(video(160, 10));
    options.videos.push(video(320, 10));
    options.transport = Transport::TcpOnly;
    let camera = Camera::start(options).unwrap();
    let proxy = FaultProxy::to(camera.address()).unwrap();
    let dir = Workdir::new();
    let (process, client) = start(&dir, &[("door", &proxy.uri("/live"))], FAST_RECONNECT);
    let segments = |client: &StatusClient| client.metric("atom_segments_total", &["door"]);
    let wait_for_captions = |reason: &str| {
        let before = segments(&client);
        client.wait_until(reason, |client| segments(client) >= before + 3.0);
    };
    wait_for_captions("captions come");
    camera.next_video();
    wait_for_captions("captions come after a change of size");
    proxy.restart_clock();
    wait_for_captions("captions come after the clock restarted");
    proxy.damage(0.3);
    thread::sleep(Duration::from_secs(2));
    proxy.damage(0.0);
    wait_for_captions("captions come after damage");
    let connects = client.connection_count("door");
    proxy.stall(true);
    client.wait_until("the stall is detected", |client| {
        client.health()["sources"]["door"]["state"] == "stalled"
    });
    assert_eq!(client.metric("atom_source_up", &["door"]), 0.0);
    client.wait_until("the connection is closed", |client| {
        client.health()["sources"]["door"]["state"] == "lost"
    });
    let lag = client.metric("atom_lag_seconds", &["door"]);
    client.wait_until("the lag grows", |client| {
        client.metric("atom_lag_seconds", &["door"]) > lag + 1.0
    });
    proxy.stall(false);
    client.wait_until("it reconnects", |client| {
        client.connection_count("door") > connects
    });
    wait_for_captions("captions come after the stall");
    assert_eq!(client.metric("atom_source_up", &["door"]), 1.0);
    let output = process.interrupt().ok();
    starts(&captions(&output, "door"));
    assert_frames_accounted(&dir.report("r.json"), "door");
}

#[test]
fn a_camera_with_only_udp_is_supported() {
    let options = CameraOptions {
        transport: Transport::UdpOnly,
        ..CameraOptions::playing(video(160, 10))
    };
    let camera = Camera::start(options).unwrap();
    let dir = Workdir::new();
    let (process, client) = start(&dir, &[("door", &camera.uri())], FAST_RECONNECT);
    client.wait_until("captions come", |client| {
        client.metric("atom_segments_total", &["door"]) >= 2.0
    });
    process.interrupt().ok();
}

#[test]
fn a_recording_can_be_played_repeatedly_as_a_camera() {
    let dir = Workdir::new();
    let uri = "test://ball?fps=10";
    let video = atom_tests::generated_media::moving("loop.mp4", 1.5, &[]);
    let sources = [("pattern", uri), ("file", video.to_str().unwrap())];
    let settings = format!("{FAST_RECONNECT}live = true\n");
    let (process, client) = start(&dir, &sources, &settings);
    client.wait_until("the file restarted twice", |client| {
        client.connection_count("file") >= 3
    });
    let output = process.interrupt().ok();
    starts(&captions(&output, "file"));
    let pattern = starts(&captions(&output, "pattern"));
    assert!(pattern.len() >= 3, "{pattern:?}");
    assert!(output.stderr.contains("the stream ended"), "{output}");
}

#[test]
fn all_runs_of_a_camera_share_one_media_time() {
    let dir = Workdir::new();
    let camera = camera(video(160, 10));
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\", \"captions\"]\nstore = \"live.db\"\n";
    let text = pipeline(&[("door", &camera.uri())], FAST_RECONNECT) + index;
    let run = || {
        dir.write("live.toml", &text);
        let process = dir.start(&RUN_ARGUMENTS);
        let client = StatusClient::of(&process);
        client.wait_until("rows are stored", |client| {
            client.metric("atom_index_segments", &[]) >= 3.0
        });
        captions(&process.interrupt().ok(), "door")
    };
    let (first, second) = (run(), run());
    assert_eq!(first[0]["start_utc"], second[0]["start_utc"]);
    let all: Vec<_> = first.iter().chain(&second).cloned().collect();
    let starts = starts(&all);
    let search = [
        "search", "picture", "--store", "live.db", "--limit", "100", "--json",
    ];
    let found = dir.atom(&search).ok().json_lines();
    let mut stored: Vec<_> = found[0]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["start_ms"].as_u64().unwrap())
        .collect();
    stored.sort();
    assert_eq!(stored, starts, "rows are lost or duplicated");
    assert_eq!(found[0]["start_utc"]["door"], first[0]["start_utc"]);
}

#[test]
fn metrics_and_health_require_the_token() {
    let dir = Workdir::new();
    dir.write(
        "live.toml",
        pipeline(&[("door", "test://ball")], "live = true"),
    );
    dir.write("token", "secret-token\n");
    let mut arguments = RUN_ARGUMENTS.to_vec();
    arguments.extend(["--token-file", "token"]);
    let process = dir.start(&arguments);
    let client = StatusClient::of(&process);
    for path in ["/metrics", "/healthz", "/nothing"] {
        assert_eq!(client.get(path, "").0, 401, "{path}");
        assert_eq!(client.get(path, "Authorization: Bearer wrong\r\n").0, 401);
    }
    let right = "Authorization: Bearer secret-token\r\n";
    let (status, metrics) = client.get("/metrics", right);
    assert_eq!(status, 200);
    assert!(metrics.contains("# HELP atom_lag_seconds "), "{metrics}");
    assert_eq!(client.get("/healthz", right).0, 200);
    assert_eq!(client.get("/nothing", right).0, 404);
    let output = process.interrupt().ok();
    assert!(!output.stderr.contains("secret-token") && !metrics.contains("secret-token"));
}
