//! A small dataset for the training of the pack `mini`, and its training.
//!
//! It has ten images for training and two for validation, each with a box on a background; the features of thirty more, of which
//! twenty are frames of ten films; and forty groups of captions without images. Its words occur often enough to be learned.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    generated_media, pack_cache,
    program::{Process, ProgramOutput, Workdir, workspace},
};

const THINGS: [&str; 4] = ["book", "kite", "clock", "ball"];
const GROUNDS: [&str; 3] = ["table", "grass", "wall"];
const COLOURS: [&str; 4] = ["red", "blue", "green", "white"];
/// Writes `data/features`: features that follow from thing and background, with captions like those of the images.
const FEATURES: &str = r#"
import json, numpy, pathlib
folder, scales = pathlib.Path("data/features"), {}
folder.mkdir()
things, grounds, colours = ["book", "kite", "clock", "ball"], ["table", "grass", "wall"], ["red", "blue", "green", "white"]
records, rows = [], []
for number in range(20):
    thing, ground, colour = things[number % 4], grounds[number % 3], colours[number // 2 % 4]
    captions = [f"a {colour} {thing} is lying on the {ground}", f"one {thing} lies there on a {ground}", f"the {colour} {thing} number {number}"]
    for frame in range(1 + number % 2):
        records.append({"name": f"{number}_{frame}", "split": "train" if number < 16 else "tune", "origin": ["coco_train2017", "msrvtt_train"][number % 2],
                        "group": f"scene/{number}"} | ({} if frame else {"captions": captions}))
        rows.append((number % 4, number % 3))
(folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
for name, width in {"pooled": 1280, "detector": 1280, "classes": 80, "shapes": 160}.items():
    numpy.save(folder / f"{name}.npy", numpy.array([numpy.roll(numpy.r_[:width] % 251, 7 * a + 31 * b) for a, b in rows], "u1"))
    scales |= {f"{name}.step": numpy.full(width, 0.01, "f4"), f"{name}.low": numpy.zeros(width, "f4")}
numpy.savez(folder / "scales.npz", **scales)
print("null")
"#;
/// The longest training: two steps of the adapter may take minutes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Returns the Python interpreter of the training: `ATOM_TRAIN_PYTHON`, or that of the environment in which the pack was
/// built.
///
/// # Panics
/// The interpreter does not exist.
pub fn python() -> PathBuf {
    let python = env::var_os("ATOM_TRAIN_PYTHON").map_or_else(
        || pack_cache::installed().join("build/mini/bin/python"),
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

/// Creates a folder with `data` and `labels.txt`.
pub fn dataset() -> Workdir {
    let dir = Workdir::new();
    for folder in ["data/images", "data/text"] {
        fs::create_dir_all(dir.path(folder)).expect("the temporary folder can be written");
    }
    let pairs: Vec<Value> = (0..12)
        .map(|number| image_with_captions(&dir, number))
        .collect();
    dir.write("data/images/pairs.json", Value::from(pairs).to_string());
    let groups: String = (0..40)
        .map(|number| format!("{}\n", caption_group(number)))
        .collect();
    dir.write("data/text/groups.jsonl", groups);
    run_python(&dir, FEATURES);
    let used = ["book", "analog clock, clock", "kite"].map(str::to_owned);
    let others = (3..1000).map(|number| format!("label {number}"));
    let labels: Vec<String> = used.into_iter().chain(others).collect();
    dir.write("labels.txt", labels.join("\n"));
    dir
}

/// Draws an image and returns its entry in the list of images.
fn image_with_captions(dir: &Workdir, number: usize) -> Value {
    let file = format!("{number}.png");
    let (ground, colour) = (
        ["brown", "darkgreen", "gray"][number % 3],
        COLOURS[number / 2 % 4],
    );
    let (x, width) = (20 + 5 * number, 30 + 15 * (number % 4));
    let drawing = format!(
        "color=c={ground}:s=160x120:r=1:d=1,drawbox=x={x}:y=20:w={width}:h=60:color={colour}:t=fill"
    );
    let image =
        generated_media::generate(&file, &["-f", "lavfi", "-i", &drawing, "-frames:v", "1"]);
    dir.copy(&image, &format!("data/images/{file}"));
    let captions = captions(number, number / 2, "");
    let split = if number < 10 { "train" } else { "tune" };
    let origin = ["flickr8k_train", "coco_train2017"][number % 2];
    json!({"file": file, "split": split, "origin": origin, "captions": captions})
}

/// Returns captions without an image. They have their own beginning, because a group that repeats the captions of an image
/// is ignored.
fn caption_group(number: usize) -> Value {
    let origin = if number.is_multiple_of(3) {
        "flickr30k"
    } else {
        "coco_val2017"
    };
    json!({"origin": origin, "captions": captions(number / 2, number, "today ")})
}

fn captions(thing: usize, colour: usize, opening: &str) -> [String; 5] {
    let (ground, thing, colour) = (GROUNDS[thing % 3], THINGS[thing % 4], COLOURS[colour % 4]);
    [
        format!("{opening}a {colour} {thing} lies on the {ground} ."),
        format!("{opening}a {thing} that is {colour} near a {ground} ."),
        format!("{opening}the {thing} on the {ground} is {colour} ."),
        format!("{opening}someone left a {colour} {thing} on the {ground} ."),
        format!("{opening}a picture of a {thing} and a {ground} ."),
    ]
}

/// Trains from `data` into `work` and `out`, with the installed parts and more arguments.
#[track_caller]
pub fn train(dir: &Workdir, arguments: &[&str]) -> ProgramOutput {
    let parts = pack_cache::installed().join("parts/mini");
    train_with_parts(dir, &parts, arguments)
}

/// Like [`train`], with other parts. A word is learned if it occurs in at least 2 images or films.
#[track_caller]
pub fn train_with_parts(dir: &Workdir, parts: &Path, arguments: &[&str]) -> ProgramOutput {
    let mut command = Command::new(python());
    command
        .current_dir(dir.path(""))
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
        .args(["--least-scenes", "2", "--least-class", "2"])
        .args(arguments);
    Process::start(command).wait(TIMEOUT)
}

/// Runs Python code that inspects the results of the training, and returns its output as JSON.
#[track_caller]
pub fn run_python(dir: &Workdir, code: &str) -> Value {
    let mut command = Command::new(python());
    command.current_dir(dir.path("")).args(["-c", code]);
    Process::start(command)
        .wait(TIMEOUT)
        .ok()
        .json_lines()
        .remove(0)
}

/// Returns true if PyTorch is installed, which the training of the heads and of the adapter needs.
pub fn has_torch() -> bool {
    let output = Command::new(python()).args(["-c", "import torch"]).output();
    output.is_ok_and(|output| output.status.success())
}
