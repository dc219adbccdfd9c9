//! Checks that no two outputs write to the same file, and that no output overwrites a source.

use std::path::{Path, PathBuf};

use crate::{
    pipeline_file::{Item, PipelineFile},
    plan::store_of,
    problem::Problem,
    uri::{Uri, resolved},
};

/// A sink or index node, which writes a file.
struct Output<'f> {
    file: &'f PipelineFile,
    /// The item as messages show it, such as `sink "subtitles"`.
    label: String,
    line: usize,
    path: &'f Path,
    /// The resolved path, for comparison.
    target: PathBuf,
    index: bool,
}

pub(super) fn check(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let outputs: Vec<Output<'_>> = files.iter().flat_map(outputs).collect();
    let sources: Vec<PathBuf> = files.iter().flat_map(source_files).collect();
    for (position, output) in outputs.iter().enumerate() {
        let path = output.path.display();
        if let Some(first) = conflicting(output, &outputs[..position]) {
            let place = format!("{}:{}", first.file.path.display(), first.line);
            let message = format!(
                "writes \"{path}\", which {} of {place} writes too",
                first.label
            );
            problems.push(output.problem(&message, "give each output a file of its own"));
        }
        if sources.contains(&output.target) {
            let message = format!("writes over \"{path}\", which is a source");
            problems.push(output.problem(&message, "write to another file"));
        } else if output.target.is_dir() {
            let message = format!("writes \"{path}\", which is a folder");
            problems.push(output.problem(&message, "name a file in it"));
        }
    }
}

/// Returns the first of `earlier` with the same file. Indexes may share a store: only the merged plan shows whether they
/// write the same rows.
fn conflicting<'a, 'f>(output: &Output<'_>, earlier: &'a [Output<'f>]) -> Option<&'a Output<'f>> {
    earlier
        .iter()
        .find(|other| other.target == output.target && !(other.index && output.index))
}

impl Output<'_> {
    fn problem(&self, message: &str, hint: &str) -> Problem {
        let message = format!("{} {message}", self.label);
        Problem::new(&self.file.path, self.line, message).with_hint(hint)
    }
}

fn outputs(file: &PipelineFile) -> Vec<Output<'_>> {
    let nodes = file.nodes.iter();
    let stores = nodes.filter_map(|node| Some(output(file, node, "node", store_of(&node.kind)?)));
    let sinks = file
        .sinks
        .iter()
        .map(|sink| output(file, sink, "sink", sink.kind.path()));
    let all = stores.chain(sinks);
    all.filter(|output| !output.path.as_os_str().is_empty())
        .collect()
}

fn output<'f, K>(
    file: &'f PipelineFile,
    item: &Item<K>,
    section: &str,
    path: &'f Path,
) -> Output<'f> {
    let index = section == "node";
    Output {
        file,
        label: format!("{section} {:?}", item.name),
        line: item.line_of(if index { "store" } else { "path" }),
        path,
        target: target(path),
        index,
    }
}

/// Resolves the path of a file that may not exist yet. The result is the same before and after the file is created.
fn target(path: &Path) -> PathBuf {
    let path = resolved(path.to_owned());
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => resolved(folder.to_owned()).join(name),
        _ => path,
    }
}

fn source_files(file: &PipelineFile) -> Vec<PathBuf> {
    let uris = file
        .sources
        .iter()
        .filter_map(|source| source.uri.as_deref());
    let paths = uris.filter_map(|uri| match Uri::parse(uri) {
        Ok(Uri::File(path)) => Some(resolved(path)),
        _ => None,
    });
    paths.collect()
}
