//! `atom bench`: configurations are compared by their outputs and module runs; times are only checked for presence.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, time::Duration};

use atom_tests::{
    generated_media, pack_cache,
    program::{Process, Workdir, path_str},
};
use serde_json::{Value, json};

fn colours() -> std::path::PathBuf {
    generated_media::colours("red-blue.mp4", &[("red", 4.0), ("blue", 4.0)])
}

/// Eleven programs run one after the other, and those with the real pack take seconds to load.
const TIMEOUT: Duration = Duration::from_secs(900);

fn reuse(dir: &Workdir, video: &str, pack: &str) -> Value {
    let mut command = dir.command();
    command.args(["bench", "reuse", video, "--rounds", "1", "--pack", pack]);
    command.args(["--json", "--svg", "reuse.svg"]);
    Process::start(command)
        .wait(TIMEOUT)
        .ok()
        .json_lines()
        .remove(0)
}

/// Returns how often a module was loaded and how often it ran.
fn counts(report: &Value, shape: &str, module: &str) -> (u64, u64) {
    let of = |what: &str| report["shapes"][shape][what][module].as_u64().unwrap();
    (of("module_loads"), of("module_runs"))
}

/// Asserts the properties of a comparison that hold for any pack and any machine.
fn assert_comparison(report: &Value, dir: &Workdir) {
    assert_eq!(report["outputs_identical"], json!(true), "{report}");
    for ratio in [
        "shared_over_per_task",
        "shared_over_kept",
        "shared_over_sequential",
    ] {
        assert!(report["ratios"][ratio].as_f64().unwrap() > 0.0, "{report}");
    }
    let (loads, runs) = counts(report, "shared", "vision");
    assert_eq!(
        (loads, counts(report, "sequential", "vision")),
        (1, (1, runs))
    );
    for apart in ["per_task", "kept"] {
        assert_eq!(counts(report, apart, "vision"), (3, 3 * runs), "{apart}");
        assert_eq!(counts(report, apart, "decoder").0, 3, "{apart}");
    }
    assert_eq!(counts(report, "shared", "decoder").0, 1);
    let tokens = |shape: &str| {
        report["shapes"][shape]["tokens"]["generated"]
            .as_u64()
            .unwrap()
    };
    // Captions are generated once, not again for the index.
    assert!(tokens("shared") < tokens("per_task"), "{report}");
    assert_eq!(tokens("kept"), tokens("per_task"));
    let plot = fs::read_to_string(dir.path("reuse.svg")).unwrap();
    for title in ["per task: ", "kept: ", "sequential: ", "shared: "] {
        assert!(plot.contains(title), "{title}");
    }
}

#[test]
fn all_configurations_give_equal_outputs_and_shared_modules_are_loaded_once() {
    let dir = Workdir::new();
    dir.copy(&colours(), "video.mp4");
    assert_comparison(&reuse(&dir, "video.mp4", "fake"), &dir);
    let output = dir
        .atom(&[
            "bench",
            "reuse",
            "video.mp4",
            "--rounds",
            "1",
            "--pack",
            "fake",
        ])
        .ok();
    assert!(
        output
            .stdout
            .contains("All configurations gave the same captions"),
        "{output}"
    );
    assert!(
        output.stdout.contains("| vision: loads, runs | 3, "),
        "{output}"
    );
}

#[test]
fn sharing_the_modules_of_the_real_pack_takes_less_cpu_time() {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    let bikes = pack_cache::demo_video();
    let cut = ["-i", path_str(&bikes), "-t", "4", "-c:v", "libx264"];
    let report = reuse(
        &dir,
        path_str(&generated_media::generate("four.mp4", &cut)),
        "mini",
    );
    assert_comparison(&report, &dir);
    let cpu = |shape: &str| {
        report["shapes"][shape]["cpu_seconds"]["median"]
            .as_f64()
            .unwrap()
    };
    // It processes a third of the frames and half of the captions.
    assert!(cpu("shared") < cpu("per_task"), "{report}");
}

#[test]
fn the_engine_is_compared_with_its_module_calls_and_with_the_graph_alone() {
    let dir = Workdir::new();
    dir.copy(&colours(), "video.mp4");
    let arguments = [
        "bench",
        "overhead",
        "video.mp4",
        "--rounds",
        "1",
        "--pack",
        "fake",
        "--frames",
        "640",
        "--json",
    ];
    let report = dir.atom(&arguments).ok().json_lines().remove(0);
    assert!(report["calls"].as_u64().unwrap() > 16, "{report}");
    for mode in ["engine", "one_loop", "side_by_side"] {
        assert!(
            report[mode]["wall_seconds"]["median"].as_f64().unwrap() > 0.0,
            "{report}"
        );
    }
    let sources: Vec<_> = report["graph"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["sources"])
        .collect();
    assert_eq!(sources, [1, 4, 16, 64]);
}

#[test]
fn the_cost_is_measured_for_each_growing_dimension() {
    let dir = Workdir::new();
    dir.copy(&colours(), "video.mp4");
    let arguments = ["bench", "scale", "video.mp4", "--rounds", "1"];
    let small = ["--pack", "fake", "--segments", "1000"];
    let written = ["--svg", "scale.svg", "--json"];
    let report = dir
        .atom(&[&arguments[..], &small, &written].concat())
        .ok()
        .json_lines()
        .remove(0);
    let at = |sweep: usize| -> Vec<u64> {
        let points = report["sweeps"][sweep]["points"].as_array().unwrap();
        assert!(
            points
                .iter()
                .all(|p| p["cost"]["median"].as_f64().unwrap() > 0.0),
            "{report}"
        );
        points.iter().map(|p| p["at"].as_u64().unwrap()).collect()
    };
    assert_eq!((at(0), at(1), at(2)), (vec![1, 2, 4, 8], at(0), at(0)));
    assert_eq!(at(3), [10, 30, 100, 300, 1000]);
    assert_eq!(at(4), [10, 20, 50, 100, 200, 500, 1000]);
    let sweeps = report["sweeps"].as_array().unwrap();
    let plot = fs::read_to_string(dir.path("scale.svg")).unwrap();
    for sweep in sweeps {
        let (of, power) = (sweep["of"].as_str().unwrap(), &sweep["power"]);
        assert!(sweep["said"].as_str().unwrap().contains(of), "{sweep}");
        assert!(plot.contains(of) && power.is_f64(), "{sweep}");
    }
}

#[test]
fn input_that_cannot_be_measured_is_rejected() {
    let dir = Workdir::new();
    dir.atom(&["bench", "reuse", "gone.mp4"])
        .fails_with(&["gone.mp4 is not a file; expected a video file"]);
    dir.write("text.mp4", "no video");
    dir.atom(&["bench", "reuse", "text.mp4", "--pack", "fake"])
        .fails_with(&["text.mp4"]);
    dir.atom(&["bench", "reuse", "text.mp4", "--rounds", "0"])
        .fails_with(&["--rounds"]);
    for what in ["overhead", "scale"] {
        dir.atom(&["bench", what, "text.mp4", "--pack", "missing"])
            .fails_with(&["missing"]);
    }
}
