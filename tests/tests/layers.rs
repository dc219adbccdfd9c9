//! The layers of the workspace: which crate may use which, which file may name which outside crate, and no import cycle
//! between the files of a crate.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use atom_tests::{
    imports::Imports,
    program::workspace,
    rust_files::{crates, in_workspace, metadata, paths},
};

/// The crates in order; each uses only crates before it.
const LAYERS: [&str; 11] = [
    "atom-models",
    "atom-operators",
    "atom-pipelines",
    "atom-media",
    "atom-index",
    "atom-runtime",
    "atom-server",
    "atom-lab",
    "atom",
    "atom-camera",
    "atom-tests",
];

/// Pairs of crates that do not use each other in spite of their order.
const APART: [(&str, &str); 2] = [("atom-index", "atom-media"), ("atom-camera", "atom")];

/// Outside crates, and the files or folders that may name each.
const MAY_NAME: [(&str, &[&str]); 20] = [
    ("ort", &["models/src/runtime/session/"]),
    ("timely", &["operators/", "engine/runtime/", "engine/lab/"]),
    ("differential_dataflow", &["operators/"]),
    ("gstreamer", &["engine/media/", "tests/camera/"]),
    ("gio", &["engine/media/"]),
    ("rcgen", &["tests/camera/"]),
    ("rustls", &["tests/camera/"]),
    ("prometheus", &["engine/runtime/src/metrics.rs"]),
    ("axum", &["engine/server/"]),
    ("tokio", &["engine/server/"]),
    ("tokio_io_timeout", &["engine/server/src/connections.rs"]),
    ("hyper", &["engine/server/src/connections.rs"]),
    ("hyper_util", &["engine/server/src/connections.rs"]),
    (
        "rlimit",
        &[
            "engine/cli/src/descriptor_limit.rs",
            "tests/tests/http_connections.rs",
        ],
    ),
    ("rusqlite", &["engine/index/", "tests/tests/health.rs"]),
    ("plotters", &["engine/lab/", "engine/cli/"]),
    ("anyhow", &["engine/cli/", "tests/camera/"]),
    (
        "cargo_metadata",
        &["tests/src/rust_files.rs", "tests/src/docs/drawings.rs"],
    ),
    ("syn", &["tests/"]),
    (
        "crossbeam",
        &[
            "operators/",
            "engine/media/",
            "engine/runtime/",
            "engine/lab/",
            "tests/",
        ],
    ),
];

#[test]
fn a_crate_uses_only_crates_before_it() {
    let place = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let packages = metadata().packages;
    assert_eq!(packages.len(), LAYERS.len());
    for package in packages {
        let own = place(&package.name).expect("every crate of the workspace has a layer");
        for dependency in &package.dependencies {
            let before = place(&dependency.name).is_none_or(|other| other < own);
            let apart = APART.contains(&(package.name.as_str(), dependency.name.as_str()));
            assert!(
                before && !apart,
                "{} uses {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn every_version_is_in_the_workspace_manifest() {
    let mut wrong = Vec::new();
    for member in members() {
        let manifest = fs::read_to_string(member.join("Cargo.toml")).unwrap();
        let mut dependencies = false;
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                dependencies = line.ends_with("dependencies]");
            } else if dependencies && line.contains('=') {
                let shared = line.replace(' ', "");
                if !shared.contains("workspace=true") || shared.contains("version=") {
                    wrong.push(format!("{}: {line}", member.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn outside_crates_are_named_only_where_they_belong() {
    let mut wrong = Vec::new();
    for (path, source) in sources() {
        for (krate, allowed) in MAY_NAME {
            if !allowed.iter().any(|place| path.starts_with(place)) && names(&source, krate) {
                wrong.push(format!("{path} names {krate}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_and_folders_that_may_name_a_crate_exist() {
    let places = MAY_NAME.iter().flat_map(|(_, places)| *places);
    let missing: Vec<_> = places
        .filter(|place| !workspace().join(place).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_crate_has_an_import_cycle_between_its_files() {
    let mut cycles = BTreeMap::new();
    for found in crates() {
        if let Some(cycle) = Imports::of(&found.files).shortest_cycle() {
            cycles.insert(found.name, cycle.join(" -> "));
        }
    }
    assert!(cycles.is_empty(), "{cycles:#?}");
}

/// Returns true if code, not a comment, names the crate in a path or a `use`; `gstreamer` stands for its whole family.
fn names(source: &str, krate: &str) -> bool {
    source
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .any(|line| words(line).any(|(word, path)| path && of_crate(word, krate)))
}

fn of_crate(word: &str, krate: &str) -> bool {
    word == krate || (krate == "gstreamer" && word.starts_with("gstreamer_"))
}

/// Returns the words of a line, each with true if it starts a path: `use word`, or `word::` with no `::` before it.
fn words(line: &str) -> impl Iterator<Item = (&str, bool)> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.split(move |c| !inside(c))
        .filter(|word| !word.is_empty())
        .map(move |word| {
            let at = word.as_ptr() as usize - line.as_ptr() as usize;
            let (before, after) = (&line[..at], &line[at + word.len()..]);
            let begins = !before.ends_with("::") && !before.ends_with('"');
            let used = before.trim_end().ends_with("use") || after.starts_with("::");
            (word, begins && used)
        })
}

/// Reads all Rust files, by their path in the workspace.
fn sources() -> BTreeMap<String, String> {
    let files = members().into_iter().flat_map(|member| paths(&member));
    let mut found: BTreeMap<_, _> = files
        .map(|path| (in_workspace(&path), fs::read_to_string(&path).unwrap()))
        .collect();
    // This file holds such names as examples.
    found
        .remove("tests/tests/layers.rs")
        .expect("this file is a source");
    found
}

/// Returns the folders of the crates.
fn members() -> Vec<PathBuf> {
    let packages = metadata().packages.into_iter();
    let folder = |manifest: &Path| manifest.parent().unwrap().to_path_buf();
    packages
        .map(|package| folder(package.manifest_path.as_std_path()))
        .collect()
}

#[test]
fn crate_names_are_found_in_paths_and_not_in_words() {
    for line in [
        "use ort::session::Session;",
        "let x = ort::init();",
        "use ort;",
        "pub use ort::x;",
    ] {
        assert!(names(line, "ort"), "{line}");
    }
    for line in [
        "// use ort::x",
        "let short::x",
        "a::ort::b",
        "\"ort=error\"",
    ] {
        assert!(!names(line, "ort"), "{line}");
    }
    assert!(names("use gstreamer_app::AppSink;", "gstreamer"));
}
