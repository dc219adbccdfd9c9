//! Pipeline files as text, for the pack `fake`, which needs no weights.

use atom_pipelines::built_in_pipelines;

/// Returns a built-in pipeline, changed to the fake pack.
///
/// # Panics
/// There is no pipeline with this name.
pub fn built_in(name: &str) -> String {
    let text =
        built_in_pipelines::text(name).unwrap_or_else(|| panic!("no built-in pipeline {name:?}"));
    text.replacen(
        &format!("name = \"{name}\"\n"),
        &format!("name = \"{name}\"\npack = \"fake\"\n"),
        1,
    )
}

/// Returns a source `video` and the nodes `frames`, `seen` and `scenes`, with more settings of the sampler and the segments.
pub fn scenes(sample: &str, segment: &str) -> String {
    format!(
        "pack = \"fake\"\n[source.video]\n\
         [node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\n{sample}\n\
         [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
         [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\n{segment}\n"
    )
}

/// Returns a caption node.
pub fn caption(name: &str, input: &str) -> String {
    format!("[node.{name}]\nkind = \"caption\"\ninputs = [\"{input}\"]\n")
}

/// Returns a reason node.
pub fn reason(name: &str, input: &str, ask: &str) -> String {
    format!("[node.{name}]\nkind = \"reason\"\ninputs = [\"{input}\"]\nask = \"{ask}\"\n")
}

/// Returns a sink `out` that writes a file.
pub fn sink(kind: &str, input: &str, path: &str) -> String {
    format!("[sink.out]\nkind = \"{kind}\"\ninputs = [\"{input}\"]\npath = \"{path}\"\n")
}
