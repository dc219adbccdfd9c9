//! Evaluations measure what they promise, over exactly the frames that they promise.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;

use atom_media::evenly_spaced_frames;
use atom_tests::{
    counter::{self, Counter},
    exam::{exam, held},
    frames::frames,
    program::text,
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
fn near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!(
        (value - expected).abs() < 1e-6,
        "{value}, expected {expected}"
    );
}

#[test]
fn captions_are_scored_against_what_people_say() {
    let said = held(&exam(), "caption", &["--json"]).warned(&[
        "note: files of exam",
        "left out: 1",
        "notes.txt",
    ]);
    let mut lines = said.json_lines();
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
    // One of two references says the same. Of the other only "red" is said, one of two words of equal weight, by a
    // sentence of two more pairs of words.
    let red = (10.0 + 10.0 / 4.0 / 2f64.sqrt() * (-4.0 / 72f64).exp()) / 2.0;
    near(&lines[0]["cider_d"], red);
    near(&lines[1]["cider_d"], 5.0);
    near(&summary["cider_d"], (red + 5.0) / 2.0);
    near(&summary["bleu_4"], 1.0);
    near(&summary["rouge_l"], 1.0);
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
    near(&interval[0], 5.0);
    near(&interval[1], red);
}

#[test]
fn a_caption_is_the_one_that_the_file_gets_outside_the_exam() {
    let place = exam();
    let lines = held(&place, "caption", &["--json"]).ok().json_lines();
    for line in &lines[..2] {
        let file = place.path("exam").join(line["file"].as_str().unwrap());
        let said = place.atom(&[
            "caption",
            text(&file),
            "--pack",
            "fake",
            "--format",
            "jsonl",
        ]);
        assert_eq!(said.ok().json_lines()[0]["text"], line["caption"]);
    }
}

#[test]
fn queries_are_ranked_among_all_files_with_ties_against_them() {
    let lines = held(&exam(), "retrieval", &["--json"]).ok().json_lines();
    let (summary, lines) = lines.split_last().unwrap();
    let ranks: Vec<_> = lines
        .iter()
        .map(|line| (&line["caption"], &line["rank"]))
        .collect();
    let expected = [
        (&json!("a picture of Red"), &json!(1)),
        (&json!("Something red"), &json!(1)),
        (&json!("A picture of blue!"), &json!(1)),
        // It names no colour, so both files score the same.
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
        near(&summary[key], value);
        let interval = &summary["intervals"][key];
        let bound = |at: usize| interval[at].as_f64().unwrap();
        assert!(bound(0) <= value && value <= bound(1), "{key}: {interval}");
    }
    assert_eq!((&summary["n"], &summary["queries"]), (&json!(2), &json!(4)));
}

#[test]
fn the_output_holds_the_lines_and_a_second_exam_gives_the_same() {
    let place = exam();
    for exam in ["caption", "retrieval"] {
        let printed = held(&place, exam, &["--json", "-o", "lines.jsonl"]).ok();
        let (lines, summary) = printed.stdout.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(place.read("lines.jsonl").trim_end(), lines);
        let again = held(&place, exam, &["--json"]).ok();
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
fn without_json_a_person_reads_the_measures_and_the_file_holds_the_lines() {
    let place = exam();
    let said = held(&place, "caption", &["-o", "captions.jsonl"]).ok();
    for words in [
        "2 files",
        "pack fake 1",
        "CIDEr-D",
        "BLEU-4",
        "ROUGE-L",
        "95 %",
        "ms a file",
    ] {
        assert!(said.stdout.contains(words), "no {words:?}\n{said}");
    }
    assert!(!said.stdout.contains('{'), "{said}");
    assert_eq!(place.read("captions.jsonl").lines().count(), 2);
    let said = held(&place, "retrieval", &[]).ok();
    for words in [
        "2 files, 4 queries",
        "R@1",
        "R@5",
        "R@10",
        "median rank",
        "MRR",
    ] {
        assert!(said.stdout.contains(words), "no {words:?}\n{said}");
    }
}

/// The numbers of the frames that are looked at of a video with so many, and whether the run's source gives the same
/// pictures.
fn looked_at(count: usize) -> Vec<usize> {
    let video = Counter {
        name: "counter.mp4",
        rate: "25",
        frames: count,
        changes: &[count / 2],
        options: &[],
    }
    .make();
    let looked = evenly_spaced_frames(
        &video,
        counter::SIZE,
        8,
        &atom_operators::cancel::CancellationToken::new(),
    )
    .unwrap();
    assert_eq!(looked.warnings, [] as [&str; 0]);
    let (all, _, _) = frames(&video, counter::SIZE);
    assert_eq!(all.len(), count);
    let numbers: Vec<_> = looked.images.iter().map(counter::number).collect();
    for (number, image) in numbers.iter().zip(&looked.images) {
        assert_eq!(*image, *all[*number].1, "frame {number} of {count}");
    }
    numbers
}

#[test]
fn eight_frames_evenly_spread_are_looked_at_as_a_run_gives_them() {
    assert_eq!(looked_at(200), [12, 37, 62, 87, 112, 137, 162, 187]);
    assert_eq!(looked_at(9), [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(looked_at(8), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(looked_at(5), [0, 1, 2, 3, 4]);
    assert_eq!(looked_at(1), [0]);
}
