//! A failure is a value: it is counted and told, and the run goes on; what always fails ends the run with its reason.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use atom_tests::{
    media, pipeline,
    program::{BOUND, Place, Running, text},
    subtitles,
};
use serde_json::{Value, json};

/// Red, then a colour on which the fake encoder fails, then blue, in a segment each.
#[track_caller]
fn with_a_bad_part(colour: &str) -> Value {
    let name = format!("part_{colour}.mp4");
    let video = media::colours(&name, &[("red", 4.0), (colour, 4.0), ("blue", 4.0)]);
    let place = Place::new();
    place.write("three.toml", pipeline::ready("three-branches"));
    let source = format!("video={}", text(&video));
    let run = [
        "run",
        "three.toml",
        "--json",
        "--report",
        "r.json",
        "--source",
        &source,
    ];
    let said = place.atom(&run).warned(&["warning", "encode"]);
    let captions: Vec<_> = said
        .json_lines()
        .iter()
        .filter(|line| line["kind"] == "caption")
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(captions, ["A picture of red.", "A picture of blue."]);
    let report = place.report("r.json");
    assert_eq!(report["sources"]["video"]["complete_through_ms"], 12_000);
    report
}

#[test]
fn an_encoder_that_errs_on_one_part_is_counted_and_the_rest_is_captioned() {
    let report = with_a_bad_part("yellow");
    assert_eq!(report["failures"]["encode"]["model"], 1, "{report}");
}

#[test]
fn a_model_thread_that_panics_is_counted_and_the_rest_is_captioned() {
    let report = with_a_bad_part("magenta");
    assert_eq!(report["failures"]["encode"]["panic"], 1, "{report}");
}

#[test]
fn a_question_that_fails_does_not_touch_the_captions() {
    for (ask, reason) in [("Does it fail?", "model"), ("Does it panic?", "panic")] {
        let video = media::colours("faults_ok.mp4", &[("red", 4.0), ("blue", 4.0)]);
        let place = Place::new();
        let nodes = pipeline::scenes("", "")
            + &pipeline::caption("captions", "scenes")
            + &pipeline::reason("question", "scenes", ask);
        place.write("p.toml", nodes);
        let source = format!("video={}", text(&video));
        let run = [
            "run", "p.toml", "--json", "--report", "r.json", "--source", &source,
        ];
        let said = place.atom(&run).warned(&["warning", "reason"]);
        assert_eq!(said.json_lines().len(), 2, "{said}");
        let report = place.report("r.json");
        assert_eq!(report["failures"], json!({"reason": {reason: 2}}));
    }
}

#[test]
fn an_encoder_that_always_fails_ends_the_run_with_its_reason() {
    for colour in ["yellow", "magenta"] {
        let name = format!("all_{colour}.mp4");
        let video = media::colours(&name, &[(colour, 20.0)]);
        let place = Place::new();
        let nodes = pipeline::scenes("fps = 5\nchange = 0", "length_ms = 4000")
            + &pipeline::caption("captions", "scenes");
        place.write("p.toml", nodes);
        let source = format!("video={}", text(&video));
        let said = place.start(&["run", "p.toml", "--report", "r.json", "--source", &source]);
        let said = said.wait(Duration::from_secs(30));
        let said = said.refused(&["error", "encoder", colour]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
        assert_eq!(place.report("r.json")["captions"], 0);
    }
}

#[test]
fn a_decoder_that_always_fails_ends_the_run_with_its_reason() {
    let video = media::moving("faults_moving.mp4", 12.0, &[]);
    let place = Place::new();
    let nodes = pipeline::scenes("", "length_ms = 1000")
        + &pipeline::reason("question", "scenes", "Does it fail?");
    place.write("p.toml", nodes);
    let source = format!("video={}", text(&video));
    let said = place.atom(&["run", "p.toml", "--source", &source]);
    assert_eq!(said.refused(&["error", "decoder", "fail"]).code, Some(1));
}

#[test]
fn a_question_may_be_asked_about_captions() {
    let video = media::colours("faults_ok.mp4", &[("red", 4.0), ("blue", 4.0)]);
    let place = Place::new();
    let nodes = pipeline::scenes("", "")
        + &pipeline::caption("captions", "scenes")
        + &pipeline::reason("question", "captions", "Is it red?")
        + &pipeline::sink("jsonl", "question", "answers.jsonl");
    place.write("p.toml", nodes);
    let source = format!("video={}", text(&video));
    place
        .atom(&["run", "p.toml", "--report", "r.json", "--source", &source])
        .ok();
    let answers = atom_tests::program::json_lines(&place.read("answers.jsonl"));
    let texts: Vec<_> = answers.iter().map(|answer| &answer["text"]).collect();
    assert_eq!(texts, ["Yes.", "No."]);
    let report = place.report("r.json");
    assert_eq!(
        report["decoder"]["requests"],
        json!({"caption": 2, "reason": 2})
    );
    assert_eq!(report["modules"]["decoder"]["loads"], 1);
}

#[test]
fn ctrl_c_finishes_what_is_under_way_and_leaves_whole_files() {
    let place = Place::new();
    let file = pipeline::ready("caption").replace("fps = 2", "fps = 60\nchange = 0");
    place.write("p.toml", file);
    let uri = "video=test://ball?seconds=3600&fps=60";
    let running = place.start(&["run", "p.toml", "--report", "r.json", "--source", uri]);
    running.until(|stdout| stdout.lines().count() > 2);
    running.signal("INT");
    let said = running
        .wait(BOUND)
        .refused(&["stopping", "complete through"]);
    let cues = subtitles::webvtt(&place.read("captions.vtt"));
    let report = place.report("r.json");
    let through = report["sources"]["video"]["complete_through_ms"]
        .as_u64()
        .unwrap();
    subtitles::in_order(&cues, through);
    assert_eq!(cues.len(), said.stdout.lines().count());
    assert_eq!(report["captions"], cues.len());
    assert!(through < 3_000_000, "it did not stop: {through}");
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let place = Place::new();
    place.write("p.toml", pipeline::ready("caption"));
    let uri = "video=test://ball?seconds=86400&fps=60";
    let running = place.start(&["run", "p.toml", "--source", uri]);
    running.until(|stdout| stdout.lines().count() > 2);
    running.signal("INT");
    running.signal("INT");
    let said = running.wait(Duration::from_secs(20));
    assert!(matches!(said.code, Some(0 | 1)), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_success() {
    let place = Place::new();
    place.write("p.toml", pipeline::ready("caption"));
    let errors = fs::File::create(place.path("stderr")).unwrap();
    let mut command = place.command();
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
    let begun = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > BOUND {
            child.kill().unwrap();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let errors = place.read("stderr");
    assert_eq!((status.code(), errors.as_str()), (Some(0), ""));
    assert!(first.contains("A picture of"), "{first}");
}

#[test]
fn a_disk_that_is_full_ends_the_run_with_its_reason() {
    let video = media::colours("faults_ok.mp4", &[("red", 4.0), ("blue", 4.0)]);
    let place = Place::new();
    let full = pipeline::ready("caption").replace("captions.vtt", "/dev/full");
    place.write("p.toml", full);
    let source = format!("video={}", text(&video));
    let running: Running = place.start(&["run", "p.toml", "--source", &source]);
    let said = running.wait(BOUND).refused(&["/dev/full"]);
    assert_eq!(said.code, Some(1));
}

#[test]
fn one_source_of_three_that_cannot_be_played_does_not_hold_back_the_others() {
    let place = Place::new();
    let mut file = pipeline::scenes("", "").replace("[source.video]\n", "");
    for (name, uri) in [
        ("one", "test://ball?seconds=8"),
        ("two", "test://no-such-pattern"),
        ("three", "test://smpte?seconds=6"),
    ] {
        file += &format!("[source.{name}]\nuri = \"{uri}\"\n");
    }
    file = file.replace("[\"video\"]", "[\"one\", \"two\", \"three\"]");
    place.write("p.toml", file + &pipeline::caption("captions", "scenes"));
    let said = place.atom(&["run", "p.toml", "--report", "r.json"]);
    assert_eq!(said.refused(&["no-such-pattern"]).code, Some(1));
    let sources = &place.report("r.json")["sources"];
    let through = |name: &str| sources[name]["complete_through_ms"].clone();
    assert_eq!(["one", "two", "three"].map(through), [8000, 0, 6000]);
}
