//! Checks that no two outputs write one file, and none writes over what is watched.

use std::path::{Path, PathBuf};

use crate::{
    plan::store_of,
    problem::Problem,
    spec::{Item, PipelineFile},
    uri::{Uri, resolved},
};

/// Something that writes a file.
struct Output<'f> {
    file: &'f PipelineFile,
    /// `sink "subtitles"`.
    owner: String,
    line: usize,
    path: &'f Path,
    /// The path made comparable.
    target: PathBuf,
    index: bool,
}

pub(super) fn check(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let outputs: Vec<Output<'_>> = files.iter().flat_map(outputs).collect();
    let watched: Vec<PathBuf> = files.iter().flat_map(watched).collect();
    for (at, output) in outputs.iter().enumerate() {
        let path = output.path.display();
        let report = |message: String, hint: &str| {
            Problem::new(
                &output.file.path,
                output.line,
                format!("{} {message}", output.owner),
            )
            .hint(hint)
        };
        // Indexes may share a store; whether they write the same rows shows only in the plan.
        let first = outputs[..at]
            .iter()
            .find(|other| other.target == output.target && !(other.index && output.index));
        if let Some(first) = first {
            let place = format!("{}:{}", first.file.path.display(), first.line);
            let message = format!(
                "writes \"{path}\", which {} of {place} writes too",
                first.owner
            );
            problems.push(report(message, "give each output a file of its own"));
        }
        if watched.contains(&output.target) {
            let message = format!("writes over \"{path}\", which is a source");
            problems.push(report(message, "write to another file"));
        } else if output.target.is_dir() {
            problems.push(report(
                format!("writes \"{path}\", which is a folder"),
                "name a file in it",
            ));
        }
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
        owner: format!("{section} {:?}", item.name),
        line: item.line_of(if index { "store" } else { "path" }),
        path,
        target: target(path),
        index,
    }
}

/// The file with links in its folder followed, so that it compares equal before and after it is made.
fn target(path: &Path) -> PathBuf {
    let path = resolved(path.to_owned());
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => resolved(folder.to_owned()).join(name),
        _ => path,
    }
}

fn watched(file: &PipelineFile) -> Vec<PathBuf> {
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
