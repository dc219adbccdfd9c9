//! The examples of the crates run with the pack `fake`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

use atom_tests::program::program;

#[test]
fn the_caption_example_prints_a_line_for_each_segment() {
    let example = program().with_file_name("examples").join("caption");
    let mut command = Command::new(&example);
    let output = command.args(["test://ball", "fake"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.lines().all(|line| line.contains(" ms: ")), "{text}");
}
