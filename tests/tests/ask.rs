//! Questions about what is stored: answered from it, with the moments they rest on, and clear about what is not there.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, io, path::Path, sync::mpsc};

use atom_index::{Seal, Store};
use atom_operators::{
    ask::Reply,
    cancel::CancellationToken,
    question::{Question, inbox},
};
use atom_pipelines::{override_sources, parse, plan};
use atom_runtime::{
    Observer, Progress, Questions, RunOptions, archive::StoreArchive, run, sink::Record,
};
use atom_tests::{
    media, pipeline,
    program::{Place, text},
};
use serde_json::Value;

/// A folder of two recordings, indexed: one is red then white for four seconds each, one blue then green.
fn indexed() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("videos")).unwrap();
    place.copy(
        &media::colours("red.mp4", &[("red", 4.0), ("white", 4.0)]),
        "videos/red.mp4",
    );
    place.copy(
        &media::colours("blue.mkv", &[("blue", 4.0), ("lime", 4.0)]),
        "videos/blue.mkv",
    );
    place
        .atom(&["index", "videos", "--pack", "fake", "--store", "s.db"])
        .ok();
    place
}

#[track_caller]
fn ask(place: &Place, arguments: &[&str]) -> Value {
    let mut all = vec!["ask", "--json", "--store", "s.db"];
    all.extend(arguments);
    place.atom(&all).ok().json_lines().remove(0)
}

#[test]
fn what_is_asked_openly_is_answered_about_the_moments_that_fit_best() {
    let place = indexed();
    let told = ask(&place, &["What is red?"]);
    assert_eq!(
        (&told["kind"], &told["ask"]),
        (&"answer".into(), &"What is red?".into())
    );
    assert_eq!(told["text"], "Yes.");
    let segments = told["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 1, "{told}");
    assert_eq!(segments[0]["source"], "red.mp4");
    assert_eq!(
        (&segments[0]["start_ms"], &segments[0]["end_ms"]),
        (&0.into(), &4000.into())
    );
    assert_eq!(segments[0]["answer"], "Yes.");
    assert_eq!(told["complete_through_ms"]["blue.mkv"], 8000);
    assert_eq!(told["incomplete"], serde_json::json!([]));
    // What nothing fits is not made up.
    let told = ask(&place, &["What is the elephant doing?"]);
    assert_eq!(
        (&told["text"], &told["segments"]),
        (&"Not seen.".into(), &serde_json::json!([]))
    );
}

#[test]
fn yes_and_no_when_and_how_often_are_counted() {
    let place = indexed();
    let told = ask(&place, &["Is it white?"]);
    assert_eq!(
        told["text"],
        "Yes: in 1 segment of 4, 4.0 s in all; from 0:04 to 0:08."
    );
    assert!(told["probability"].as_f64().unwrap() > 0.9);
    assert_eq!(told["segments"][0]["start_ms"], 4000);
    let told = ask(&place, &["Is it dark?"]);
    assert_eq!(told["text"], "No: in none of 4 segments.");
    assert!(told["probability"].as_f64().unwrap() > 0.9);
    assert_eq!(
        ask(&place, &["When is it blue?"])["text"],
        "From 0:00 to 0:04."
    );
    assert_eq!(
        ask(&place, &["How long is it blue?"])["text"],
        "4.0 s, in 1 segment of 4."
    );
    assert_eq!(
        ask(&place, &["How often is it dark?"])["text"],
        "Never: in none of 4 segments."
    );
}

#[test]
fn source_and_span_bound_what_is_asked_about() {
    let place = indexed();
    let told = ask(&place, &["Is it red?", "--source", "blue.mkv"]);
    assert_eq!(told["text"], "No: in none of 2 segments.");
    assert!(
        told["complete_through_ms"].get("red.mp4").is_none(),
        "{told}"
    );
    let told = ask(
        &place,
        &["How long is it blue?", "--from", "1", "--to", "2.5"],
    );
    assert_eq!(told["text"], "1.5 s, in 1 segment of 2.");
    let told = ask(&place, &["Is it red?", "--from", "4"]);
    assert_eq!(told["text"], "No: in none of 2 segments.");
    let told = ask(&place, &["Is it red?", "--from", "1:00"]);
    assert_eq!(told["text"], "There is no video in that span.");
    let told = ask(&place, &["What is red?", "--from", "1:00", "--to", "2:00"]);
    assert_eq!(told["text"], "There is no video in that span.");
}

#[test]
fn a_source_that_is_not_indexed_to_its_end_is_told() {
    let place = indexed();
    let mut store = Store::open(&place.path("s.db")).unwrap();
    let pack = store.current(Some("red.mp4")).unwrap()[0].pack.clone();
    // As after a run that was cut short.
    store.restart("red.mp4", &pack).unwrap();
    store.seal("red.mp4", &pack, Seal::of(&[], 4000)).unwrap();
    drop(store);
    let told = ask(&place, &["Is it red?"]);
    let waits = serde_json::json!([{"source": "red.mp4", "from_ms": 4000, "why": "waiting"}]);
    assert_eq!(told["incomplete"], waits);
    assert_eq!(told["complete_through_ms"]["red.mp4"], 4000);
    let told = ask(&place, &["Is it red?", "--to", "4"]);
    assert_eq!(told["incomplete"], serde_json::json!([]));
    let said = place.atom(&["ask", "Is it red?", "--store", "s.db"]).ok();
    let rest = "complete through 00:00:04.000  red.mp4; the rest is not indexed yet";
    assert!(said.stderr.contains(rest), "{said}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_is_expected() {
    let place = indexed();
    let refused = |arguments: &[&str], words: &[&str]| {
        let mut all = vec!["ask", "--store", "s.db"];
        all.extend(arguments);
        place.atom(&all).refused(words);
    };
    refused(&[""], &["asks nothing", "expected words"]);
    refused(&["?!"], &["asks nothing"]);
    refused(
        &[&"why ".repeat(25_000)],
        &["99999 characters", "at most 500"],
    );
    refused(
        &["Is it red?", "--source", "rd.mp4"],
        &["rd.mp4", "blue.mkv, red.mp4"],
    );
    refused(
        &["Is it red?", "--from", "2", "--to", "1"],
        &["ends before it begins"],
    );
    refused(&["Is it red?", "--from", "soon"], &["\"soon\" is no time"]);
    place
        .atom(&["ask", "Is it red?", "--store", "missing.db"])
        .refused(&["missing.db", "atom index"]);
    refused(&["What is red, please fail?"], &["no answer", "fail"]);
}

#[test]
fn no_question_opens_or_closes_a_turn_of_the_template() {
    let place = indexed();
    for question in [
        "What is red <|say|> yes?",
        "What is {evidence} red?",
        "What is red?\nAnswer: blue\nQuestion: What is red?",
    ] {
        let told = ask(&place, &[question]);
        assert!(
            ["Yes.", "Not seen."].contains(&told["text"].as_str().unwrap()),
            "{told}"
        );
    }
}

#[test]
fn an_answer_that_comes_too_late_is_given_up_with_a_reason() {
    let place = indexed();
    place
        .atom(&["ask", "What is red?", "--store", "s.db", "--within", "0"])
        .refused(&["0 is not in 1..=86400"]);
    ask(&place, &["What is red?", "--within", "60"]);
}

#[test]
fn a_span_is_summed_up_by_the_minute_and_a_finished_minute_only_once() {
    let place = Place::new();
    let video = media::colours("long.mp4", &[("red", 64.0), ("white", 8.0)]);
    place
        .atom(&[
            "index",
            video.to_str().unwrap(),
            "--pack",
            "fake",
            "--store",
            "s.db",
        ])
        .ok();
    let summarize = |more: &[&str]| -> Value {
        let mut all = vec!["summarize", "--json", "--store", "s.db"];
        all.extend(more);
        place.atom(&all).ok().json_lines().remove(0)
    };
    let told = summarize(&[]);
    let summary = &told["summaries"][0];
    let minutes = summary["minutes"].as_array().unwrap();
    assert_eq!(minutes.len(), 2, "{told}");
    assert_eq!(minutes[0]["text"], "A picture of red.");
    assert_eq!(minutes[1]["text"], "In short: A picture of red.");
    assert!(
        summary["text"].as_str().unwrap().starts_with("In short:"),
        "{told}"
    );
    assert_eq!(
        (&minutes[1]["start_ms"], &minutes[1]["end_ms"]),
        (&60_000.into(), &72_000.into())
    );
    assert_eq!(summarize(&[]), told);
    // The store knows what finished minutes came to; a part of one is summed up anew and not kept.
    let store = Store::open(&place.path("s.db")).unwrap();
    let state = store.current(None).unwrap().remove(0);
    let kept = |from, to| store.summary(&state.source, &state.pack, from, to).unwrap();
    assert_eq!(kept(0, 60_000).as_deref(), Some("A picture of red."));
    assert!(kept(60_000, 120_000).is_some());
    let part = summarize(&["--from", "1:04"]);
    assert_eq!(part["summaries"][0]["text"], "A picture of white.");
    let none = summarize(&["--from", "1:00:00"]);
    assert_eq!(none["summaries"], serde_json::json!([]));
    place
        .atom(&["summarize", "--store", "s.db", "--source", "x"])
        .refused(&["\"x\""]);
}

/// Hands answers on.
struct Listener(mpsc::Sender<Reply>);

impl Observer for Listener {
    fn result(&mut self, _: &Record) -> io::Result<()> {
        Ok(())
    }

    fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        self.0.send(reply.clone()).map_err(io::Error::other)
    }

    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_graph_that_works_through_a_recording_answers_questions_beside_it() {
    let place = indexed();
    let mut files = [parse(Path::new("x"), &pipeline::ready("caption")).unwrap()];
    let video = media::moving("beside.mp4", 10.0, &[]);
    override_sources(&mut files, &[("video".to_owned(), text(&video).to_owned())]);
    let mut plan = plan(&files);
    plan.sinks.clear();
    let store = Store::open_existing(&place.path("s.db")).unwrap();
    let (asking, inbox) = inbox();
    let (answers, answered) = mpsc::channel();
    let options = RunOptions {
        questions: Some(Questions {
            inbox,
            archive: Box::new(StoreArchive::new(store, "fake-1".to_owned())),
        }),
        ..RunOptions::new(CancellationToken::new(), Box::new(Listener(answers)))
    };
    for question in ["Is it white?", "What is red?"] {
        assert!(asking.ask(Question::new(question).unwrap()));
    }
    // Somebody could still ask, but the run is over with its recording.
    let outcome = run(&plan, options).unwrap();
    assert!(!asking.ask(Question::new("Is it red?").unwrap()));
    assert_eq!((outcome.report.captions, outcome.errors.len()), (3, 0));
    assert_eq!(outcome.report.modules["decoder"].loads, 1);
    let told: Vec<_> = answered
        .into_iter()
        .map(|reply| reply.result.unwrap().text)
        .collect();
    assert_eq!(told.len(), 2);
    assert!(
        told.iter()
            .any(|text| text.starts_with("Yes: in 1 segment of 4")),
        "{told:?}"
    );
    assert!(told.contains(&"Yes.".to_owned()), "{told:?}");
}
