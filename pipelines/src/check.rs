//! Checks the graph of all files of one run and reports every problem in it.
//!
//! Files that pass can be planned and built; after that only the outside world can fail. Parts that already failed to
//! parse are not checked again, so one mistake is reported once.

mod cycles;
mod inputs;
mod merged_graph;
mod output_files;
mod sources;

use std::path::Path;

use atom_operators::{node::NodeKind, spec::SpecError};

use crate::{
    built_in_pipelines,
    pipeline_file::{Item, NodeSpec, PipelineFile},
    problem::{Problem, Problems},
};

/// Checks that files can be planned together.
///
/// # Errors
/// All problems of names, kinds, cycles, settings, sources and outputs, within each file and between them.
pub fn check(files: &[PipelineFile]) -> Result<(), Problems> {
    Problems::ok_if_empty(problems(files, true))
}

/// Returns warnings about what is allowed, but probably a mistake: sources and nodes that have no effect, and a built-in
/// pipeline beside a file of its name.
pub fn warnings(files: &[PipelineFile]) -> Vec<Problem> {
    let mut warnings: Vec<Problem> = files.iter().flat_map(items_without_effect).collect();
    warnings.extend(files.iter().filter_map(file_beside_built_in));
    warnings.sort();
    warnings
}

/// Returns a warning if a built-in pipeline is named and the working directory holds a file that may be meant.
fn file_beside_built_in(file: &PipelineFile) -> Option<Problem> {
    built_in_pipelines::named_by(&file.path)?;
    let beside = file.path.with_extension("toml");
    let message = format!(
        "this is the built-in pipeline, not the file {}",
        beside.display()
    );
    let hint = format!(
        "to use the file, name it with its extension: {}",
        beside.display()
    );
    let warning = Problem::new(&file.path, 0, message).with_hint(hint);
    beside.is_file().then_some(warning)
}

/// Returns all problems of the graph. The merged graph is checked only if `fully_parsed`, that is, if reading the files
/// met no problem, and if there is no other problem.
pub(crate) fn problems(files: &[PipelineFile], fully_parsed: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.valid_toml) {
        sources::check(file, &mut problems);
        check_names(file, &mut problems);
        inputs::check(file, &mut problems);
        cycles::check(file, &mut problems);
        check_settings(file, &mut problems);
        check_queries(file, &mut problems);
    }
    check_packs(files, &mut problems);
    sources::check_across_files(files, &mut problems);
    output_files::check(files, &mut problems);
    if fully_parsed && problems.is_empty() {
        merged_graph::check(files, &mut problems);
    }
    problems
}

/// Checks that no node has the name of a source, as inputs would be ambiguous, and that the file has nodes at all.
fn check_names(file: &PipelineFile, problems: &mut Vec<Problem>) {
    let lines = file.nodes.iter().map(|node| (&node.name, node.line));
    let unparsed = file
        .unparsed_nodes
        .iter()
        .map(|node| (&node.name, node.line));
    for (name, line) in lines.chain(unparsed) {
        if file.source(name).is_some() {
            let message = format!("node {name:?} has the same name as a source");
            problems.push(Problem::new(&file.path, line, message).with_hint("rename one of them"));
        }
    }
    if file.nodes.is_empty() && file.unparsed_nodes.is_empty() {
        let problem = Problem::new(
            &file.path,
            0,
            "the pipeline has no nodes, so there is nothing to do",
        );
        problems.push(problem.with_hint("add a [node.NAME]; see: atom docs"));
    }
}

fn check_settings(file: &PipelineFile, problems: &mut Vec<Problem>) {
    for node in file.nodes.iter().filter(|node| node.settings_valid) {
        problems.extend(rejected_setting(
            &file.path,
            "node",
            node,
            node.kind.check(),
        ));
    }
    for sink in file.sinks.iter().filter(|sink| sink.settings_valid) {
        problems.extend(rejected_setting(
            &file.path,
            "sink",
            sink,
            sink.kind.check(),
        ));
    }
    for query in file.queries.iter().filter(|query| query.settings_valid) {
        problems.extend(rejected_setting(
            &file.path,
            "query",
            query,
            query.kind.check(),
        ));
    }
}

/// Checks that a file with standing queries indexes something, as queries search the index.
fn check_queries(file: &PipelineFile, problems: &mut Vec<Problem>) {
    let indexes = |node: &NodeSpec| matches!(node.kind, NodeKind::Index(_));
    if let Some(query) = file.queries.first()
        && !file.nodes.iter().any(indexes)
        && file.unparsed_nodes.is_empty()
    {
        let message = format!("query {:?} has no index to search", query.name);
        let problem = Problem::new(&file.path, query.line, message);
        problems.push(problem.with_hint("add a node of kind \"index\"; see: atom docs index"));
    }
}

/// Converts the error of an item's own check into a problem.
fn rejected_setting<K>(
    path: &Path,
    section: &str,
    item: &Item<K>,
    result: Result<(), SpecError>,
) -> Option<Problem> {
    let SpecError {
        key,
        found,
        expected,
    } = result.err()?;
    let message = format!("{key} of {section} {:?} is {found}", item.name);
    let problem = Problem::new(path, item.line_of(key), message);
    Some(problem.with_hint(format!("expected {expected}")))
}

/// Checks that all files of a run name the same model pack.
fn check_packs(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let mut named = files
        .iter()
        .filter(|file| file.valid_toml && !file.pack.is_empty());
    let Some(first) = named.next() else { return };
    for file in named.filter(|file| file.pack != first.pack) {
        let other = first.path.display();
        let message = format!(
            "the pack is {:?}, but {other} uses pack {:?}",
            file.pack, first.pack
        );
        let problem = Problem::new(&file.path, file.pack_line, message);
        problems.push(
            problem.with_hint("all pipelines of one run share one pack; run them separately"),
        );
    }
}

fn items_without_effect(file: &PipelineFile) -> Vec<Problem> {
    let has_results = |node: &NodeSpec| {
        matches!(
            node.kind,
            NodeKind::Caption(_) | NodeKind::Index(_) | NodeKind::Reason(_) | NodeKind::Summary(_)
        )
    };
    let leads_nowhere = |name: &str| !file.downstream(name).into_iter().any(has_results);
    let warning = |section: &str, name: &str, line: usize| {
        Problem::new(
            &file.path,
            line,
            format!("{section} {name:?} has no effect"),
        )
        .with_hint("no caption, index, reason or summary node reads from it")
    };
    let sources = file.sources.iter();
    let sources = sources
        .filter(|source| leads_nowhere(&source.name))
        .map(|source| warning("source", &source.name, source.line));
    let nodes = file.nodes.iter();
    let nodes = nodes
        .filter(|node| !has_results(node) && leads_nowhere(&node.name))
        .map(|node| warning("node", &node.name, node.line));
    sources.chain(nodes).collect()
}

#[cfg(test)]
mod tests;
