//! `atom eval` computes the documented measures over the documented frames.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;

use atom_media::evenly_spaced_frames;
use atom_tests::{
    eval_dataset::{dataset, evaluate},
    numbered_video::{self, NumberedVideo},
    playback::play_all,
    program::path_str,
};
use serde_json::{Value, json};

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[track_caller]
fn assert_near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!(
        (value - expected).abs() < 1e-6,
        "{value}, expected {expected}"
    );
}

#[test]
fn captions_are_scored_against_the_references() {
    let output = evaluate(&dataset(), "caption", &["--json"]).warns_with(&[
        "note: ignoring 1 file",
        "captions.json",
        "dataset/notes.txt",
    ]);
    let mut lines = output.json_lines();
    let summary = lines.pop().unwrap();
    let captions: Vec<_> = lines
        .iter()
        .map(|line| (&line["file"], &line["caption"]))
        .collect();
    let expected = [
        (&json!("red.png"), &json!("A picture of red.")),
        (&json!("./clips/blue.mp4"), &json!("A picture of blue.")),
    ];
    assert_eq!(captions, expected);
    // One of two references is the caption itself. Of the other, the caption has only "red", one of two words with equal
    // weight, and it has two bigrams more.
    let red = (10.0 + 10.0 / 4.0 / 2f64.sqrt() * (-4.0 / 72f64).exp()) / 2.0;
    assert_near(&lines[0]["cider_d"], red);
    assert_near(&lines[1]["cider_d"], 5.0);
    assert_near(&summary["cider_d"], (red + 5.0) / 2.0);
    assert_near(&summary["bleu_4"], 1.0);
    assert_near(&summary["rouge_l"], 1.0);
    assert_eq!(
        keys(&summary),
        BTreeSet::from([
            "n",
            "cider_d",
            "bleu_4",
            "rouge_l",
            "intervals",
            "ms_per_file",
            "ms_per_file_p95",
            "ms_look",
            "ms_look_p95",
            "ms_caption",
            "ms_caption_p95",
            "pack",
            "version",
        ])
    );
    assert_eq!(summary["n"], 2);
    assert_eq!(
        (&summary["pack"], &summary["version"]),
        (&json!("fake"), &json!("1"))
    );
    let interval = &summary["intervals"]["cider_d"];
    assert_near(&interval[0], 5.0);
    assert_near(&interval[1], red);
}

#[test]
fn a_caption_equals_that_of_the_command_caption() {
    let dir = dataset();
    let lines = evaluate(&dir, "caption", &["--json"]).ok().json_lines();
    for line in &lines[..2] {
        let file = dir.path("dataset").join(line["file"].as_str().unwrap());
        let output = dir.atom(&[
            "caption",
            path_str(&file),
            "--pack",
            "fake",
            "--format",
            "jsonl",
        ]);
        assert_eq!(output.ok().json_lines()[0]["text"], line["caption"]);
    }
}

#[test]
fn queries_are_ranked_among_all_files_and_ties_count_against_them() {
    let lines = evaluate(&dataset(), "retrieval", &["--json"])
        .ok()
        .json_lines();
    let (summary, lines) = lines.split_last().unwrap();
    let ranks: Vec<_> = lines
        .iter()
        .map(|line| (&line["caption"], &line["rank"]))
        .collect();
    let expected = [
        (&json!("a picture of Red"), &json!(1)),
        (&json!("Something red"), &json!(1)),
        (&json!("A picture of blue!"), &json!(1)),
        // It names no colour, so both files have the same score.
        (&json!("Who knows?"), &json!(2)),
    ];
    assert_eq!(ranks, expected);
    assert_eq!(keys(&lines[0]), BTreeSet::from(["file", "caption", "rank"]));
    for (key, value) in [
        ("r_at_1", 0.75),
        ("r_at_5", 1.0),
        ("r_at_10", 1.0),
        ("median_rank", 1.0),
        ("mrr", 0.875),
    ] {
        assert_near(&summary[key], value);
        let interval = &summary["intervals"][key];
        let bound = |at: usize| interval[at].as_f64().unwrap();
        assert!(bound(0) <= value && value <= bound(1), "{key}: {interval}");
    }
    assert_eq!((&summary["n"], &summary["queries"]), (&json!(2), &json!(4)));
}

#[test]
fn the_output_file_has_the_lines_and_a_second_evaluation_is_identical() {
    let dir = dataset();
    for task in ["caption", "retrieval"] {
        let printed = evaluate(&dir, task, &["--json", "-o", "lines.jsonl"]).ok();
        let (lines, summary) = printed.stdout.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(dir.read("lines.jsonl").trim_end(), lines);
        let again = evaluate(&dir, task, &["--json"]).ok();
        let (same, other) = again.stdout.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(same, lines);
        let [summary, other] = [summary, other].map(|summary| {
            let mut summary: Value = serde_json::from_str(summary).unwrap();
            summary
                .as_object_mut()
                .unwrap()
                .retain(|key, _| !key.starts_with("ms_"));
            summary
        });
        assert_eq!(summary, other);
    }
}

#[test]
fn without_json_the_measures_are_printed_as_text() {
    let dir = dataset();
    let output = evaluate(&dir, "caption", &["-o", "captions.jsonl"]).ok();
    for words in [
        "2 files",
        "pack fake 1",
        "CIDEr-D",
        "BLEU-4",
        "ROUGE-L",
        "95 %",
        "ms per file",
    ] {
        assert!(output.stdout.contains(words), "no {words:?}\n{output}");
    }
    assert!(!output.stdout.contains('{'), "{output}");
    assert_eq!(dir.read("captions.jsonl").lines().count(), 2);
    let output = evaluate(&dir, "retrieval", &[]).ok();
    for words in [
        "2 files, 4 queries",
        "R@1",
        "R@5",
        "R@10",
        "median rank",
        "MRR",
    ] {
        assert!(output.stdout.contains(words), "no {words:?}\n{output}");
    }
}

/// Returns the numbers of the frames that are evaluated of a video with `count` frames. Asserts that they equal the frames
/// of a complete playback.
fn evaluated_frames(count: usize) -> Vec<usize> {
    let video = NumberedVideo {
        name: "counter.mp4",
        rate: "25",
        frames: count,
        changes: &[count / 2],
        options: &[],
    }
    .generate();
    let sampled = evenly_spaced_frames(
        &video,
        numbered_video::SIZE,
        8,
        &atom_operators::cancel::CancellationToken::new(),
    )
    .unwrap();
    assert_eq!(sampled.warnings, [] as [&str; 0]);
    let all = play_all(&video, numbered_video::SIZE).frames;
    assert_eq!(all.len(), count);
    let numbers: Vec<_> = sampled
        .frames
        .iter()
        .map(|frame| numbered_video::read_number(&frame.image))
        .collect();
    for (number, frame) in numbers.iter().zip(&sampled.frames) {
        assert_eq!(frame.image, *all[*number].1, "frame {number} of {count}");
    }
    numbers
}

#[test]
fn eight_evenly_spaced_frames_are_evaluated() {
    assert_eq!(evaluated_frames(200), [12, 37, 62, 87, 112, 137, 162, 187]);
    assert_eq!(evaluated_frames(9), [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(evaluated_frames(8), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(evaluated_frames(5), [0, 1, 2, 3, 4]);
    assert_eq!(evaluated_frames(1), [0]);
}
