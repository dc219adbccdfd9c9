//! The examples of the crates run and print what their documentation says.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

use atom_tests::{
    generated_media,
    program::{Process, TIMEOUT, path_str, program},
};

/// Runs an example, which `cargo test` builds next to the program, and returns its stdout.
#[track_caller]
fn example(name: &str, arguments: &[&str]) -> String {
    let path = program().with_file_name("examples").join(name);
    assert!(path.is_file(), "no example {name:?}: run `make test`");
    let mut command = Command::new(path);
    command.args(arguments);
    Process::start(command).wait(TIMEOUT).ok().stdout
}

#[test]
fn a_custom_operator_measures_the_motion_of_each_second() {
    assert_eq!(
        example("custom_operator", &[]),
        "second 0: motion 0.00\nsecond 1: motion 0.75\n"
    );
}

#[test]
fn frames_of_a_file_are_printed_once_a_second() {
    let video = generated_media::moving("frames.mp4", 3.0, &[]);
    let lines = example("frames", &[path_str(&video)]);
    let frames = lines.lines().filter(|line| line.ends_with("320x180"));
    assert_eq!(frames.count(), 3, "{lines}");
}

#[test]
fn an_index_is_searched_and_says_how_far_it_is_complete() {
    let lines = example("search", &[]);
    assert!(lines.contains("door.mp4: a red ball"), "{lines}");
    assert!(
        lines.ends_with("door.mp4 is complete through 8000 ms\n"),
        "{lines}"
    );
}

#[test]
fn an_embedding_program_prints_the_captions_of_a_video() {
    let video = generated_media::colours("example.mp4", &[("red", 4.0), ("blue", 4.0)]);
    let lines = example("caption", &[path_str(&video), "fake"]);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.starts_with("0 - 4000 ms: "), "{lines}");
}
