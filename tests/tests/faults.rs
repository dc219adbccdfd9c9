//! A failure is counted and reported, and the run continues. A stage that keeps failing stops the run and reports why.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use atom_tests::{
    generated_media, pipeline_text,
    program::{Process, TIMEOUT, Workdir, path_str},
    subtitle_parsers,
};
use serde_json::{Value, json};

/// Runs on three segments: red, a colour on which the fake encoder fails, and blue. Returns the report.
#[track_caller]
fn run_with_failing_segment(colour: &str) -> Value {
    let name = format!("part_{colour}.mp4");
    let video = generated_media::colours(&name, &[("red", 4.0), (colour, 4.0), ("blue", 4.0)]);
    let dir = Workdir::new();
    dir.write("three.toml", pipeline_text::built_in("three-branches"));
    let source = format!("video={}", path_str(&video));
    let run = [
        "run",
        "three.toml",
        "--json",
        "--report",
        "r.json",
        "--source",
        &source,
    ];
    let output = dir.atom(&run).warns_with(&["warning", "encode"]);
    let captions: Vec<_> = output
        .json_lines()
        .iter()
        .filter(|line| line["kind"] == "caption")
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(captions, ["A picture of red.", "A picture of blue."]);
    let report = dir.report("r.json");
    assert_eq!(report["sources"]["video"]["complete_through_ms"], 12_000);
    report
}

#[test]
fn an_encoder_error_in_one_segment_is_counted_and_the_rest_is_captioned() {
    let report = run_with_failing_segment("yellow");
    assert_eq!(report["failures"]["encode"]["model"], 1, "{report}");
}

#[test]
fn a_panic_in_a_model_thread_is_counted_and_the_rest_is_captioned() {
    let report = run_with_failing_segment("magenta");
    assert_eq!(report["failures"]["encode"]["panic"], 1, "{report}");
}

#[test]
fn a_failing_question_does_not_affect_the_captions() {
    for (ask, reason) in [("Does it fail?", "model"), ("Does it panic?", "panic")] {
        let video = generated_media::colours("faults_ok.mp4", &[("red", 4.0), ("blue", 4.0)]);
        let dir = Workdir::new();
        let nodes = pipeline_text::scenes("", "")
            + &pipeline_text::caption("captions", "scenes")
            + &pipeline_text::reason("question", "scenes", ask);
        dir.write("p.toml", nodes);
        let source = format!("video={}", path_str(&video));
        let run = [
            "run", "p.toml", "--json", "--report", "r.json", "--source", &source,
        ];
        let output = dir.atom(&run).warns_with(&["warning", "reason"]);
        assert_eq!(output.json_lines().len(), 2, "{output}");
        let report = dir.report("r.json");
        assert_eq!(report["failures"], json!({"reason": {reason: 2}}));
    }
}

#[test]
fn an_encoder_that_always_fails_stops_the_run_with_its_error() {
    for colour in ["yellow", "magenta"] {
        let name = format!("all_{colour}.mp4");
        let video = generated_media::colours(&name, &[(colour, 20.0)]);
        let dir = Workdir::new();
        let nodes = pipeline_text::scenes("fps = 5\nchange = 0", "length_ms = 4000")
            + &pipeline_text::caption("captions", "scenes");
        dir.write("p.toml", nodes);
        let source = format!("video={}", path_str(&video));
        let output = dir.start(&["run", "p.toml", "--report", "r.json", "--source", &source]);
        let output = output.wait(Duration::from_secs(30));
        let output = output.fails_with(&["error", "encoder", colour]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
        assert_eq!(dir.report("r.json")["captions"], 0);
    }
}

#[test]
fn a_decoder_that_always_fails_stops_the_run_with_its_error() {
    let video = generated_media::moving("faults_moving.mp4", 12.0, &[]);
    let dir = Workdir::new();
    let nodes = pipeline_text::scenes("", "length_ms = 1000")
        + &pipeline_text::reason("question", "scenes", "Does it fail?");
    dir.write("p.toml", nodes);
    let source = format!("video={}", path_str(&video));
    let output = dir.atom(&["run", "p.toml", "--source", &source]);
    assert_eq!(
        output.fails_with(&["error", "decoder", "fail"]).code,
        Some(1)
    );
}

#[test]
fn a_question_can_be_asked_about_captions() {
    let video = generated_media::colours("faults_ok.mp4", &[("red", 4.0), ("blue", 4.0)]);
    let dir = Workdir::new();
    let nodes = pipeline_text::scenes("", "")
        + &pipeline_text::caption("captions", "scenes")
        + &pipeline_text::reason("question", "captions", "Is it red?")
        + &pipeline_text::sink("jsonl", "question", "answers.jsonl");
    dir.write("p.toml", nodes);
    let source = format!("video={}", path_str(&video));
    dir.atom(&["run", "p.toml", "--report", "r.json", "--source", &source])
        .ok();
    let answers = atom_tests::program::json_lines(&dir.read("answers.jsonl"));
    let texts: Vec<_> = answers.iter().map(|answer| &answer["text"]).collect();
    assert_eq!(texts, ["Yes.", "No."]);
    let report = dir.report("r.json");
    assert_eq!(
        report["decoder"]["requests"],
        json!({"caption": 2, "reason": 2})
    );
    assert_eq!(report["modules"]["decoder"]["loads"], 1);
}

#[test]
fn ctrl_c_finishes_pending_work_and_leaves_complete_files() {
    let dir = Workdir::new();
    let file = pipeline_text::built_in("caption").replace("fps = 2", "fps = 60\nchange = 0");
    dir.write("p.toml", file);
    let uri = "video=test://ball?seconds=3600&fps=60";
    let process = dir.start(&["run", "p.toml", "--report", "r.json", "--source", uri]);
    process.wait_for_stdout(|stdout| stdout.lines().count() > 2);
    process.signal("INT");
    let output = process
        .wait(TIMEOUT)
        .fails_with(&["stopping", "complete through"]);
    let cues = subtitle_parsers::webvtt(&dir.read("captions.vtt"));
    let report = dir.report("r.json");
    let through = report["sources"]["video"]["complete_through_ms"]
        .as_u64()
        .unwrap();
    subtitle_parsers::assert_in_order(&cues, through);
    assert_eq!(cues.len(), output.stdout.lines().count());
    assert_eq!(report["captions"], cues.len());
    assert!(through < 3_000_000, "it did not stop: {through}");
}

#[test]
fn a_second_ctrl_c_ends_the_run_immediately() {
    let dir = Workdir::new();
    dir.write("p.toml", pipeline_text::built_in("caption"));
    let uri = "video=test://ball?seconds=86400&fps=60";
    let process = dir.start(&["run", "p.toml", "--source", uri]);
    process.wait_for_stdout(|stdout| stdout.lines().count() > 2);
    process.signal("INT");
    // Two signals at the same moment are one request.
    std::thread::sleep(Duration::from_millis(300));
    process.signal("INT");
    let output = process.wait(Duration::from_secs(20));
    assert!(matches!(output.code, Some(0 | 1)), "{output}");
}

#[test]
fn a_closed_output_pipe_is_success() {
    let dir = Workdir::new();
    dir.write("p.toml", pipeline_text::built_in("caption"));
    let errors = fs::File::create(dir.path("stderr")).unwrap();
    let mut command = dir.command();
    command
        .args([
            "run",
            "p.toml",
            "--source",
            "video=test://ball?seconds=7200",
        ])
        .stdout(Stdio::piped())
        .stderr(errors);
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let start = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > TIMEOUT {
            child.kill().unwrap();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let errors = dir.read("stderr");
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
    assert!(first.contains("A picture of"), "{first}");
}

#[test]
fn a_full_disk_stops_the_run_with_its_error() {
    let video = generated_media::colours("faults_ok.mp4", &[("red", 4.0), ("blue", 4.0)]);
    let dir = Workdir::new();
    let full = pipeline_text::built_in("caption").replace("captions.vtt", "/dev/full");
    dir.write("p.toml", full);
    let source = format!("video={}", path_str(&video));
    let process: Process = dir.start(&["run", "p.toml", "--source", &source]);
    let output = process.wait(TIMEOUT).fails_with(&["/dev/full"]);
    assert_eq!(output.code, Some(1));
}

#[test]
fn a_source_that_cannot_be_played_does_not_block_the_others() {
    let dir = Workdir::new();
    let mut file = pipeline_text::scenes("", "").replace("[source.video]\n", "");
    for (name, uri) in [
        ("one", "test://ball?seconds=8"),
        ("two", "test://no-such-pattern"),
        ("three", "test://smpte?seconds=6"),
    ] {
        file += &format!("[source.{name}]\nuri = \"{uri}\"\n");
    }
    file = file.replace("[\"video\"]", "[\"one\", \"two\", \"three\"]");
    dir.write(
        "p.toml",
        file + &pipeline_text::caption("captions", "scenes"),
    );
    let output = dir.atom(&["run", "p.toml", "--report", "r.json"]);
    assert_eq!(output.fails_with(&["no-such-pattern"]).code, Some(1));
    let sources = &dir.report("r.json")["sources"];
    let through = |name: &str| sources[name]["complete_through_ms"].clone();
    assert_eq!(["one", "two", "three"].map(through), [8000, 0, 6000]);
}
