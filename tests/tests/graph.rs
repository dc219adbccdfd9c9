//! Pipelines are drawn, explained and checked without running them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{path::Path, process::Command};

use atom_pipelines::{docs, library, parse};
use atom_tests::{
    pipeline,
    program::{BOUND, Place, Running},
};

/// A place with the ready pipelines as files.
fn library_files() -> Place {
    let place = Place::new();
    for name in library::names() {
        place.write(&format!("{name}.toml"), pipeline::ready(name));
    }
    place
}

const SOURCE: [&str; 2] = ["--source", "video=test://ball"];

fn graph(place: &Place, files: &[&str], format: &str) -> String {
    let mut all = vec!["graph", "--format", format];
    all.extend(files);
    all.extend(SOURCE);
    place.atom(&all).ok().stdout
}

/// What a drawing of the three branches must name.
fn names() -> Vec<String> {
    let file = parse(Path::new("x"), &pipeline::ready("three-branches")).unwrap();
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
    let drawn = graph(&library_files(), &["three-branches.toml"], "mermaid");
    assert!(drawn.starts_with("flowchart"), "{drawn}");
    for name in names() {
        assert!(drawn.contains(&name), "no {name:?} in {drawn}");
    }
}

#[test]
fn dot_is_rendered_by_graphviz() {
    let place = library_files();
    let drawn = rendered(&place, "three-branches.toml");
    for name in names() {
        assert!(drawn.contains(&name), "no {name:?} in {drawn}");
    }
}

/// A pipeline file drawn by Graphviz, as SVG.
#[track_caller]
fn rendered(place: &Place, file: &str) -> String {
    place.write("g.dot", graph(place, &[file], "dot"));
    let mut dot = Command::new("dot");
    dot.args(["-Tsvg", "g.dot"]).current_dir(place.path("."));
    let said = Running::start(dot).wait(BOUND).ok();
    assert_eq!(said.stderr, "");
    said.stdout
}

#[test]
fn equal_nodes_of_two_files_are_drawn_once() {
    let place = library_files();
    let drawn = graph(&place, &["caption.toml", "index.toml"], "mermaid");
    let kinds = |kind: &str| drawn.lines().filter(|line| line.contains(kind)).count();
    let alone = graph(&place, &["caption.toml"], "mermaid");
    for kind in ["sample", "segment"] {
        let once = alone.lines().filter(|line| line.contains(kind)).count();
        assert_eq!((kinds(kind), once), (1, 1), "{kind}: {drawn}");
    }
    assert!(
        drawn.contains("archive") && drawn.contains("subtitles"),
        "{drawn}"
    );
}

#[test]
fn names_that_mean_something_to_a_drawing_language_are_escaped() {
    let place = Place::new();
    let odd = r#"Is it "<b>red</b>"\n; end]] -> x?"#;
    let asked =
        pipeline::reason("question", "scenes", "").replace("ask = \"\"", &format!("ask = '{odd}'"));
    place.write("p.toml", pipeline::scenes("", "") + &asked);
    assert!(rendered(&place, "p.toml").contains("red"));
    graph(&place, &["p.toml"], "mermaid");
}

#[test]
fn docs_lists_every_kind_and_explains_each() {
    let place = Place::new();
    let all = place.atom(&["docs"]).ok().stdout;
    for kind in docs::kinds() {
        assert!(all.contains(kind), "{kind} is not in {all}");
        let one = place.atom(&["docs", kind]).ok().stdout;
        assert!(one.contains(kind) && one.lines().count() > 3, "{one}");
    }
}

#[test]
fn check_says_ok_or_what_is_wrong() {
    let place = library_files();
    let mut all = vec!["check", "three-branches.toml"];
    let said = place
        .atom(&all)
        .refused(&["three-branches.toml:", "--source video="]);
    assert_eq!(said.stdout, "");
    all.extend(SOURCE);
    let said = place.atom(&all).ok();
    assert_eq!(said.stdout, "ok: 1 sources, 6 nodes, 1 sinks\n");
}

#[test]
fn checking_and_drawing_make_no_files() {
    let place = library_files();
    let names = || -> Vec<_> {
        let entries = std::fs::read_dir(place.path(".")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    graph(&place, &["three-branches.toml"], "dot");
    place
        .atom(&["check", "three-branches.toml", SOURCE[0], SOURCE[1]])
        .ok();
    assert_eq!(names(), before);
}
