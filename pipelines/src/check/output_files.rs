//! Checks that no two outputs write to the same file, that no output overwrites an input, and that each can be written.
//!
//! Files are compared by their identity, so that a hard link or a path through a symbolic link is recognised.

use std::path::{Path, PathBuf};

use crate::{
    file_identity::{FileIdentity, index_files, overwritten_recording},
    output_path::OutputPath,
    pipeline_file::{Item, PipelineFile},
    plan::store_of,
    problem::Problem,
    recording_names::is_video_file,
    uri::Uri,
};

/// The message and the hint of a problem; the message continues `sink "NAME"`.
type OutputProblem = (String, &'static str);

/// A sink or index node, which writes a file.
struct Output<'f> {
    file: &'f PipelineFile,
    /// The item as messages show it, such as `sink "subtitles"`.
    label: String,
    line: usize,
    path: &'f Path,
    /// The file, for comparison; `None` for special files, which may be shared.
    identity: Option<FileIdentity>,
    index: bool,
}

pub(super) fn check(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let outputs: Vec<Output<'_>> = files.iter().flat_map(outputs).collect();
    for (position, output) in outputs.iter().enumerate() {
        let found = shared_file(output, &outputs[..position])
            .or_else(|| overwritten_input(output, files))
            .or_else(|| overwritten_video(output))
            .or_else(|| unwritable(output));
        if let Some((message, hint)) = found {
            let message = format!("{} {message}", output.label);
            let problem = Problem::new(&output.file.path, output.line, message);
            problems.push(problem.with_hint(hint));
        }
    }
}

/// Returns a problem if an earlier output has the same file. Indexes may share a store: only the merged plan shows whether
/// they write the same rows.
fn shared_file(output: &Output<'_>, earlier: &[Output<'_>]) -> Option<OutputProblem> {
    let first = earlier.iter().find(|other| {
        let same = output.identity.is_some() && other.identity == output.identity;
        same && !(other.index && output.index)
    })?;
    let place = format!("{}:{}", first.file.path.display(), first.line);
    let (path, label) = (output.path.display(), &first.label);
    let message = format!("writes \"{path}\", and so does {label} of {place}");
    Some((message, "use a different file for each output"))
}

/// Returns a problem if an output would write over a file that the run reads: a source, a recording of a folder, a pipeline
/// file, or a password file.
fn overwritten_input(output: &Output<'_>, files: &[PipelineFile]) -> Option<OutputProblem> {
    let path = output.path.display();
    let message = |what: &str| {
        (
            format!("would overwrite \"{path}\", which is {what}"),
            "write to another file",
        )
    };
    for file in files {
        let over =
            |input: &Path| FileIdentity::overwritten(output.path, [input.to_owned()]).is_some();
        if over(&file.path) {
            return Some(message("a pipeline file of this run"));
        }
        let mut stores = file.nodes.iter().filter_map(|node| store_of(&node.kind));
        if stores.any(|store| index_files(store)[1..].iter().any(|file| over(file))) {
            return Some(message("part of an index"));
        }
        for source in &file.sources {
            let uri = source.uri.as_deref().map(Uri::parse);
            match uri {
                Some(Ok(Uri::File(input))) if over(&input) => return Some(message("a source")),
                Some(Ok(Uri::Folder(folder))) => {
                    let recording = overwritten_recording(output.path, &without_pattern(&folder));
                    if let Some(recording) = recording {
                        return Some(message(&format!(
                            "the recording \"{}\"",
                            recording.display()
                        )));
                    }
                }
                _ => {}
            }
            if source.settings.password_file.as_deref().is_some_and(over) {
                return Some(message("a password file"));
            }
        }
    }
    None
}

/// Returns a problem if an output would write over any video.
fn overwritten_video(output: &Output<'_>) -> Option<OutputProblem> {
    let file = file_of(output)?;
    (file.is_file() && is_video_file(&file)).then(|| {
        let message = format!(
            "would overwrite \"{}\", which has the name of a video",
            output.path.display()
        );
        (message, "write to another file")
    })
}

/// Returns a problem if an output names a folder, or a file in a folder that does not exist.
fn unwritable(output: &Output<'_>) -> Option<OutputProblem> {
    let (file, path) = (file_of(output)?, output.path.display());
    if file.is_dir() {
        return Some((
            format!("writes \"{path}\", which is a folder"),
            "name a file in it",
        ));
    }
    let folder = file.parent().filter(|folder| !folder.is_dir())?;
    let message = format!(
        "writes \"{path}\", but the folder \"{}\" does not exist",
        folder.display()
    );
    Some((
        message,
        "create the folder first; paths are relative to the working directory",
    ))
}

fn file_of(output: &Output<'_>) -> Option<PathBuf> {
    match OutputPath::of(output.path) {
        OutputPath::File(path) => Some(path),
        OutputPath::Stdout | OutputPath::Special(_) => None,
    }
}

/// Returns the folder of a pattern such as `clips/*.mp4`.
fn without_pattern(folder: &Path) -> PathBuf {
    let parts = folder.components();
    let plain =
        parts.take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']));
    plain.collect()
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
        identity: FileIdentity::of_output(path),
        index,
    }
}
