//! Folders as people have them: litter of other systems beside the recordings, and recordings whose start is told in many ways.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_tests::{
    generated_media,
    program::{Process, ProgramOutput, TIMEOUT, Workdir},
};
use serde_json::{Value, json};

const INDEX: [&str; 6] = ["index", "videos", "--pack", "fake", "--store", "s.db"];

/// Runs the program on a machine in Berlin.
fn in_berlin(dir: &Workdir, arguments: &[&str]) -> ProgramOutput {
    let mut command = dir.command();
    command.env("TZ", "Europe/Berlin").args(arguments);
    Process::start(command).wait(TIMEOUT)
}

fn stats(dir: &Workdir) -> Value {
    let output = dir.atom(&["store", "stats", "--json", "--store", "s.db"]);
    output.ok().json_lines().remove(0)
}

#[test]
fn litter_of_other_systems_is_neither_indexed_nor_a_failure_and_is_named_with_verbose() {
    let dir = Workdir::new();
    let red = generated_media::colours("red.mp4", &[("red", 4.0)]);
    let blue = generated_media::colours("blue.mp4", &[("blue", 4.0)]);
    let program_stream = generated_media::generate(
        "a.vob",
        &["-f", "lavfi", "-i", "color=blue:s=64x64:r=10:d=4"],
    );
    for (from, name) in [
        (&red, "videos/good.mp4"),
        (&program_stream, "videos/good.vob"),
        (&blue, "videos/.hidden/h.mp4"),
        (&red, "videos/@eaDir/good.mp4"),
        (&red, "videos/$RECYCLE.BIN/S-1/$RA.mp4"),
        (&red, "videos/film.mp4.crdownload"),
    ] {
        fs::create_dir_all(dir.path(name).parent().unwrap()).unwrap();
        dir.copy(from, name);
    }
    dir.write("videos/._good.mp4", [0, 5, 22, 7]);
    let quiet = dir.atom(&INDEX).ok();
    assert_eq!(
        quiet.stdout.matches("complete through").count(),
        2,
        "{quiet}"
    );
    assert!(!quiet.stderr.contains("skipped"), "{quiet}");
    assert_eq!(stats(&dir)["sources"], 2);

    let mut verbose = INDEX.to_vec();
    verbose.insert(0, "-v");
    let told = dir.atom(&verbose).ok();
    for name in [
        "/._good.mp4: it is hidden",
        "/.hidden",
        "/@eaDir",
        "/$RECYCLE.BIN",
        "/film.mp4.crdownload",
    ] {
        assert_eq!(told.stderr.matches(name).count(), 1, "{name}\n{told}");
    }
    // What is named is taken.
    let named = [
        "index",
        "videos/.hidden",
        "videos/@eaDir/good.mp4",
        "--pack",
        "fake",
        "--store",
        "named.db",
    ];
    let named = dir.atom(&named).ok();
    assert_eq!(
        named.stdout.matches("complete through").count(),
        2,
        "{named}"
    );
}

#[test]
fn start_times_come_from_names_and_containers_and_say_which() {
    let dir = Workdir::new();
    fs::create_dir(dir.path("videos")).unwrap();
    // Each has a length of its own, so that no two have the same content.
    let video = |name: &str, metadata: &[&str]| {
        let picture = format!("color=red:s=64x64:r=10:d={}", name.len() % 10 + 1);
        let arguments = [&["-f", "lavfi", "-i", &picture], metadata].concat();
        let from = generated_media::generate(name, &arguments);
        dir.copy(&from, &format!("videos/{name}"));
    };
    let created = ["-metadata", "creation_time=2024-08-03T10:11:14Z"];
    video("PXL_20240803_101112345.mp4", &created);
    video("VID_20240803_101112.mp4", &created);
    video("VID-20240803-WA0001.mp4", &[]);
    video("created.mp4", &created);
    let phone = "com.apple.quicktime.creationdate=2024-08-03T05:11:12-0500";
    let phone = ["-movflags", "use_metadata_tags", "-metadata", phone];
    video("IMG_0001.MOV", &[&created[..], &phone].concat());
    in_berlin(&dir, &INDEX).ok();

    let search = [
        "search", "red", "--json", "--store", "s.db", "--limit", "20",
    ];
    let found = in_berlin(&dir, &search).ok().json_lines().remove(0);
    assert_eq!(
        found["start_utc"],
        json!({
            "PXL_20240803_101112345.mp4": "2024-08-03T10:11:12.345Z",
            "VID_20240803_101112.mp4": "2024-08-03T08:11:12.000Z",
            "created.mp4": "2024-08-03T10:11:14.000Z",
            "IMG_0001.MOV": "2024-08-03T10:11:12.000Z",
        })
    );
    assert_eq!(
        found["start_utc_from"],
        json!({
            "PXL_20240803_101112345.mp4": "name_utc",
            "VID_20240803_101112.mp4": "name_local",
            "created.mp4": "container_utc",
            "IMG_0001.MOV": "container_offset",
        })
    );
    let hits = found["hits"].as_array().unwrap();
    assert!(hits.iter().all(|hit| {
        let of_source = &found["start_utc_from"][hit["source"].as_str().unwrap()];
        &hit["start_utc_from"] == of_source
    }));
    assert_eq!(
        stats(&dir)["start_utc_from"],
        json!({"name_utc": 1, "name_local": 1, "container_utc": 1, "container_offset": 1, "unknown": 1})
    );
    let text = dir.atom(&["store", "stats", "--store", "s.db"]).ok();
    assert!(
        text.stdout
            .contains("start times from: container_offset 1, "),
        "{text}"
    );
}
