//! Makes a small folder for `atom eval`, and holds exams over it.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    media,
    program::{Place, Said},
};

/// A picture of one colour.
///
/// # Panics
/// If ffmpeg is absent or fails.
pub fn picture(colour: &str) -> PathBuf {
    let name = format!("{colour}.png");
    media::colours_with(&name, &[(colour, 1.0)], 1, &["-frames:v", "1"])
}

/// A folder `exam` with a red picture, a blue clip in a folder of its own, and a file that is not in the list.
///
/// # Panics
/// If it cannot be made.
pub fn exam() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("exam/clips")).expect("the temporary folder can be written");
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

/// Replaces the list of the exam.
pub fn list(place: &Place, entries: &Value) {
    place.write("exam/captions.json", entries.to_string());
}

/// Holds `caption` or `retrieval` with the fake pack and more arguments.
#[track_caller]
pub fn held(place: &Place, exam: &str, arguments: &[&str]) -> Said {
    let mut all = vec!["eval", exam, "exam", "--pack", "fake"];
    all.extend(arguments);
    place.atom(&all)
}
