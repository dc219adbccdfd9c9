//! A small dataset for `atom eval`, and its evaluation.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    generated_media,
    program::{ProgramOutput, Workdir},
};

/// Generates an image of one colour.
///
/// # Panics
/// ffmpeg is missing or fails.
pub fn image(colour: &str) -> PathBuf {
    let name = format!("{colour}.png");
    generated_media::colours_with(&name, &[(colour, 1.0)], 1, &["-frames:v", "1"])
}

/// Creates a folder `dataset` with a red image, a blue clip in a subfolder, and a file that has no captions.
///
/// # Panics
/// A file cannot be written.
pub fn dataset() -> Workdir {
    let dir = Workdir::new();
    fs::create_dir_all(dir.path("dataset/clips")).expect("the temporary folder can be written");
    dir.copy(&image("red"), "dataset/red.png");
    let blue = generated_media::colours("blue.mp4", &[("blue", 2.0)]);
    dir.copy(&blue, "dataset/clips/blue.mp4");
    dir.write("dataset/notes.txt", "not in the dataset");
    write_captions(
        &dir,
        &json!([
            {"file": "red.png", "captions": ["a picture of Red", "Something red"], "licence": "none"},
            {"file": "./clips/blue.mp4", "captions": ["A picture of blue!", "Who knows?"]},
        ]),
    );
    dir
}

/// Replaces the captions of the dataset.
pub fn write_captions(dir: &Workdir, entries: &Value) {
    dir.write("dataset/captions.json", entries.to_string());
}

/// Runs `atom eval caption` or `atom eval retrieval` on the dataset, with the fake pack and more arguments.
#[track_caller]
pub fn evaluate(dir: &Workdir, task: &str, arguments: &[&str]) -> ProgramOutput {
    let mut all = vec!["eval", task, "dataset", "--pack", "fake"];
    all.extend(arguments);
    dir.atom(&all)
}
