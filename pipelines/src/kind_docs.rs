//! The text of `atom docs`: every kind with its keys.
//!
//! Keys, types, defaults and descriptions come from the settings structs, so the text is always up to date.

use std::fmt::Write;

use atom_operators::node::StreamKind;
use thiserror::Error;

use crate::{
    built_in_pipelines,
    kind_schema::{self, KindSchema, Setting},
    suggestion::did_you_mean,
    uri::Uri,
};

/// Columns of wrapped text.
const WIDTH: usize = 88;

/// An error for a kind that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no kind {kind:?}; {hint}")]
pub struct UnknownKind {
    /// The kind as written.
    pub kind: String,
    /// A suggestion of the nearest kind, or of all kinds.
    pub hint: String,
}

/// Explains one kind of node or sink, `source`, or `query`.
///
/// # Errors
/// The kind does not exist.
///
/// ```
/// assert!(atom_pipelines::kind_docs::kind("segment").unwrap().contains("length_ms"));
/// ```
pub fn kind(kind: &str) -> Result<String, UnknownKind> {
    if kind == "source" {
        return Ok(explain_source());
    }
    if kind == "query" {
        return Ok(explain_query());
    }
    let nodes = kind_schema::node_kinds();
    if let Some(schema) = nodes.iter().find(|schema| schema.name == kind) {
        return Ok(explain("node", schema));
    }
    let sinks = kind_schema::sink_kinds();
    if let Some(schema) = sinks.iter().find(|schema| schema.name == kind) {
        return Ok(explain("sink", schema));
    }
    let hint = did_you_mean(kind, kinds().chain(pipelines_of_their_own_name()));
    Err(UnknownKind {
        kind: kind.to_owned(),
        hint,
    })
}

/// Returns all names that [`kind`] explains.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    let nodes = kind_schema::node_kinds().into_iter().map(|kind| kind.name);
    let sinks = kind_schema::sink_kinds().into_iter().map(|kind| kind.name);
    ["source", "query"].into_iter().chain(nodes).chain(sinks)
}

/// Returns the names of the built-in pipelines that are not kinds too.
fn pipelines_of_their_own_name() -> impl Iterator<Item = &'static str> {
    built_in_pipelines::names().filter(|name| !kinds().any(|kind| kind == *name))
}

/// Explains pipeline files and lists all kinds and built-in pipelines.
pub fn overview() -> String {
    let mut text = String::from(
        "A pipeline file is TOML. It has these keys and tables:\n\n\
         \x20 name            the pipeline's name; by default the name of the file\n\
         \x20 pack            the pack of models; by default \"mini\"\n\
         \x20 [source.NAME]   a recording, a folder or a camera\n\
         \x20 [node.NAME]     a processing step: its kind, inputs and settings\n\
         \x20 [sink.NAME]     an output file: its kind, inputs and settings\n\
         \x20 [query.NAME]    a standing query: a text to match in everything that the file indexes\n\n\
         Choose any names of letters, digits, _ and -.\n\
         Relative paths are relative to the working directory.\n\nKinds of nodes:\n",
    );
    for kind in kind_schema::node_kinds() {
        push_list_entry(&mut text, kind.name, &kind.description);
    }
    text.push_str("\nKinds of sinks:\n");
    for kind in kind_schema::sink_kinds() {
        push_list_entry(&mut text, kind.name, &kind.description);
    }
    text.push_str(
        "\nBuilt-in pipelines, which run by their name, as in `atom run live --source camera=URI`:\n",
    );
    push_built_in_pipelines(&mut text);
    text.push_str(
        "\n`atom docs KIND` explains the keys of a kind, `atom docs source` those of a source,\n\
         `atom docs query` those of a standing query. `atom docs NAME.toml` prints a built-in pipeline,\n\
         as a start for a file of your own.\n",
    );
    text
}

fn push_built_in_pipelines(text: &mut String) {
    for (name, description) in built_in_pipelines::descriptions() {
        for (number, line) in wrapped(description, WIDTH - 18).iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            push_line(text, &format!("  {name:<16}{line}"));
        }
    }
}

fn push_list_entry(text: &mut String, name: &str, description: &str) {
    let lines = wrapped(description, WIDTH - 11);
    for (number, line) in lines.iter().enumerate() {
        let name = if number == 0 { name } else { "" };
        push_line(text, &format!("  {name:<9}{line}"));
    }
}

fn explain_source() -> String {
    let mut text = String::from(
        "[source.NAME]: a recording, a folder of recordings, a camera or another live stream.\n\noutput  ",
    );
    push_line(&mut text, &StreamKind::Frames.to_string());
    text.push_str("\nkeys:\n");
    let description = format!(
        "Location of the frames: {}. If it is left out here, `--source NAME=URI` sets it for each run.",
        Uri::KNOWN
    );
    push_key(&mut text, "uri", "text in quotes", &description);
    let schema = kind_schema::source();
    push_settings(&mut text, &schema);
    text.push_str("\nexamples:\n\n[source.video]\nuri = \"holiday.mp4\"\n\n[source.door]\n");
    text.push_str(schema.example);
    text
}

fn explain_query() -> String {
    let schema = kind_schema::query();
    let mut text = String::from("[query.NAME]: a standing query.\n\n");
    for line in wrapped(&schema.description, WIDTH) {
        push_line(&mut text, &line);
    }
    text.push_str("\nkeys:\n");
    push_settings(&mut text, &schema);
    text.push_str("\nexample:\n\n[query.van]\n");
    text.push_str(schema.example);
    text
}

fn explain<K>(section: &str, schema: &KindSchema<K>) -> String {
    let mut text = format!("{}: a kind of {section}\n\n", schema.name);
    for line in wrapped(&schema.description, WIDTH) {
        push_line(&mut text, &line);
    }
    let inputs: Vec<String> = schema.inputs.iter().map(ToString::to_string).collect();
    push_line(&mut text, &format!("\ninputs  {}", inputs.join(", ")));
    if let Some(output) = schema.output {
        push_line(&mut text, &format!("output  {output}"));
    }
    text.push_str("\nkeys:\n");
    push_key(&mut text, "kind", &format!("\"{}\"", schema.name), "");
    let description = "Names of sources or nodes of this file whose output this kind accepts.";
    push_key(
        &mut text,
        "inputs",
        "a list of names, required",
        description,
    );
    push_settings(&mut text, schema);
    push_line(
        &mut text,
        &format!(
            "\nexample:\n\n[{section}.NAME]\n{}",
            schema.example.trim_end()
        ),
    );
    text
}

fn push_settings<K>(text: &mut String, schema: &KindSchema<K>) {
    for setting in &schema.settings {
        let expected = type_and_default(setting);
        push_key(text, &setting.name, &expected, &setting.description);
    }
}

fn type_and_default(setting: &Setting) -> String {
    let expected = &setting.expected;
    match &setting.default {
        Some(default) => format!("{expected}, default {default}"),
        None if setting.required => format!("{expected}, required"),
        None => format!("{expected}, optional"),
    }
}

fn push_key(text: &mut String, name: &str, expected: &str, description: &str) {
    push_line(text, &format!("  {name}: {expected}"));
    for line in wrapped(description, WIDTH - 6) {
        push_line(text, &format!("      {line}"));
    }
}

fn push_line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_explained<K>(schema: &KindSchema<K>) {
        let text = kind(schema.name).unwrap();
        for setting in &schema.settings {
            assert!(
                text.contains(&format!("\n  {}: {}", setting.name, setting.expected)),
                "{text}"
            );
        }
        assert!(
            text.contains(schema.example) && text.contains("  inputs: "),
            "{text}"
        );
        let long = text.lines().filter(|line| line.chars().count() > WIDTH);
        assert_eq!(long.count(), 0, "{text}");
        assert!(overview().contains(schema.name));
    }

    #[test]
    fn every_kind_is_explained_with_all_its_keys_and_an_example() {
        let (nodes, sinks) = (kind_schema::node_kinds(), kind_schema::sink_kinds());
        nodes.iter().for_each(assert_explained);
        sinks.iter().for_each(assert_explained);
    }

    #[test]
    fn a_key_is_explained_with_its_type_default_and_description() {
        let text = kind("segment").unwrap();
        assert!(
            text.contains("  length_ms: a whole number, 0 or more, default 4000\n      A segment"),
            "{text}"
        );
        assert!(
            text.contains("inputs  encoded frames\noutput  segments\n"),
            "{text}"
        );
        assert!(
            kind("reason")
                .unwrap()
                .contains("  ask: text in quotes, required\n")
        );
        assert!(
            kind("caption")
                .unwrap()
                .contains("  max_tokens: a whole number, 0 or more, optional\n")
        );
    }

    #[test]
    fn a_source_is_explained_with_its_uri() {
        let text = kind("source").unwrap();
        assert!(text.contains("uri") && text.contains("--source"), "{text}");
    }

    #[test]
    fn an_unknown_kind_gets_a_suggestion() {
        let error = kind("capton").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no kind \"capton\"; did you mean \"caption\"?"
        );
        let error = kind("lvie").unwrap_err().to_string();
        assert!(error.ends_with("did you mean \"live\"?"), "{error}");
        assert!(kinds().all(|name| kind(name).is_ok()));
    }
}
