//! Answers of every form: free, yes or no, and one of several; and what of their prompts is computed once.
#![allow(clippy::unwrap_used, missing_docs)]

use atom_tests::{
    media, pipeline,
    program::{Place, text},
};
use serde_json::{Value, json};

/// Four questions about each segment of one video, three of them for the decoder; its lines of JSON and the report.
fn ask() -> (Vec<Value>, Value) {
    let place = Place::new();
    let scenes = pipeline::scenes("fps = 2", "length_ms = 4000");
    let free = pipeline::reason("free", "scenes", "Is it red?");
    let sure = pipeline::reason("sure", "scenes", "Is it red?") + "answer = \"yes_no\"\n";
    let choice = |name, options| {
        let reason = pipeline::reason(name, "scenes", "Is it red?");
        format!("{reason}answer = \"choice\"\noptions = {options}\n")
    };
    let two = choice("two", r#"["Yes", "No"]"#);
    let three = choice("three", r#"["Yes", "No", "No idea"]"#);
    place.write("a.toml", format!("{scenes}{free}{sure}{two}{three}"));
    let source = format!("video={}", text(&media::moving("answers.mp4", 10.0, &[])));
    let run = [
        "run", "a.toml", "--json", "--report", "r.json", "--source", &source,
    ];
    let lines = place.atom(&run).ok().json_lines();
    (lines, place.report("r.json"))
}

#[test]
fn a_constrained_answer_is_one_of_its_options_with_a_probability() {
    let (lines, report) = ask();
    let of = |node: &str| -> Vec<Value> {
        let mine = lines.iter().filter(|line| line["node"] == node);
        mine.cloned().collect()
    };
    let free = of("free");
    assert_eq!((free.len(), lines.len()), (3, 12), "{lines:?}");
    for (at, free) in free.iter().enumerate() {
        assert!(free.get("probability").is_none(), "{free}");
        let word = free["text"].as_str().unwrap().trim_end_matches('.');
        for told in ["sure", "two", "three"].map(|node| of(node)[at].clone()) {
            assert_eq!(told["text"], word);
            let probability = told["probability"].as_f64().unwrap();
            assert!((0.9..=1.0).contains(&probability), "{told}");
        }
    }
    // Yes or no is the text encoder's business.
    assert_eq!(report["decoder"]["requests"], json!({"reason": 9}));
}

#[test]
fn what_the_prompts_of_a_segment_share_is_computed_once() {
    let tokens = &ask().1["decoder"]["tokens"]["reason"];
    let count = |key: &str| tokens[key].as_u64().unwrap();
    // The three prompts of a segment differ in nothing; two words are left to each.
    assert!(
        count("reused") >= 2 * (count("prefilled") - 2 * 9),
        "{tokens}"
    );
}

#[test]
fn answers_that_are_no_choice_are_refused_before_anything_starts() {
    for (more, expected) in [
        ("answer = \"choice\"\n", "2 to 16 answers to choose from"),
        (
            "answer = \"choice\"\noptions = [\"a\", \"a\"]\n",
            "no two are alike",
        ),
        ("options = [\"a\", \"b\"]\n", "answer = \"choice\""),
        ("answer = \"maybe\"\n", "yes_no"),
    ] {
        let place = Place::new();
        let scenes = pipeline::scenes("fps = 2", "length_ms = 4000");
        let reason = pipeline::reason("asked", "scenes", "Is it red?");
        place.write("a.toml", format!("{scenes}{reason}{more}"));
        place.atom(&["check", "a.toml"]).refused(&[expected]);
    }
}
