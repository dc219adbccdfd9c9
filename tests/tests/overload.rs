//! More than the machine can work on: memory stays flat, each segment has its caption or, where that would be too late, its
//! draft, every frame is accounted for, and the sampling rate goes down, and up again when there is room.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    thread,
    time::{Duration, Instant},
};

use atom_camera::FaultProxy;
use atom_tests::{
    cache,
    live::{RUN, Told, accounted, camera, video},
    program::Place,
};
use serde_json::Value;

/// After so long a caption is given up.
const LATE_MS: u64 = 4000;
/// Most memory that a run with the default pack may take, in bytes.
const MEMORY: f64 = 1.5e9;

/// Three cameras, each sampled as often as it shows a picture: far more than two cores can look at with the pack `mini`.
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
fn ten_times_too_much_leaves_memory_flat_and_nothing_unaccounted() {
    let seconds = std::env::var("ATOM_OVERLOAD_SECONDS").map_or(25, |s| s.parse().unwrap());
    let place = Place::new().with_cache(&cache::installed());
    // The first goes on for ever and would have room alone; the others can be taken away.
    let cameras = [video(320, 60), video(160, 60)].map(camera);
    let proxies = cameras
        .each_ref()
        .map(|camera| FaultProxy::to(camera.address()).unwrap());
    let [one, two] = proxies.each_ref().map(|proxy| proxy.uri("/live"));
    let uris = ["test://smpte?fps=10".to_owned(), one, two];
    place.write("live.toml", pipeline(&uris));
    let running = place.start(&RUN);
    let told = Told::by(&running);
    told.until("frames are let go", |told| {
        told.metric("atom_frames_dropped_total", &["overload"]) > 50.0
    });
    told.until("the rate goes down", |told| {
        told.metric("atom_sample_fps", &["cam0"]) < 30.0
    });
    let begun = Instant::now();
    let mut memory = Vec::new();
    while begun.elapsed() < Duration::from_secs(seconds) {
        memory.push(told.metric("process_resident_memory_bytes", &[]));
        let in_flight = told.metric("atom_ticks_in_flight", &[]);
        assert!(
            in_flight <= 3.0 * (4.0 + 4.0 + 1.0),
            "{in_flight} in flight"
        );
        thread::sleep(Duration::from_millis(500));
    }
    // Caches and the decoder's batches fill up at first; a long run shows that it ends there.
    let most = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    assert!(most(&memory) < MEMORY, "{memory:?}");
    if seconds >= 90 {
        let third = memory.len() / 3;
        let (early, late) = (most(&memory[third..2 * third]), most(&memory[2 * third..]));
        assert!(late < early * 1.03, "{early} grew to {late}");
    }
    proxies.iter().for_each(FaultProxy::cut);
    // It may still fall until it fits the machine; from there it rises.
    let rate = |told: &Told| told.metric("atom_sample_fps", &["cam0"]);
    let (mut lowest, mut highest) = (f64::MAX, 0.0);
    told.until("the rate goes up again", |told| {
        highest = rate(told);
        lowest = highest.min(lowest);
        highest > lowest * 1.3
    });
    let megabytes: Vec<_> = memory.iter().map(|bytes| (bytes / 1e6) as u64).collect();
    println!("memory in MB, twice a second: {megabytes:?}");
    println!("a rate of 60 went down to {lowest} and up again to {highest}");
    let said = running.interrupted().ok();
    let report = place.report("r.json");
    println!("{report}");
    for n in 0..3 {
        accounted(&report, &format!("cam{n}"));
    }
    assert!(lowest < 30.0, "{lowest}");
    // Each segment has its caption, from the decoder or, where that would have been too late, from its draft.
    let captions = said.json_lines();
    let from_draft = |line: &&Value| line["final_from"] == "draft";
    let drafts = captions.iter().filter(from_draft).count() as u64;
    let late = report["failures"]["caption"]["late"].as_u64().unwrap_or(0);
    assert_eq!(drafts, late, "{report}");
    assert_eq!(report["captions"], captions.len());
}
