//! A live run can be stopped at any moment without an error: nothing fails because the run stops.
//!
//! `timeout` and others send a signal to a process and to its group, so that it comes twice at the same moment; now and
//! then both were delivered, and the second one ended the program while modules ran.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{env, thread, time::Duration};

use atom_tests::{
    pack_cache,
    program::{Process, ProgramOutput, TIMEOUT, Workdir},
};

/// A live run in which every kind of request is under way at any moment, and summaries and matches are made at its end.
const PIPELINE: &str = r#"
[source.camera]
uri = "test://ball"
live = true
[node.frames]
kind = "sample"
inputs = ["camera"]
fps = 10
[node.seen]
kind = "encode"
inputs = ["frames"]
[node.scenes]
kind = "segment"
inputs = ["seen"]
length_ms = 300
[node.captions]
kind = "caption"
inputs = ["scenes"]
[node.person]
kind = "reason"
inputs = ["scenes"]
ask = "Is there a person?"
answer = "yes_no"
[node.place]
kind = "reason"
inputs = ["scenes"]
ask = "Where is it?"
answer = "choice"
options = ["inside", "outside", "on the road"]
[node.event]
kind = "reason"
inputs = ["captions"]
ask = "What happens?"
[node.minutes]
kind = "summary"
inputs = ["captions"]
[node.archive]
kind = "index"
inputs = ["scenes", "captions", "person"]
store = "live.db"
[query.ball]
text = "a white ball"
"#;

/// Parts of lines that a stop never logs. Under load a live result may be late.
const WRONG: [&str; 7] = [
    "ERROR",
    "panicked",
    "fault=model",
    "fault=panic",
    "fault=given_up",
    "fault=write",
    "no segments of the pack",
];

/// Returns the number of stops to try.
fn stops(default: u32) -> u32 {
    env::var("ATOM_STOPS").map_or(default, |stops| stops.parse().unwrap())
}

fn start(dir: &Workdir, pack: &str) -> Process {
    dir.write("live.toml", format!("pack = \"{pack}\"{PIPELINE}"));
    dir.start(&["run", "live.toml", "--json"])
}

/// Returns the lines of the log that tell of an error.
fn errors(output: &ProgramOutput) -> Vec<String> {
    let lines = output.stderr.lines();
    let wrong = lines.filter(|line| WRONG.iter().any(|wrong| line.contains(wrong)));
    wrong.map(str::to_owned).collect()
}

/// Runs the pipeline again and again, stops it each time after a while of up to `longest_ms` milliseconds, and asserts
/// that it tells of no error.
#[track_caller]
fn assert_clean_stops(
    stops: u32,
    (dir, pack): (&Workdir, &str),
    longest_ms: u64,
    stop: impl Fn(Process) -> ProgramOutput,
) {
    let mut random = fastrand::Rng::with_seed(5);
    let mut wrong = Vec::new();
    for _ in 0..stops {
        let process = start(dir, pack);
        // From the first frame on, every moment is as good as another.
        process.wait_for_stderr(|stderr| stderr.contains("live source=camera"));
        thread::sleep(Duration::from_millis(random.u64(0..longest_ms)));
        wrong.extend(errors(&stop(process)));
    }
    println!(
        "{} errors in {stops} stops with the pack {pack}",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_stop_at_any_moment_is_no_error_even_if_its_signal_comes_twice() {
    let dir = Workdir::new();
    assert_clean_stops(stops(8), (&dir, "fake"), 900, |process| {
        process.signal("INT");
        process.signal("INT");
        process.wait(TIMEOUT).ok()
    });
}

#[test]
fn a_second_ctrl_c_while_modules_run_is_no_error_of_a_model() {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    assert_clean_stops(stops(3), (&dir, "mini"), 1500, |process| {
        process.signal("INT");
        thread::sleep(Duration::from_millis(300));
        process.signal("INT");
        let output = process.wait(TIMEOUT);
        // It may have drained in time.
        assert!(matches!(output.code, Some(0 | 1)), "{output}");
        output
    });
}
