//! Pipeline files for the pack `fake`, which needs no weights.

use atom_pipelines::library;

/// A ready pipeline of the library, switched to the fake pack.
///
/// # Panics
/// If there is none of that name.
pub fn ready(name: &str) -> String {
    let text = library::text(name).unwrap_or_else(|| panic!("no ready pipeline {name:?}"));
    text.replacen(
        &format!("name = \"{name}\"\n"),
        &format!("name = \"{name}\"\npack = \"fake\"\n"),
        1,
    )
}

/// From a video to segments, with settings for sampling and segmenting; nodes `frames`, `seen`, `scenes`.
pub fn scenes(sample: &str, segment: &str) -> String {
    format!(
        "pack = \"fake\"\n[source.video]\n\
         [node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\n{sample}\n\
         [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
         [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\n{segment}\n"
    )
}

/// A node that captions another one.
pub fn caption(name: &str, input: &str) -> String {
    format!("[node.{name}]\nkind = \"caption\"\ninputs = [\"{input}\"]\n")
}

/// A node that asks a question.
pub fn reason(name: &str, input: &str, ask: &str) -> String {
    format!("[node.{name}]\nkind = \"reason\"\ninputs = [\"{input}\"]\nask = \"{ask}\"\n")
}

/// A sink that writes a file.
pub fn sink(kind: &str, input: &str, path: &str) -> String {
    format!("[sink.out]\nkind = \"{kind}\"\ninputs = [\"{input}\"]\npath = \"{path}\"\n")
}
