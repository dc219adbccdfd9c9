//! The pages in `docs/reference/` and the drawings in `docs/images/` that are made from the code are up to date.
//!
//! `UPDATE_GOLDEN=1` writes them anew.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{env, fs};

use atom_tests::{
    docs::{drawings, reference_pages},
    program::workspace,
};

const HOW: &str = "is not what the code says; run this test with UPDATE_GOLDEN=1";

fn updating() -> bool {
    env::var_os("UPDATE_GOLDEN").is_some_and(|set| set == "1")
}

#[track_caller]
fn assert_page(path: &str, text: &str) {
    let file = workspace().join(path);
    if updating() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let mut lines = found.lines().zip(text.lines());
    let first = lines.find(|(found, expected)| found != expected);
    assert!(found == text, "{path} {HOW}\nfirst difference: {first:#?}");
}

#[track_caller]
fn assert_drawing(path: &str, graph: &str) {
    let file = workspace().join(path);
    if updating() {
        fs::write(&file, drawings::rendered(graph)).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found.starts_with(&drawings::comment(graph)), "{path} {HOW}");
}

#[test]
fn the_page_of_pipeline_keys_is_what_the_program_explains() {
    assert_page(
        "docs/reference/pipeline-files.md",
        &reference_pages::pipeline_keys(),
    );
}

#[test]
fn the_page_of_commands_is_the_help_of_the_program() {
    assert_page("docs/reference/commands.md", &reference_pages::commands());
}

#[test]
fn the_page_of_metrics_is_what_the_program_declares() {
    assert_page("docs/reference/metrics.md", &reference_pages::metrics());
}

#[test]
fn the_drawings_of_crates_and_of_a_pipeline_are_those_of_the_code() {
    assert_drawing("docs/images/crates.svg", &drawings::crates());
    let pipeline = drawings::pipeline("three-branches");
    assert_drawing("docs/images/three-branches.svg", &pipeline);
}
