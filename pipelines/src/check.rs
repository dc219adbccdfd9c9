//! Checks the whole graph of all files of one run and reports everything that is wrong with it.
//!
//! What this lets pass can be planned and built; what remains to fail is the outside world. Parts whose shape was
//! refused are not judged again, so one mistake is one problem.

mod branches;
mod cycles;
mod edges;
mod outputs;
mod sources;

use std::path::Path;

use atom_operators::node::{NodeKind, SpecError};

use crate::{
    plan::downstream,
    problem::{Problem, Problems},
    spec::{Item, NodeSpec, PipelineFile},
};

/// Accepts files that can be planned together.
///
/// # Errors
/// All problems of names, kinds, cycles, settings, sources and outputs, within each file and between them.
pub fn check(files: &[PipelineFile]) -> Result<(), Problems> {
    Problems::none_in(problems(files, true))
}

/// What is allowed but probably not meant: sources and nodes from which nothing ever comes out.
pub fn warnings(files: &[PipelineFile]) -> Vec<Problem> {
    let mut warnings: Vec<Problem> = files.iter().flat_map(without_effect).collect();
    warnings.sort();
    warnings
}

/// All problems of the graph. `sound` says that reading the files met none; without that, what depends on all of
/// a file is not judged.
pub(crate) fn problems(files: &[PipelineFile], sound: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.whole) {
        sources::check(file, &mut problems);
        names(file, &mut problems);
        edges::check(file, &mut problems);
        cycles::check(file, &mut problems);
        settings(file, &mut problems);
        queries(file, &mut problems);
    }
    packs(files, &mut problems);
    sources::check_across(files, &mut problems);
    outputs::check(files, &mut problems);
    if sound && problems.is_empty() {
        branches::check(files, &mut problems);
    }
    problems
}

/// An input must be unambiguous: a node and a source may not share a name. A file must ask for something.
fn names(file: &PipelineFile, problems: &mut Vec<Problem>) {
    let lines = file.nodes.iter().map(|node| (&node.name, node.line));
    let unread = file.unread_nodes.iter().map(|node| (&node.name, node.line));
    for (name, line) in lines.chain(unread) {
        if file.source(name).is_some() {
            let message = format!("node {name:?} has the name of a source");
            problems.push(
                Problem::new(&file.path, line, message).hint("give one of them another name"),
            );
        }
    }
    if file.nodes.is_empty() && file.unread_nodes.is_empty() {
        let problem = Problem::new(
            &file.path,
            0,
            "the pipeline has no nodes, so there is nothing to do",
        );
        problems.push(problem.hint("add a [node.NAME]; see: atom docs"));
    }
}

fn settings(file: &PipelineFile, problems: &mut Vec<Problem>) {
    for node in file.nodes.iter().filter(|node| node.settings_sound) {
        problems.extend(refused(&file.path, "node", node, node.kind.check()));
    }
    for sink in file.sinks.iter().filter(|sink| sink.settings_sound) {
        problems.extend(refused(&file.path, "sink", sink, sink.kind.check()));
    }
    for query in file.queries.iter().filter(|query| query.settings_sound) {
        problems.extend(refused(&file.path, "query", query, query.kind.check()));
    }
}

/// Queries are kept over what is indexed.
fn queries(file: &PipelineFile, problems: &mut Vec<Problem>) {
    let indexes = |node: &NodeSpec| matches!(node.kind, NodeKind::Index(_));
    if let Some(query) = file.queries.first()
        && !file.nodes.iter().any(indexes)
        && file.unread_nodes.is_empty()
    {
        let message = format!("query {:?} looks at nothing", query.name);
        let problem = Problem::new(&file.path, query.line, message);
        problems.push(problem.hint("add a node of kind \"index\"; see: atom docs index"));
    }
}

fn refused<K>(
    path: &Path,
    section: &str,
    item: &Item<K>,
    checked: Result<(), SpecError>,
) -> Option<Problem> {
    let error = checked.err()?;
    let SpecError {
        key,
        found,
        expected,
    } = error;
    let message = format!("{key} of {section} {:?} is {found}", item.name);
    let problem = Problem::new(path, item.line_of(key), message);
    Some(problem.hint(format!("expected {expected}")))
}

/// One run has one pack.
fn packs(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let mut named = files
        .iter()
        .filter(|file| file.whole && !file.pack.is_empty());
    let Some(first) = named.next() else { return };
    for file in named.filter(|file| file.pack != first.pack) {
        let other = first.path.display();
        let message = format!(
            "pack {:?}, but {other} has pack {:?}",
            file.pack, first.pack
        );
        let problem = Problem::new(&file.path, file.pack_line, message);
        problems.push(problem.hint("pipelines of one run share one pack; run them one by one"));
    }
}

fn without_effect(file: &PipelineFile) -> Vec<Problem> {
    let speaks = |kind: &NodeKind| {
        matches!(
            kind,
            NodeKind::Caption(_) | NodeKind::Index(_) | NodeKind::Reason(_) | NodeKind::Summary(_)
        )
    };
    let mut found = Vec::new();
    let mut judge = |what: &str, name: &str, line: usize, itself: bool| {
        if !itself && !downstream(file, name).iter().any(|node| speaks(&node.kind)) {
            let message = format!("{what} {name:?} has no effect");
            let problem = Problem::new(&file.path, line, message);
            found.push(
                problem.hint("no caption, index, reason or summary node takes anything from it"),
            );
        }
    };
    for source in &file.sources {
        judge("source", &source.name, source.line, false);
    }
    for node in &file.nodes {
        judge("node", &node.name, node.line, speaks(&node.kind));
    }
    found
}

#[cfg(test)]
mod tests;
