//! Input that would distort an evaluation is rejected with a message that names it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_tests::{
    eval_dataset::{dataset, evaluate, image, write_captions},
    generated_media,
    program::{Workdir, path_str},
};
use serde_json::json;

/// Asserts that both evaluations fail with these words and print no summary.
#[track_caller]
fn assert_rejected(dir: &Workdir, arguments: &[&str], words: &[&str]) {
    for task in ["caption", "retrieval"] {
        let output = evaluate(dir, task, arguments).fails_with(words);
        assert_eq!(output.code, Some(1), "{output}");
        assert!(!output.stdout.contains("intervals"), "{output}");
    }
}

#[test]
fn missing_and_malformed_datasets_are_rejected() {
    let dir = Workdir::new();
    assert_rejected(
        &dir,
        &[],
        &["dataset", "does not exist", "expected a folder"],
    );
    dir.write("dataset", "no folder");
    assert_rejected(&dir, &[], &["dataset", "not a folder", "captions.json"]);
    fs::remove_file(dir.path("dataset")).unwrap();
    fs::create_dir(dir.path("dataset")).unwrap();
    let shape = "[{\"file\":";
    assert_rejected(&dir, &[], &["captions.json", "does not exist", shape]);
    for (wrong, words) in [
        ("[{\"file\": ", "not JSON"),
        ("{\"dog.jpg\": []}", "an object, not a list"),
        ("[]", "lists no files"),
    ] {
        dir.write("dataset/captions.json", wrong);
        assert_rejected(&dir, &[], &["captions.json", words, shape]);
    }
}

#[test]
fn all_problems_of_a_dataset_are_reported_together_before_a_pack_is_opened() {
    let dir = dataset();
    dir.write("secret.png", "x");
    dir.write("dataset/empty.png", "");
    write_captions(
        &dir,
        &json!([
            {"file": "none.png", "captions": ["a"]},
            {"file": "../secret.png", "captions": ["a"]},
            {"file": path_str(&dir.path("dataset/red.png")), "captions": ["a"]},
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
        "entry 2 (\"../secret.png\"): it is outside the folder",
        "entry 3 (",
        "entry 4 (\"red.png\"): it has no captions",
        "entry 5 (\"./red.png\"): entry 4 has the same file",
        "entry 5 (\"./red.png\"): caption 2 is empty",
        "entry 6 (\"clips\"): it is a folder",
        "entry 6 (\"clips\"): caption 2 is a number",
        "entry 7: it has no \"file\"",
        "entry 8: \"file\" is a number",
        "entry 8: \"captions\" is a string",
        "entry 9 is a string",
        "entry 10 (\"empty.png\"): it is empty",
        "entry 10 (\"empty.png\"): it has no captions",
        "entry 11 (\"clips/blue.mp4\"): caption 1",
    ];
    for pack in ["fake", "no-such-pack"] {
        let output = dir.atom(&["eval", "caption", "dataset", "--pack", pack]);
        assert_eq!(output.fails_with(&words).code, Some(1));
    }
}

/// Creates a dataset with other content in the red image.
fn dataset_with_red(content: impl AsRef<[u8]>) -> Workdir {
    let dir = dataset();
    dir.write("dataset/red.png", content);
    dir
}

#[test]
fn files_that_cannot_be_decoded_are_reported() {
    for content in [
        b"no image at all".as_slice(),
        &[0x89, b'P', b'N', b'G'],
        &[7; 5000],
    ] {
        assert_rejected(
            &dataset_with_red(content),
            &["--json"],
            &["error", "\"red.png\"", "captions.json"],
        );
    }
    let sound = generated_media::generate("sound.mp4", &["-f", "lavfi", "-i", "sine=d=2"]);
    assert_rejected(
        &dataset_with_red(fs::read(sound).unwrap()),
        &[],
        &["\"red.png\""],
    );
}

#[test]
fn a_truncated_image_is_rejected() {
    let options = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=160x120:d=1:r=1",
        "-frames:v",
        "1",
    ];
    let whole = fs::read(generated_media::generate("whole.jpg", &options)).unwrap();
    evaluate(&dataset_with_red(&whole), "caption", &[]).ok();
    assert_rejected(
        &dataset_with_red(&whole[..whole.len() / 2]),
        &[],
        &["\"red.png\"", "truncated"],
    );
}

#[test]
fn a_truncated_clip_is_reported() {
    let whole = generated_media::moving("front.mp4", 8.0, &["-movflags", "+faststart", "-g", "5"]);
    let whole = fs::read(whole).unwrap();
    let dir = dataset_with_red(&whole[..whole.len() / 2]);
    for task in ["caption", "retrieval"] {
        evaluate(&dir, task, &[]).warns_with(&["warning: red.png:", "truncated"]);
    }
}

#[test]
fn a_failing_model_is_reported_with_the_file() {
    let yellow = fs::read(image("yellow")).unwrap();
    assert_rejected(
        &dataset_with_red(yellow),
        &[],
        &["vision encoder", "\"red.png\"", "yellow"],
    );
}

#[test]
fn training_sentences_that_equal_a_reference_are_rejected() {
    let dir = dataset();
    dir.write(
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
    assert_rejected(&dir, &["--check-leak=memory.txt"], &words);
    dir.write("memory.txt", "a picture\nwho knows that\n");
    let output = evaluate(&dir, "caption", &["--json", "--check-leak=memory.txt"]);
    let output = output.warns_with(&["compared 2 sentences of memory.txt"]);
    assert_eq!(output.json_lines().len(), 3);
    assert_rejected(
        &dir,
        &["--check-leak=none.txt"],
        &["none.txt", "one sentence per line"],
    );
}

#[test]
fn the_output_never_overwrites_an_input() {
    let dir = dataset();
    dir.write("memory.txt", "a\n");
    for path in [
        "dataset/captions.json",
        "dataset/clips/../red.png",
        "memory.txt",
    ] {
        let before = fs::read(dir.path(path)).unwrap();
        let arguments = ["--check-leak=memory.txt", "-o", path];
        assert_rejected(&dir, &arguments, &[path, "another file"]);
        assert_eq!(fs::read(dir.path(path)).unwrap(), before);
    }
    for path in ["dataset", "none/out.jsonl"] {
        assert_rejected(
            &dir,
            &["--output", path],
            &["cannot write the results", path],
        );
    }
}

#[test]
fn a_pack_that_is_not_installed_is_reported() {
    let dir = dataset();
    let output = dir.atom(&["eval", "caption", "dataset", "--pack", "none"]);
    assert_eq!(
        output.fails_with(&["\"none\"", "not installed"]).code,
        Some(1)
    );
}

#[test]
fn wrong_usage_has_exit_code_2() {
    let dir = dataset();
    for arguments in [
        &["eval"][..],
        &["eval", "caption"],
        &["eval", "captions", "dataset"],
        &["eval", "caption", "dataset", "--check-leek"],
        &["eval", "retrieval", "dataset", "more"],
    ] {
        assert_eq!(dir.atom(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn a_stopped_evaluation_prints_no_measures() {
    let dir = dataset();
    let long = generated_media::moving("long.mp4", 320.0, &["-g", "50"]);
    dir.copy(&long, "dataset/long.mp4");
    let entries: Vec<_> = ["clips/blue.mp4", "long.mp4"]
        .map(|file| json!({"file": file, "captions": ["a"]}))
        .into();
    write_captions(&dir, &entries.into());
    let process = dir.start(&["eval", "caption", "dataset", "--pack", "fake", "--json"]);
    process.wait_for_stdout(|stdout| stdout.contains("blue.mp4"));
    process.signal("INT");
    let output = process.wait(atom_tests::program::TIMEOUT);
    let output = output.fails_with(&["stopped at \"long.mp4\"", "1 of 2 files"]);
    assert!(!output.stdout.contains("intervals"), "{output}");
}
