//! Answers of every form (free, yes or no, and a choice), and the reuse of common prompt prefixes.
#![allow(clippy::unwrap_used, missing_docs)]

use atom_tests::{
    generated_media, pipeline_text,
    program::{Workdir, path_str},
};
use serde_json::{Value, json};

/// Asks four questions about each segment of a video, three of them to the decoder. Returns the JSON lines and the report.
fn ask() -> (Vec<Value>, Value) {
    let dir = Workdir::new();
    let scenes = pipeline_text::scenes("fps = 2", "length_ms = 4000");
    let free = pipeline_text::reason("free", "scenes", "Is it red?");
    let sure = pipeline_text::reason("sure", "scenes", "Is it red?") + "answer = \"yes_no\"\n";
    let choice = |name, options| {
        let reason = pipeline_text::reason(name, "scenes", "Is it red?");
        format!("{reason}answer = \"choice\"\noptions = {options}\n")
    };
    let two = choice("two", r#"["Yes", "No"]"#);
    let three = choice("three", r#"["Yes", "No", "No idea"]"#);
    dir.write("a.toml", format!("{scenes}{free}{sure}{two}{three}"));
    let source = format!(
        "video={}",
        path_str(&generated_media::moving("answers.mp4", 10.0, &[]))
    );
    let run = [
        "run", "a.toml", "--json", "--report", "r.json", "--source", &source,
    ];
    let lines = dir.atom(&run).ok().json_lines();
    (lines, dir.report("r.json"))
}

#[test]
fn a_constrained_answer_is_one_of_its_options_with_a_probability() {
    let (lines, report) = ask();
    let of = |node: &str| -> Vec<Value> {
        let of_node = lines.iter().filter(|line| line["node"] == node);
        of_node.cloned().collect()
    };
    let free = of("free");
    assert_eq!((free.len(), lines.len()), (3, 12), "{lines:?}");
    for (at, free) in free.iter().enumerate() {
        assert!(free.get("probability").is_none(), "{free}");
        let word = free["text"].as_str().unwrap().trim_end_matches('.');
        for answer in ["sure", "two", "three"].map(|node| of(node)[at].clone()) {
            assert_eq!(answer["text"], word);
            let probability = answer["probability"].as_f64().unwrap();
            assert!((0.9..=1.0).contains(&probability), "{answer}");
        }
    }
    // The text encoder answers yes-or-no questions.
    assert_eq!(report["decoder"]["requests"], json!({"reason": 9}));
}

#[test]
fn the_common_prefix_of_the_prompts_of_a_segment_is_computed_once() {
    let tokens = &ask().1["decoder"]["tokens"]["reason"];
    let count = |key: &str| tokens[key].as_u64().unwrap();
    // The three prompts of a segment are equal; each still computes its last two tokens.
    assert!(
        count("reused") >= 2 * (count("prefilled") - 2 * 9),
        "{tokens}"
    );
}

#[test]
fn invalid_answer_settings_are_rejected_before_the_run_starts() {
    for (more, expected) in [
        ("answer = \"choice\"\n", "2 to 16 answers to choose from"),
        (
            "answer = \"choice\"\noptions = [\"a\", \"a\"]\n",
            "different answers",
        ),
        ("options = [\"a\", \"b\"]\n", "answer = \"choice\""),
        ("answer = \"maybe\"\n", "yes_no"),
    ] {
        let dir = Workdir::new();
        let scenes = pipeline_text::scenes("fps = 2", "length_ms = 4000");
        let reason = pipeline_text::reason("asked", "scenes", "Is it red?");
        dir.write("a.toml", format!("{scenes}{reason}{more}"));
        dir.atom(&["check", "a.toml"]).fails_with(&[expected]);
    }
}
