//! `atom bench`: shapes are compared by what they give and what they run; of times only that they are there.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, time::Duration};

use atom_tests::{
    cache, media,
    program::{Place, Running, text},
};
use serde_json::{Value, json};

fn colours() -> std::path::PathBuf {
    media::colours("red-blue.mp4", &[("red", 4.0), ("blue", 4.0)])
}

/// Eleven programs, one after the other; those of the real pack load for seconds.
const BOUND: Duration = Duration::from_secs(900);

fn reuse(place: &Place, video: &str, pack: &str) -> Value {
    let mut command = place.command();
    command.args(["bench", "reuse", video, "--rounds", "1", "--pack", pack]);
    command.args(["--json", "--svg", "reuse.svg"]);
    Running::start(command)
        .wait(BOUND)
        .ok()
        .json_lines()
        .remove(0)
}

/// How often a module was loaded and how often it ran.
fn counts(told: &Value, shape: &str, module: &str) -> (u64, u64) {
    let of = |what: &str| told["shapes"][shape][what][module].as_u64().unwrap();
    (of("module_loads"), of("module_runs"))
}

/// What holds of a comparison by any pack, however fast or slow the machine is.
fn holds(told: &Value, place: &Place) {
    assert_eq!(told["outputs_identical"], json!(true), "{told}");
    for ratio in [
        "shared_over_per_task",
        "shared_over_kept",
        "shared_over_sequential",
    ] {
        assert!(told["ratios"][ratio].as_f64().unwrap() > 0.0, "{told}");
    }
    let (loads, runs) = counts(told, "shared", "vision");
    assert_eq!(
        (loads, counts(told, "sequential", "vision")),
        (1, (1, runs))
    );
    for apart in ["per_task", "kept"] {
        assert_eq!(counts(told, apart, "vision"), (3, 3 * runs), "{apart}");
        assert_eq!(counts(told, apart, "decoder").0, 3, "{apart}");
    }
    assert_eq!(counts(told, "shared", "decoder").0, 1);
    let tokens = |shape: &str| {
        told["shapes"][shape]["tokens"]["generated"]
            .as_u64()
            .unwrap()
    };
    // Captions are written once, not for the index once more.
    assert!(tokens("shared") < tokens("per_task"), "{told}");
    assert_eq!(tokens("kept"), tokens("per_task"));
    let picture = fs::read_to_string(place.path("reuse.svg")).unwrap();
    for title in ["per task: ", "kept: ", "sequential: ", "shared: "] {
        assert!(picture.contains(title), "{title}");
    }
}

#[test]
fn all_shapes_give_the_same_and_what_is_shared_is_loaded_and_run_once() {
    let place = Place::new();
    place.copy(&colours(), "video.mp4");
    holds(&reuse(&place, "video.mp4", "fake"), &place);
    let said = place
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
        said.stdout.contains("All shapes gave the same captions"),
        "{said}"
    );
    assert!(
        said.stdout.contains("| vision: loads, runs | 3, "),
        "{said}"
    );
}

#[test]
fn with_real_modules_too_and_that_takes_less_of_the_processor() {
    let place = Place::new().with_cache(&cache::installed());
    let bikes = cache::bikes();
    let cut = ["-i", text(&bikes), "-t", "4", "-c:v", "libx264"];
    let told = reuse(&place, text(&media::made("four.mp4", &cut)), "mini");
    holds(&told, &place);
    let cpu = |shape: &str| {
        told["shapes"][shape]["cpu_seconds"]["median"]
            .as_f64()
            .unwrap()
    };
    // It works on a third of the pictures and half of the captions.
    assert!(cpu("shared") < cpu("per_task"), "{told}");
}

#[test]
fn the_engine_is_compared_with_its_module_calls_and_the_graph_runs_alone() {
    let place = Place::new();
    place.copy(&colours(), "video.mp4");
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
    let told = place.atom(&arguments).ok().json_lines().remove(0);
    assert!(told["calls"].as_u64().unwrap() > 16, "{told}");
    for way in ["engine", "one_loop", "side_by_side"] {
        assert!(
            told[way]["wall_seconds"]["median"].as_f64().unwrap() > 0.0,
            "{told}"
        );
    }
    let sources: Vec<_> = told["graph"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["sources"])
        .collect();
    assert_eq!(sources, [1, 4, 16, 64]);
}

#[test]
fn cost_is_followed_as_each_thing_grows() {
    let place = Place::new();
    place.copy(&colours(), "video.mp4");
    let arguments = ["bench", "scale", "video.mp4", "--rounds", "1"];
    let small = ["--pack", "fake", "--segments", "1000"];
    let written = ["--svg", "scale.svg", "--json"];
    let told = place
        .atom(&[&arguments[..], &small, &written].concat())
        .ok()
        .json_lines()
        .remove(0);
    let at = |sweep: usize| -> Vec<u64> {
        let points = told["sweeps"][sweep]["points"].as_array().unwrap();
        assert!(
            points
                .iter()
                .all(|p| p["cost"]["median"].as_f64().unwrap() > 0.0),
            "{told}"
        );
        points.iter().map(|p| p["at"].as_u64().unwrap()).collect()
    };
    assert_eq!((at(0), at(1), at(2)), (vec![1, 2, 4, 8], at(0), at(0)));
    assert_eq!(at(3), [10, 30, 100, 300, 1000]);
    assert_eq!(at(4), [10, 20, 50, 100, 200, 500, 1000]);
    let sweeps = told["sweeps"].as_array().unwrap();
    let picture = fs::read_to_string(place.path("scale.svg")).unwrap();
    for sweep in sweeps {
        let (of, power) = (sweep["of"].as_str().unwrap(), &sweep["power"]);
        assert!(sweep["said"].as_str().unwrap().contains(of), "{sweep}");
        assert!(picture.contains(of) && power.is_f64(), "{sweep}");
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let place = Place::new();
    place
        .atom(&["bench", "reuse", "gone.mp4"])
        .refused(&["gone.mp4 is no file; expected a video"]);
    place.write("text.mp4", "no video");
    place
        .atom(&["bench", "reuse", "text.mp4", "--pack", "fake"])
        .refused(&["text.mp4"]);
    place
        .atom(&["bench", "reuse", "text.mp4", "--rounds", "0"])
        .refused(&["--rounds"]);
    for what in ["overhead", "scale"] {
        place
            .atom(&["bench", what, "text.mp4", "--pack", "missing"])
            .refused(&["missing"]);
    }
}
