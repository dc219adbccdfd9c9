//! The text of `atom docs`: every kind and key, taken from the settings structs, so that it cannot go stale.

use std::fmt::Write;

use atom_operators::node::StreamKind;
use thiserror::Error;

use crate::{
    kinds::{self, Form, Key},
    near::did_you_mean,
    uri::Uri,
};

/// Columns of running text.
const WIDTH: usize = 88;

/// A kind that is asked for and does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no kind {kind:?}; {hint}")]
pub struct UnknownKind {
    /// The kind as written.
    pub kind: String,
    /// The nearest kind, or all of them.
    pub hint: String,
}

/// Explains one kind of node or sink, or `source`.
///
/// # Errors
/// A kind that does not exist.
///
/// ```
/// assert!(atom_pipelines::docs::kind("segment").unwrap().contains("length_ms"));
/// ```
pub fn kind(kind: &str) -> Result<String, UnknownKind> {
    if kind == "source" {
        return Ok(source());
    }
    if kind == "query" {
        return Ok(query());
    }
    let (nodes, sinks) = (kinds::nodes(), kinds::sinks());
    if let Some(form) = nodes.iter().find(|form| form.name == kind) {
        return Ok(explained("node", form));
    }
    if let Some(form) = sinks.iter().find(|form| form.name == kind) {
        return Ok(explained("sink", form));
    }
    let hint = did_you_mean(kind, kinds());
    Err(UnknownKind {
        kind: kind.to_owned(),
        hint,
    })
}

/// All kinds that [`kind`] explains.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    let nodes = kinds::nodes().into_iter().map(|form| form.name);
    let sinks = kinds::sinks().into_iter().map(|form| form.name);
    ["source", "query"].into_iter().chain(nodes).chain(sinks)
}

/// Explains pipeline files and lists all kinds.
pub fn overview() -> String {
    let mut text = String::from(
        "A pipeline file is TOML. It has these keys and tables:\n\n\
         \x20 name            the pipeline's name; the file's name if absent\n\
         \x20 pack            the pack of models; \"mini\" if absent\n\
         \x20 [source.NAME]   what is watched\n\
         \x20 [node.NAME]     what is done with it: a kind, its inputs, its settings\n\
         \x20 [sink.NAME]     where results are written: a kind, its inputs, its settings\n\
         \x20 [query.NAME]    what is looked for in all that the file indexes, again and again\n\n\
         Names are yours to choose, of letters, digits, _ and -.\n\
         Relative paths are relative to the working directory.\n\nKinds of nodes:\n",
    );
    for form in kinds::nodes() {
        listed(&mut text, form.name, &form.about);
    }
    text.push_str("\nKinds of sinks:\n");
    for form in kinds::sinks() {
        listed(&mut text, form.name, &form.about);
    }
    text.push_str(
        "\natom docs KIND explains the keys of a kind; atom docs source, those of a source; atom docs query, those of a query.\n",
    );
    text
}

fn listed(text: &mut String, name: &str, about: &str) {
    let words = wrapped(about, WIDTH - 11);
    for (at, line) in words.iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        push(text, &format!("  {name:<9}{line}"));
    }
}

fn source() -> String {
    let mut text =
        String::from("[source.NAME]: what is watched, a stream of frames in order.\n\ngives  ");
    push(&mut text, &StreamKind::Frames.to_string());
    text.push_str("\nkeys:\n");
    let about = format!(
        "Where the frames come from: {}. May be left out here and given for each run by the option \
         --source. Folders are for: atom index.",
        Uri::KNOWN
    );
    entry(&mut text, "uri", "text in quotes", &about);
    let form = kinds::source();
    for key in &form.keys {
        entry(&mut text, &key.name, &expected(key), &key.about);
    }
    text.push_str("\nexamples:\n\n[source.video]\nuri = \"holiday.mp4\"\n\n[source.door]\n");
    text.push_str(form.example);
    text
}

fn query() -> String {
    let form = kinds::query();
    let mut text = String::from("[query.NAME]: a standing query.\n\n");
    for line in wrapped(&form.about, WIDTH) {
        push(&mut text, &line);
    }
    text.push_str("\nkeys:\n");
    for key in &form.keys {
        entry(&mut text, &key.name, &expected(key), &key.about);
    }
    text.push_str("\nexample:\n\n[query.van]\n");
    text.push_str(form.example);
    text
}

fn explained<K>(section: &str, form: &Form<K>) -> String {
    let mut text = format!("{}: a kind of {section}\n\n", form.name);
    for line in wrapped(&form.about, WIDTH) {
        push(&mut text, &line);
    }
    let takes: Vec<String> = form.takes.iter().map(ToString::to_string).collect();
    push(&mut text, &format!("\ntakes  {}", takes.join(", ")));
    if let Some(gives) = form.gives {
        push(&mut text, &format!("gives  {gives}"));
    }
    text.push_str("\nkeys:\n");
    entry(&mut text, "kind", &format!("\"{}\"", form.name), "");
    let about = "Names of sources or nodes of this file that send what this kind takes.";
    entry(&mut text, "inputs", "a list of names, required", about);
    for key in &form.keys {
        entry(&mut text, &key.name, &expected(key), &key.about);
    }
    push(
        &mut text,
        &format!(
            "\nexample:\n\n[{section}.NAME]\n{}",
            form.example.trim_end()
        ),
    );
    text
}

/// The type of a key and its default.
fn expected(key: &Key) -> String {
    match &key.default {
        Some(default) => format!("{}, default {default}", key.expects),
        None if key.required => format!("{}, required", key.expects),
        None => format!("{}, may be absent", key.expects),
    }
}

fn entry(text: &mut String, name: &str, expected: &str, about: &str) {
    push(text, &format!("  {name}: {expected}"));
    for line in wrapped(about, WIDTH - 6) {
        push(text, &format!("      {line}"));
    }
}

fn push(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes all text");
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

    fn holds_its_keys<K>(form: &Form<K>) {
        let text = kind(form.name).unwrap();
        for key in &form.keys {
            assert!(
                text.contains(&format!("\n  {}: {}", key.name, key.expects)),
                "{text}"
            );
        }
        assert!(
            text.contains(form.example) && text.contains("  inputs: "),
            "{text}"
        );
        let long = text.lines().filter(|line| line.chars().count() > WIDTH);
        assert_eq!(long.count(), 0, "{text}");
        assert!(overview().contains(form.name));
    }

    #[test]
    fn every_kind_is_explained_with_all_its_keys_and_an_example() {
        kinds::nodes().iter().for_each(holds_its_keys);
        kinds::sinks().iter().for_each(holds_its_keys);
    }

    #[test]
    fn a_key_shows_type_default_and_explanation() {
        let text = kind("segment").unwrap();
        assert!(
            text.contains("  length_ms: a whole number, 0 or more, default 4000\n      A segment"),
            "{text}"
        );
        assert!(
            text.contains("takes  encoded frames\ngives  scenes\n"),
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
                .contains("  max_tokens: a whole number, 0 or more, may be absent\n")
        );
    }

    #[test]
    fn a_source_is_explained_too() {
        let text = kind("source").unwrap();
        assert!(text.contains("uri") && text.contains("--source"), "{text}");
    }

    #[test]
    fn suggests_the_kind_that_was_meant() {
        let error = kind("capton").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no kind \"capton\"; did you mean \"caption\"?"
        );
        assert!(kinds().all(|name| kind(name).is_ok()));
    }
}
