//! The drawings that are made from the code: the crates of the workspace, and the graph of a built-in pipeline.
//!
//! Graphviz renders them. Its versions place things a little differently, so a drawing begins with a comment that holds
//! the text it was made from, and only this text is compared.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use cargo_metadata::DependencyKind;

use crate::{
    program::{Workdir, workspace},
    rust_files::metadata,
};

/// Returns the graph of the crates in Graphviz's language. A use that follows from another one is left out.
pub fn crates() -> String {
    let mut packages = metadata().packages;
    packages.retain(|package| !package.manifest_path.starts_with(workspace().join("tests")));
    let shown = |name: &str| packages.iter().any(|package| package.name.as_str() == name);
    let mut uses = BTreeSet::new();
    for package in &packages {
        for used in &package.dependencies {
            if used.kind == DependencyKind::Normal && shown(&used.name) {
                uses.insert((package.name.to_string(), used.name.clone()));
            }
        }
    }
    let mut text =
        "digraph crates {\n  rankdir = BT\n  node [shape = box, fontname = \"sans-serif\"]\n"
            .to_owned();
    for package in &packages {
        writeln!(text, "  \"{}\"", package.name).expect("writing to a String cannot fail");
    }
    for (user, used) in direct(&uses) {
        writeln!(text, "  \"{user}\" -> \"{used}\"").expect("writing to a String cannot fail");
    }
    text + "}\n"
}

/// Returns the uses that do not follow from others.
fn direct(uses: &BTreeSet<(String, String)>) -> Vec<&(String, String)> {
    let follows = |(user, used): &(String, String)| {
        let mut between = uses
            .iter()
            .filter(|(first, other)| first == user && other != used);
        between.any(|(_, other)| reaches(uses, other, used))
    };
    uses.iter().filter(|pair| !follows(pair)).collect()
}

fn reaches(uses: &BTreeSet<(String, String)>, from: &str, to: &str) -> bool {
    let mut next = uses.iter().filter(|(user, _)| user == from);
    next.any(|(_, used)| used == to || reaches(uses, used, to))
}

/// Returns the graph of a built-in pipeline in Graphviz's language.
pub fn pipeline(name: &str) -> String {
    let dir = Workdir::new();
    let text = atom_pipelines::built_in_pipelines::text(name).expect("the pipeline is built in");
    let file = format!("{name}.toml");
    dir.write(&file, text);
    let source = "video=test://ball";
    let arguments = ["graph", &file, "--format", "dot", "--source", source];
    dir.atom(&arguments).ok().stdout
}

/// Renders a graph as SVG that begins with the graph's text.
///
/// # Panics
/// Graphviz is not installed, or refuses the text.
pub fn rendered(graph: &str) -> String {
    let mut dot = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("graphviz is installed");
    let mut input = dot.stdin.take().expect("stdin is piped");
    input
        .write_all(graph.as_bytes())
        .expect("dot reads the text");
    drop(input);
    let output = dot.wait_with_output().expect("dot ends");
    assert!(output.status.success(), "dot refuses the text\n{graph}");
    let svg = String::from_utf8(output.stdout).expect("SVG is UTF-8");
    let start = svg.find("<svg").expect("dot writes SVG");
    format!("{}{}", comment(graph), &svg[start..])
}

/// Returns the beginning of a drawing that was made from a text.
pub fn comment(graph: &str) -> String {
    assert!(!graph.contains("--"), "two hyphens end a comment\n{graph}");
    format!("<!-- {graph} -->\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_that_follow_from_others_are_left_out() {
        let uses = [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")];
        let uses = uses
            .map(|(user, used)| (user.to_owned(), used.to_owned()))
            .into();
        let direct: Vec<_> = direct(&uses)
            .iter()
            .map(|(a, b)| format!("{a}{b}"))
            .collect();
        assert_eq!(direct, ["ab", "ad", "bc"]);
    }

    #[test]
    fn a_drawing_begins_with_its_text() {
        let graph = "digraph { a -> b }";
        assert!(rendered(graph).starts_with(&comment(graph)));
    }
}
