//! From the text of one file to what it says: the shape only, and all problems of shape.
//!
//! Nodes and sinks are decoded one by one and key by key, so that each problem has its line, and a wrong key
//! neither hides the next one nor takes its node out of the graph.

mod item;
mod reader;
mod settings;

use std::path::Path;

use atom_operators::query::QuerySpec;
use toml::de::{DeTable, DeValue};

use crate::{
    kinds,
    problem::{Problem, Problems},
    source::SourceSettings,
    spec::{Item, PipelineFile, SourceSpec},
};

use reader::{Name, Reader, Value};

const TOP_KEYS: [&str; 6] = ["name", "pack", "source", "node", "sink", "query"];

/// Reads the shape of a pipeline file; `path` is only named in problems.
///
/// # Errors
/// All problems of shape: TOML syntax, unknown, missing and doubled keys, wrong types, unknown kinds.
pub fn parse(path: &Path, text: &str) -> Result<PipelineFile, Problems> {
    let (file, problems) = parse_all(path, text);
    Problems::none_in(problems).map(|()| file)
}

/// Reads as much as can be read, for a check of the rest.
pub(crate) fn parse_all(path: &Path, text: &str) -> (PipelineFile, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut file = empty(path);
    file.whole = errors.is_empty();
    let mut reader = Reader::new(path, text);
    if file.whole {
        reader.file(&mut file, table.into_inner());
    } else {
        reader.syntax(&errors);
    }
    (file, reader.problems)
}

fn empty(path: &Path) -> PipelineFile {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    PipelineFile {
        path: path.to_owned(),
        name: stem.to_string_lossy().into_owned(),
        pack: "mini".to_owned(),
        sources: Vec::new(),
        nodes: Vec::new(),
        sinks: Vec::new(),
        queries: Vec::new(),
        pack_line: 1,
        unread_nodes: Vec::new(),
        unread_sinks: Vec::new(),
        whole: true,
    }
}

impl<'t> Reader<'t> {
    /// What TOML itself refuses, one problem a line: what follows on the same line is confusion.
    fn syntax(&mut self, errors: &[toml::de::Error]) {
        for error in errors {
            let line = self.line(error.span().unwrap_or_default());
            if self.problems.iter().all(|problem| problem.line != line) {
                let message = format!("not TOML: {}", error.message());
                self.report(
                    line,
                    message,
                    "texts stand in quotes, lists in [ ], one key a line",
                );
            }
        }
    }

    fn file(&mut self, file: &mut PipelineFile, table: DeTable<'t>) {
        let (nodes, sinks) = (kinds::nodes(), kinds::sinks());
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => file.name = self.word("the file", &key, &value).unwrap_or_default(),
                "pack" => {
                    file.pack_line = self.line(key.span());
                    file.pack = self.word("the file", &key, &value).unwrap_or_default();
                }
                "source" => {
                    for (name, body) in self.section(&key, value) {
                        file.sources.push(self.source(&name, body));
                    }
                }
                "node" => {
                    for (name, body) in self.section(&key, value) {
                        match self.item("node", &name, body, &nodes) {
                            Ok(node) => file.nodes.push(node),
                            Err(unread) => file.unread_nodes.push(unread),
                        }
                    }
                }
                "sink" => {
                    for (name, body) in self.section(&key, value) {
                        match self.item("sink", &name, body, &sinks) {
                            Ok(sink) => file.sinks.push(sink),
                            Err(unread) => file.unread_sinks.push(unread),
                        }
                    }
                }
                "query" => {
                    for (name, body) in self.section(&key, value) {
                        file.queries.push(self.query(&name, body));
                    }
                }
                _ => self.unknown_key("the file", &key, &TOP_KEYS),
            }
        }
        in_order_of_the_file(file);
    }

    /// The tables `[key.NAME]`.
    fn section(&mut self, key: &Name<'t>, value: Value<'t>) -> Vec<(Name<'t>, DeTable<'t>)> {
        let hint = format!("write [{key}.NAME] with a name of your choice, and its keys below");
        let line = self.line(key.span());
        let DeValue::Table(table) = value.into_inner() else {
            self.report(
                line,
                format!("{:?} is no table of names", key.get_ref()),
                hint,
            );
            return Vec::new();
        };
        let mut bodies = Vec::new();
        for (name, body) in table {
            let line = self.line(name.span());
            match body.into_inner() {
                DeValue::Table(body) => bodies.push((name, body)),
                _ => self.report(line, format!("\"{key}.{name}\" is no table"), &hint),
            }
        }
        bodies
    }

    fn source(&mut self, name: &Name<'t>, mut body: DeTable<'t>) -> SourceSpec {
        let owner = format!("source {:?}", name.get_ref());
        self.name(&owner, name);
        let line = self.line(name.span());
        let keys = body.iter();
        let lines = keys.map(|(key, _)| (key.to_string(), self.line(key.span())));
        let mut source = SourceSpec {
            name: name.to_string(),
            uri: None,
            settings: SourceSettings::default(),
            line,
            lines: lines.collect(),
            overridden: false,
            sound: true,
        };
        if let Some((key, value)) = body.remove_entry("uri") {
            source.line = self.line(key.span());
            source.uri = self.word(&owner, &key, &value);
            source.sound = source.uri.is_some();
        }
        source.settings = self.settings(&owner, line, body, &kinds::source());
        source
    }
}

impl<'t> Reader<'t> {
    fn query(&mut self, name: &Name<'t>, body: DeTable<'t>) -> Item<QuerySpec> {
        let owner = format!("query {:?}", name.get_ref());
        self.name(&owner, name);
        let line = self.line(name.span());
        let keys = body.iter();
        let lines = keys.map(|(key, _)| (key.to_string(), self.line(key.span())));
        let lines = lines.collect();
        let before = self.problems.len();
        let spec = self.settings(&owner, line, body, &kinds::query());
        Item {
            name: name.to_string(),
            kind: spec,
            inputs: Vec::new(),
            line,
            lines,
            inputs_sound: true,
            settings_sound: self.problems.len() == before,
        }
    }
}

fn in_order_of_the_file(file: &mut PipelineFile) {
    file.sources.sort_by_key(|source| source.line);
    file.nodes.sort_by_key(|node| node.line);
    file.sinks.sort_by_key(|sink| sink.line);
    file.queries.sort_by_key(|query| query.line);
}

#[cfg(test)]
mod tests;
