//! `atom graph`, `atom docs` and `atom check` work without running a pipeline.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{path::Path, process::Command};

use atom_pipelines::{built_in_pipelines, kind_docs, parse};
use atom_tests::{
    pipeline_text,
    program::{Process, TIMEOUT, Workdir},
};

/// Creates a directory with the built-in pipelines as files.
fn library_files() -> Workdir {
    let dir = Workdir::new();
    for name in built_in_pipelines::names() {
        dir.write(&format!("{name}.toml"), pipeline_text::built_in(name));
    }
    dir
}

const SOURCE: [&str; 2] = ["--source", "video=test://ball"];

fn graph(dir: &Workdir, files: &[&str], format: &str) -> String {
    let mut all = vec!["graph", "--format", format];
    all.extend(files);
    all.extend(SOURCE);
    dir.atom(&all).ok().stdout
}

/// Returns the names that a diagram of the three branches must contain.
fn expected_names() -> Vec<String> {
    let file = parse(Path::new("x"), &pipeline_text::built_in("three-branches")).unwrap();
    let nodes = file.nodes.iter().map(|node| node.name.clone());
    let sinks = file.sinks.iter().map(|sink| sink.name.clone());
    let modules = ["vision encoder (one, shared)", "decoder (one, shared)"];
    nodes
        .chain(sinks)
        .chain(modules.map(str::to_owned))
        .collect()
}

#[test]
fn mermaid_shows_the_shared_modules_and_all_nodes() {
    let diagram = graph(&library_files(), &["three-branches.toml"], "mermaid");
    assert!(diagram.starts_with("flowchart"), "{diagram}");
    for name in expected_names() {
        assert!(diagram.contains(&name), "no {name:?} in {diagram}");
    }
}

#[test]
fn dot_is_rendered_by_graphviz() {
    let dir = library_files();
    let diagram = rendered(&dir, "three-branches.toml");
    for name in expected_names() {
        assert!(diagram.contains(&name), "no {name:?} in {diagram}");
    }
}

/// Renders a pipeline file with Graphviz as SVG.
#[track_caller]
fn rendered(dir: &Workdir, file: &str) -> String {
    dir.write("g.dot", graph(dir, &[file], "dot"));
    let mut dot = Command::new("dot");
    dot.args(["-Tsvg", "g.dot"]).current_dir(dir.path("."));
    let output = Process::start(dot).wait(TIMEOUT).ok();
    assert_eq!(output.stderr, "");
    output.stdout
}

#[test]
fn equal_nodes_of_two_files_are_drawn_once() {
    let dir = library_files();
    let diagram = graph(&dir, &["caption.toml", "index.toml"], "mermaid");
    let kinds = |kind: &str| diagram.lines().filter(|line| line.contains(kind)).count();
    let alone = graph(&dir, &["caption.toml"], "mermaid");
    for kind in ["sample", "segment"] {
        let once = alone.lines().filter(|line| line.contains(kind)).count();
        assert_eq!((kinds(kind), once), (1, 1), "{kind}: {diagram}");
    }
    assert!(
        diagram.contains("archive") && diagram.contains("subtitles"),
        "{diagram}"
    );
}

#[test]
fn special_characters_of_the_diagram_languages_are_escaped() {
    let dir = Workdir::new();
    let odd = r#"Is it "<b>red</b>"\n; end]] -> x?"#;
    let question = pipeline_text::reason("question", "scenes", "")
        .replace("ask = \"\"", &format!("ask = '{odd}'"));
    dir.write("p.toml", pipeline_text::scenes("", "") + &question);
    assert!(rendered(&dir, "p.toml").contains("red"));
    graph(&dir, &["p.toml"], "mermaid");
}

#[test]
fn docs_list_and_explain_every_kind() {
    let dir = Workdir::new();
    let all = dir.atom(&["docs"]).ok().stdout;
    for kind in kind_docs::kinds() {
        assert!(all.contains(kind), "{kind} is not in {all}");
        let one = dir.atom(&["docs", kind]).ok().stdout;
        assert!(one.contains(kind) && one.lines().count() > 3, "{one}");
    }
}

#[test]
fn check_prints_ok_or_the_problems() {
    let dir = library_files();
    let mut all = vec!["check", "three-branches.toml"];
    let output = dir
        .atom(&all)
        .fails_with(&["three-branches.toml:", "--source video="]);
    assert_eq!(output.stdout, "");
    all.extend(SOURCE);
    let output = dir.atom(&all).ok();
    assert_eq!(output.stdout, "ok: 1 source, 6 nodes, 1 sink\n");
}

#[test]
fn check_and_graph_create_no_files() {
    let dir = library_files();
    let names = || -> Vec<_> {
        let entries = std::fs::read_dir(dir.path(".")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    graph(&dir, &["three-branches.toml"], "dot");
    dir.atom(&["check", "three-branches.toml", SOURCE[0], SOURCE[1]])
        .ok();
    assert_eq!(names(), before);
}
