//! Under overload, memory use stays flat, each segment has its caption or, if that would be late, its draft, every frame is
//! accounted for, and the sampling rate falls and rises again with the load.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    thread,
    time::{Duration, Instant},
};

use atom_camera::FaultProxy;
use atom_tests::{
    live_run::{RUN_ARGUMENTS, StatusClient, assert_frames_accounted, camera, video},
    pack_cache,
    program::Workdir,
};
use serde_json::Value;

/// The time after which a caption is late.
const LATE_MS: u64 = 4000;
/// The memory limit of a run with the default pack, in bytes.
const MEMORY_LIMIT: f64 = 1.5e9;

/// Returns a pipeline that samples every frame of its cameras, far more than two cores can process with the pack `mini`.
fn pipeline(uris: &[String]) -> String {
    let mut text = String::new();
    for (n, uri) in uris.iter().enumerate() {
        text +=
            &format!("[source.cam{n}]\nuri = \"{uri}\"\nlate_after_ms = {LATE_MS}\nlive = true\n");
    }
    let names: Vec<_> = (0..uris.len()).map(|n| format!("cam{n}")).collect();
    text + &format!(
        "[node.frames]\nkind = \"sample\"\ninputs = {names:?}\nfps = 60\nmin_fps = 1\nchange = 0\n\
         [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
         [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 2000\n\
         [node.captions]\nkind = \"caption\"\ninputs = [\"scenes\"]\n"
    )
}

#[test]
fn tenfold_overload_leaves_memory_flat_and_every_frame_accounted_for() {
    let seconds = std::env::var("ATOM_OVERLOAD_SECONDS").map_or(25, |s| s.parse().unwrap());
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    // The first source alone would be no overload; the others can be disconnected.
    let cameras = [video(320, 60), video(160, 60)].map(camera);
    let proxies = cameras
        .each_ref()
        .map(|camera| FaultProxy::to(camera.address()).unwrap());
    let [one, two] = proxies.each_ref().map(|proxy| proxy.uri("/live"));
    let uris = ["test://smpte?fps=10".to_owned(), one, two];
    dir.write("live.toml", pipeline(&uris));
    let process = dir.start(&RUN_ARGUMENTS);
    let client = StatusClient::of(&process);
    client.wait_until("frames are dropped", |client| {
        client.metric("atom_frames_dropped_total", &["overload"]) > 50.0
    });
    client.wait_until("the rate falls", |client| {
        client.metric("atom_sample_fps", &["cam0"]) < 30.0
    });
    let start = Instant::now();
    let mut memory = Vec::new();
    while start.elapsed() < Duration::from_secs(seconds) {
        memory.push(client.metric("process_resident_memory_bytes", &[]));
        let in_flight = client.metric("atom_ticks_in_flight", &[]);
        assert!(
            in_flight <= 3.0 * (4.0 + 4.0 + 1.0),
            "{in_flight} in flight"
        );
        thread::sleep(Duration::from_millis(500));
    }
    // Caches and decoder batches grow at first; only a long run shows that memory then stays flat.
    let maximum = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    assert!(maximum(&memory) < MEMORY_LIMIT, "{memory:?}");
    if seconds >= 90 {
        let third = memory.len() / 3;
        let (early, late) = (
            maximum(&memory[third..2 * third]),
            maximum(&memory[2 * third..]),
        );
        assert!(late < early * 1.03, "{early} grew to {late}");
    }
    proxies.iter().for_each(FaultProxy::cut);
    // The rate may still fall until it fits the machine; then it rises.
    let rate = |client: &StatusClient| client.metric("atom_sample_fps", &["cam0"]);
    let (mut lowest, mut highest) = (f64::MAX, 0.0);
    client.wait_until("the rate rises again", |client| {
        highest = rate(client);
        lowest = highest.min(lowest);
        highest > lowest * 1.3
    });
    let megabytes: Vec<_> = memory.iter().map(|bytes| (bytes / 1e6) as u64).collect();
    println!("memory in MB, twice a second: {megabytes:?}");
    println!("the rate fell from 60 to {lowest} and rose again to {highest}");
    let output = process.interrupt().ok();
    let report = dir.report("r.json");
    println!("{report}");
    for n in 0..3 {
        assert_frames_accounted(&report, &format!("cam{n}"));
    }
    assert!(lowest < 30.0, "{lowest}");
    // Each segment has its caption, from the decoder or, if that would be late, from its draft.
    let captions = output.json_lines();
    let from_draft = |line: &&Value| line["final_from"] == "draft";
    let drafts = captions.iter().filter(from_draft).count() as u64;
    let late = report["failures"]["caption"]["late"].as_u64().unwrap_or(0);
    assert_eq!(drafts, late, "{report}");
    assert_eq!(report["captions"], captions.len());
}
