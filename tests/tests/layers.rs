//! The workspace keeps its layers: who may depend on whom, and who may name which outside crate.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use atom_tests::program::workspace;
use cargo_metadata::{DependencyKind, MetadataCommand};

/// From left to right; each may use only those to its left.
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

/// The folders of the crates; `tests/camera` lies in another one.
const MEMBERS: [&str; 11] = [
    "models",
    "operators",
    "pipelines",
    "engine/media",
    "engine/index",
    "engine/runtime",
    "engine/server",
    "engine/lab",
    "engine/cli",
    "tests/camera",
    "tests",
];

/// An outside crate, and the files or folders whose sources may name it.
const MAY_NAME: [(&str, &[&str]); 10] = [
    ("ort", &["models/src/session.rs", "models/src/session/"]),
    ("timely", &["operators/", "engine/runtime/", "engine/lab/"]),
    ("differential_dataflow", &["operators/"]),
    ("gstreamer", &["engine/media/", "tests/camera/"]),
    ("prometheus", &["engine/runtime/src/metrics.rs"]),
    ("axum", &["engine/server/"]),
    ("tokio", &["engine/server/"]),
    ("rusqlite", &["engine/index/"]),
    ("anyhow", &["engine/cli/", "tests/camera/"]),
    (
        "crossbeam",
        &[
            "operators/src/offload.rs",
            "operators/src/cancel.rs",
            "operators/src/intake.rs",
            "operators/src/question.rs",
            "operators/tests/",
            "engine/media/",
            "engine/runtime/src/feed.rs",
            "engine/runtime/src/players.rs",
            "engine/runtime/src/run.rs",
            "engine/lab/",
            "tests/camera/",
            "tests/src/frames.rs",
        ],
    ),
];

#[test]
fn each_crate_depends_only_on_those_to_its_left() {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let place = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    assert_eq!(metadata.packages.len(), LAYERS.len());
    for package in &metadata.packages {
        let own = place(&package.name).expect("every crate of the workspace has a layer");
        for dependency in &package.dependencies {
            let left = place(&dependency.name).is_none_or(|other| other < own);
            assert!(left, "{} uses {}", package.name, dependency.name);
        }
        let tests_only = dependency_kinds(&package.dependencies, "cargo_metadata");
        assert!(
            tests_only
                .iter()
                .all(|kind| *kind == DependencyKind::Development)
        );
    }
}

fn dependency_kinds(
    dependencies: &[cargo_metadata::Dependency],
    name: &str,
) -> Vec<DependencyKind> {
    let named = dependencies.iter().filter(|d| d.name == name);
    named.map(|dependency| dependency.kind).collect()
}

#[test]
fn every_version_stands_in_the_workspace_table() {
    let mut wrong = Vec::new();
    for member in MEMBERS {
        let manifest = fs::read_to_string(workspace().join(member).join("Cargo.toml")).unwrap();
        let mut dependencies = false;
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                dependencies = line.ends_with("dependencies]");
            } else if dependencies && line.contains('=') {
                let shared = line.replace(' ', "");
                if !shared.contains("workspace=true") || shared.contains("version=") {
                    wrong.push(format!("{member}: {line}"));
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

/// Whether code, not a comment, has the crate in a path or a `use`; `gstreamer` stands for its whole family.
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

/// The words of a line, each with whether a path begins with it: `use word`, or `word::` with nothing before.
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

/// All Rust sources by their path in the workspace.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for member in MEMBERS {
        for path in rust_files(&workspace().join(member)) {
            let name = path.strip_prefix(workspace()).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            found.insert(name.display().to_string(), text);
        }
    }
    assert!(found.len() > 50, "too few sources: {}", found.len());
    // This file holds such names as examples.
    found.remove("tests/tests/layers.rs");
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_search_for_names_finds_paths_and_not_words() {
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
