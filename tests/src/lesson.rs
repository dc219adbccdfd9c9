//! Makes a small data folder for the training of the pack `mini`, and trains from it.
//!
//! Ten pictures to learn from and two to measure on, each a box on a ground, and forty groups of captions without
//! pictures. The words are ones that labels and classes of the picture nets lead to, and come often enough.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    cache, media,
    program::{Place, Running, Said, workspace},
};

const THINGS: [&str; 4] = ["book", "kite", "clock", "ball"];
const GROUNDS: [&str; 3] = ["table", "grass", "wall"];
const COLOURS: [&str; 4] = ["red", "blue", "green", "white"];
/// Longest training; two steps of the adapter may take minutes on a busy machine.
const BOUND: Duration = Duration::from_secs(900);

/// The Python of the training: `ATOM_TRAIN_PYTHON`, or that of the environment in which the pack was built.
///
/// # Panics
/// If it is not there.
pub fn python() -> PathBuf {
    let python = env::var_os("ATOM_TRAIN_PYTHON").map_or_else(
        || cache::installed().join("build/mini/bin/python"),
        PathBuf::from,
    );
    assert!(
        python.is_file(),
        "there is no {}: run `make setup`, or set ATOM_TRAIN_PYTHON to the Python of an environment with \
         models/packs/mini/train/requirements.txt",
        python.display()
    );
    python
}

/// A folder with `data` and `labels.txt`.
pub fn lesson() -> Place {
    let place = Place::new();
    for folder in ["data/images", "data/text"] {
        fs::create_dir_all(place.path(folder)).expect("the temporary folder can be written");
    }
    let pairs: Vec<Value> = (0..12).map(|number| pair(&place, number)).collect();
    place.write("data/images/pairs.json", Value::from(pairs).to_string());
    let groups: String = (0..40)
        .map(|number| format!("{}\n", group(number)))
        .collect();
    place.write("data/text/groups.jsonl", groups);
    let named = ["book", "analog clock, clock", "kite"].map(str::to_owned);
    let others = (3..1000).map(|number| format!("label {number}"));
    let labels: Vec<String> = named.into_iter().chain(others).collect();
    place.write("labels.txt", labels.join("\n"));
    place
}

/// Draws a picture and tells of it.
fn pair(place: &Place, number: usize) -> Value {
    let file = format!("{number}.png");
    let (ground, colour) = (
        ["brown", "darkgreen", "gray"][number % 3],
        COLOURS[number / 2 % 4],
    );
    let (x, width) = (20 + 5 * number, 30 + 15 * (number % 4));
    let drawing = format!(
        "color=c={ground}:s=160x120:r=1:d=1,drawbox=x={x}:y=20:w={width}:h=60:color={colour}:t=fill"
    );
    let made = media::made(&file, &["-f", "lavfi", "-i", &drawing, "-frames:v", "1"]);
    place.copy(&made, &format!("data/images/{file}"));
    let captions = captions(number, number / 2, "");
    let split = if number < 10 { "train" } else { "tune" };
    let origin = ["flickr8k_train", "coco_train2017"][number % 2];
    json!({"file": file, "split": split, "origin": origin, "captions": captions})
}

/// Captions of a picture that is not there; they begin in their own way, for a group that repeats a pair is left out.
fn group(number: usize) -> Value {
    let origin = if number.is_multiple_of(3) {
        "flickr30k"
    } else {
        "coco_val2017"
    };
    json!({"origin": origin, "captions": captions(number / 2, number, "Here: ")})
}

fn captions(thing: usize, colour: usize, opening: &str) -> [String; 5] {
    let (ground, thing, colour) = (GROUNDS[thing % 3], THINGS[thing % 4], COLOURS[colour % 4]);
    [
        format!("{opening}A {colour} {thing} lies on the {ground} ."),
        format!("{opening}There is a {colour} {thing} near a {ground} ."),
        format!("{opening}The {thing} on the {ground} is {colour} ."),
        format!("{opening}Someone left a {colour} {thing} on the {ground} ."),
        format!("{opening}A picture of a {thing} and a {ground} ."),
    ]
}

/// Trains from `data` into `work` and `out`, with the installed parts and more arguments.
#[track_caller]
pub fn taught(place: &Place, arguments: &[&str]) -> Said {
    let parts = cache::installed().join("parts/mini");
    taught_with(place, &parts, arguments)
}

/// Like [`taught`], with other parts. Words count as often from 2 pictures and 6 captions on.
#[track_caller]
pub fn taught_with(place: &Place, parts: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(python());
    command
        .current_dir(place.path(""))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(workspace().join("models/packs/mini/train/train.py"))
        .arg("--parts")
        .arg(parts)
        .args([
            "--data",
            "data",
            "--labels",
            "labels.txt",
            "--work",
            "work",
            "--export",
            "out",
        ])
        .args(["--least-pictures", "2", "--least-captions", "6"])
        .args(arguments);
    Running::start(command).wait(BOUND)
}

/// What a few lines of Python print about the lesson's results, as JSON.
#[track_caller]
pub fn asked(place: &Place, code: &str) -> Value {
    let mut command = Command::new(python());
    command.current_dir(place.path("")).args(["-c", code]);
    Running::start(command)
        .wait(BOUND)
        .ok()
        .json_lines()
        .remove(0)
}

/// Whether the adapter can be taught too.
pub fn torch() -> bool {
    let asked = Command::new(python()).args(["-c", "import torch"]).output();
    asked.is_ok_and(|output| output.status.success())
}
