//! Random and damaged input to everything that reads text of others: pipeline files, manifests, file names, subtitles' texts,
//! stored rows.
//!
//! Inputs are those of `tests/corpus/` and of the repository, with random edits. What once failed is added to the corpus, which
//! is tried as it is before anything random. `ATOM_FUZZ_FACTOR` multiplies the number of random inputs.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{env, fs, path::Path};

use atom_tests::program::workspace;
use proptest::prelude::ProptestConfig;

#[path = "fuzz/edited_text.rs"]
mod edited_text;
#[path = "fuzz/file_names.rs"]
mod file_names;
#[path = "fuzz/manifests.rs"]
mod manifests;
#[path = "fuzz/pipeline_files.rs"]
mod pipeline_files;
#[path = "fuzz/stored_rows.rs"]
mod stored_rows;
#[path = "fuzz/subtitles.rs"]
mod subtitles;

/// Returns the settings of a property test with this many cases, or as many times more as the environment asks for.
fn cases(usual: u32) -> ProptestConfig {
    let factor = env::var("ATOM_FUZZ_FACTOR").ok();
    let factor: u32 = factor.map_or(1, |factor| factor.parse().expect("a whole number"));
    ProptestConfig {
        cases: usual * factor,
        // What fails is printed, and belongs in the corpus, where it can be read.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Returns the texts of the files in a folder of the corpus.
fn corpus(folder: &str) -> Vec<String> {
    texts(&workspace().join("tests/corpus").join(folder))
}

/// Returns the texts of the files in a folder.
fn texts(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let texts: Vec<_> = paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert!(!texts.is_empty(), "{} is empty", folder.display());
    texts
}
