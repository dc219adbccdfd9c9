//! Evaluations measure what they promise, over exactly the frames that they promise, and refuse what would falsify them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use atom::source::spread;
use atom_tests::{
    counter::{self, Counter},
    frames::frames,
    media,
    program::{Place, Said, text},
};
use serde_json::{Value, json};

/// A picture of one colour.
fn picture(colour: &str) -> std::path::PathBuf {
    let name = format!("{colour}.png");
    media::colours_with(&name, &[(colour, 1.0)], 1, &["-frames:v", "1"])
}

/// A folder `exam` with a red picture, a blue clip in a folder of its own, and a file that is not in the list.
fn exam() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("exam/clips")).unwrap();
    place.copy(&picture("red"), "exam/red.png");
    let blue = media::colours("blue.mp4", &[("blue", 2.0)]);
    place.copy(&blue, "exam/clips/blue.mp4");
    place.write("exam/notes.txt", "not for the exam");
    list(
        &place,
        &json!([
            {"file": "red.png", "captions": ["a picture of Red", "Something red"], "licence": "none"},
            {"file": "./clips/blue.mp4", "captions": ["A picture of blue!", "Who knows?"]},
        ]),
    );
    place
}

fn list(place: &Place, entries: &Value) {
    place.write("exam/captions.json", entries.to_string());
}

#[track_caller]
fn held(place: &Place, exam: &str, arguments: &[&str]) -> Said {
    let mut all = vec!["eval", exam, "exam", "--pack", "fake"];
    all.extend(arguments);
    place.atom(&all)
}

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
    let looked = spread(&video, counter::SIZE, 8, &Arc::default()).unwrap();
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

/// Both exams; they must be refused in these words, without a summary.
#[track_caller]
fn refused(place: &Place, arguments: &[&str], words: &[&str]) {
    for exam in ["caption", "retrieval"] {
        let said = held(place, exam, arguments).refused(words);
        assert_eq!(said.code, Some(1), "{said}");
        assert!(!said.stdout.contains("intervals"), "{said}");
    }
}

#[test]
fn folders_and_lists_that_are_none() {
    let place = Place::new();
    refused(
        &place,
        &[],
        &["exam", "does not exist", "expected a folder"],
    );
    place.write("exam", "no folder");
    refused(&place, &[], &["exam", "no folder", "captions.json"]);
    fs::remove_file(place.path("exam")).unwrap();
    fs::create_dir(place.path("exam")).unwrap();
    let shape = "[{\"file\":";
    refused(&place, &[], &["captions.json", "does not exist", shape]);
    for (wrong, words) in [
        ("[{\"file\": ", "no JSON"),
        ("{\"dog.jpg\": []}", "an object, not a list"),
        ("[]", "names no file"),
    ] {
        place.write("exam/captions.json", wrong);
        refused(&place, &[], &["captions.json", words, shape]);
    }
}

#[test]
fn everything_that_is_wrong_with_a_list_is_told_at_once_before_a_pack_is_opened() {
    let place = exam();
    place.write("secret.png", "x");
    place.write("exam/empty.png", "");
    list(
        &place,
        &json!([
            {"file": "none.png", "captions": ["a"]},
            {"file": "../secret.png", "captions": ["a"]},
            {"file": text(&place.path("exam/red.png")), "captions": ["a"]},
            {"file": "red.png", "captions": []},
            {"file": "./red.png", "captions": ["a", " "]},
            {"file": "clips", "captions": ["a", 3]},
            {"captions": ["a"]},
            {"file": 7, "captions": "a"},
            "red.png",
            {"file": "empty.png"},
            {"file": "clips/blue.mp4", "captions": ["\u{72ac}"]},
        ]),
    );
    let words = [
        "15 problems",
        "entry 1 (\"none.png\"): there is no such file",
        "entry 2 (\"../secret.png\"): it leads out of the folder",
        "entry 3 (",
        "entry 4 (\"red.png\"): it has no captions",
        "entry 5 (\"./red.png\"): entry 4 has the same file",
        "entry 5 (\"./red.png\"): caption 2 is empty",
        "entry 6 (\"clips\"): it is a folder",
        "entry 6 (\"clips\"): caption 2 is a number",
        "entry 7: it has no \"file\"",
        "entry 8: \"file\" is a number",
        "entry 8: \"captions\" is a text",
        "entry 9 is a text",
        "entry 10 (\"empty.png\"): it is empty",
        "entry 10 (\"empty.png\"): it has no captions",
        "entry 11 (\"clips/blue.mp4\"): caption 1",
    ];
    for pack in ["fake", "no-such-pack"] {
        let said = place.atom(&["eval", "caption", "exam", "--pack", pack]);
        assert_eq!(said.refused(&words).code, Some(1));
    }
}

/// The exam with another file in the place of the red picture.
fn with(content: impl AsRef<[u8]>) -> Place {
    let place = exam();
    place.write("exam/red.png", content);
    place
}

#[test]
fn files_that_cannot_be_played_are_named() {
    for content in [
        b"no picture at all".as_slice(),
        &[0x89, b'P', b'N', b'G'],
        &[7; 5000],
    ] {
        refused(
            &with(content),
            &["--json"],
            &["error", "\"red.png\"", "captions.json"],
        );
    }
    let sound = media::made("sound.mp4", &["-f", "lavfi", "-i", "sine=d=2"]);
    refused(&with(fs::read(sound).unwrap()), &[], &["\"red.png\""]);
}

#[test]
fn a_picture_that_is_cut_short_is_refused() {
    let options = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=160x120:d=1:r=1",
        "-frames:v",
        "1",
    ];
    let whole = fs::read(media::made("whole.jpg", &options)).unwrap();
    held(&with(&whole), "caption", &[]).ok();
    refused(
        &with(&whole[..whole.len() / 2]),
        &[],
        &["\"red.png\"", "cut short"],
    );
}

#[test]
fn a_clip_that_is_cut_short_is_told() {
    let whole = media::moving("front.mp4", 8.0, &["-movflags", "+faststart", "-g", "5"]);
    let whole = fs::read(whole).unwrap();
    let place = with(&whole[..whole.len() / 2]);
    for exam in ["caption", "retrieval"] {
        held(&place, exam, &[]).warned(&["warning: red.png:", "cut short"]);
    }
}

#[test]
fn a_module_that_fails_is_told_with_its_file() {
    let yellow = fs::read(picture("yellow")).unwrap();
    refused(
        &with(yellow),
        &[],
        &["vision encoder", "\"red.png\"", "yellow"],
    );
}

#[test]
fn sentences_that_are_captions_of_the_exam_are_found_before_it() {
    let place = exam();
    place.write(
        "memory.txt",
        "a picture\n\nSOMETHING   red...\nwho knows\nwho knows that\n",
    );
    let words = [
        "2 of 4",
        "line 3",
        "SOMETHING",
        "\"red.png\"",
        "line 4",
        "blue.mp4",
    ];
    refused(&place, &["--check-leak", "memory.txt"], &words);
    place.write("memory.txt", "a picture\nwho knows that\n");
    let said = held(&place, "caption", &["--json", "--check-leak", "memory.txt"]);
    let said = said.warned(&["compared 2 sentences of memory.txt"]);
    assert_eq!(said.json_lines().len(), 3);
    refused(
        &place,
        &["--check-leak", "none.txt"],
        &["none.txt", "one sentence a line"],
    );
}

#[test]
fn results_never_write_over_what_is_read() {
    let place = exam();
    place.write("memory.txt", "a\n");
    for output in ["exam/captions.json", "exam/clips/../red.png", "memory.txt"] {
        let before = fs::read(place.path(output)).unwrap();
        let arguments = ["--check-leak", "memory.txt", "-o", output];
        refused(&place, &arguments, &[output, "another name"]);
        assert_eq!(fs::read(place.path(output)).unwrap(), before);
    }
    for output in ["exam", "none/out.jsonl"] {
        refused(
            &place,
            &["--output", output],
            &["cannot write the results", output],
        );
    }
}

#[test]
fn a_pack_that_is_not_installed_is_named() {
    let place = exam();
    let said = place.atom(&["eval", "caption", "exam", "--pack", "none"]);
    assert_eq!(said.refused(&["\"none\"", "not installed"]).code, Some(1));
}

#[test]
fn wrong_usage_is_told_with_exit_code_2() {
    let place = exam();
    for arguments in [
        &["eval"][..],
        &["eval", "caption"],
        &["eval", "captions", "exam"],
        &["eval", "caption", "exam", "--check-leak"],
        &["eval", "retrieval", "exam", "more"],
    ] {
        assert_eq!(place.atom(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn an_exam_that_is_stopped_tells_no_measure() {
    let place = exam();
    let long = media::moving("long.mp4", 320.0, &["-g", "50"]);
    place.copy(Path::new(&long), "exam/long.mp4");
    let entries: Vec<_> = ["clips/blue.mp4", "long.mp4"]
        .map(|file| json!({"file": file, "captions": ["a"]}))
        .into();
    list(&place, &entries.into());
    let running = place.start(&["eval", "caption", "exam", "--pack", "fake", "--json"]);
    running.until(|stdout| stdout.contains("blue.mp4"));
    running.signal("INT");
    let said = running.wait(atom_tests::program::BOUND);
    let said = said.refused(&["stopped at \"long.mp4\"", "1 of 2 files"]);
    assert!(!said.stdout.contains("intervals"), "{said}");
}
