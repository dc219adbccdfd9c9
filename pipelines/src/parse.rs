//! Parses one pipeline file. Only its shape is checked, and all problems of shape are reported.
//!
//! Each item is decoded on its own, key by key. So every problem has its line, and a wrong key neither hides the next
//! one nor removes its node from the graph.

mod duplicate_definitions;
mod node_or_sink;
mod parse_context;
mod settings;

use std::path::Path;

use atom_operators::standing::query::QuerySpec;
use toml::de::{DeTable, DeValue};

use crate::{
    kind_schema,
    pipeline_file::{Item, PipelineFile, SourceSpec},
    problem::{Problem, Problems},
    source_settings::SourceSettings,
};

use duplicate_definitions::{first_definition, what_is_defined};
use parse_context::{Key, ParseContext, Value};

const TOP_LEVEL_KEYS: [&str; 6] = ["name", "pack", "source", "node", "sink", "query"];

/// Parses a pipeline file; `path` is only shown in problems.
///
/// # Errors
/// All problems of shape: TOML syntax, unknown, missing and duplicate keys, wrong types, unknown kinds.
pub fn parse(path: &Path, text: &str) -> Result<PipelineFile, Problems> {
    let (file, problems) = parse_partially(path, text);
    Problems::ok_if_empty(problems).map(|()| file)
}

/// Parses as much as possible, so that the rest can still be checked, and returns the problems beside it.
pub(crate) fn parse_partially(path: &Path, text: &str) -> (PipelineFile, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut file = empty_file(path);
    file.valid_toml = errors.is_empty();
    let mut context = ParseContext::new(path, text);
    if file.valid_toml {
        context.file(&mut file, table.into_inner());
    } else {
        context.report_syntax_errors(&errors);
    }
    (file, context.problems)
}

fn empty_file(path: &Path) -> PipelineFile {
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
        unparsed_nodes: Vec::new(),
        unparsed_sinks: Vec::new(),
        valid_toml: true,
    }
}

impl<'t> ParseContext<'t> {
    /// Reports TOML errors, at most one per line: further errors on a line follow from the first. Of a table that is defined
    /// twice, the keys follow from its header.
    fn report_syntax_errors(&mut self, errors: &[toml::de::Error]) {
        let mut duplicates = false;
        for error in errors {
            let line = self.line(error.span().unwrap_or_default());
            if self.problems.iter().any(|problem| problem.line == line) {
                continue;
            }
            let message = format!("invalid TOML: {}", error.message());
            let duplicate = error.message().contains("duplicate key");
            let first = first_definition(self.text, line).filter(|_| duplicate);
            if let Some(first) = first {
                let what = what_is_defined(self.text, line);
                let message = format!("{message}: {what} is defined here and on line {first}");
                self.report(line, message, "rename one of them, or merge them");
                duplicates = true;
            } else if !(duplicate && duplicates) {
                let hint = "write text in quotes, lists in [ ], and one key per line";
                self.report(line, message, hint);
            }
        }
    }

    fn file(&mut self, file: &mut PipelineFile, table: DeTable<'t>) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => {
                    let name = self.non_empty_text("the file", &key, &value);
                    file.name = name.unwrap_or_default();
                }
                "pack" => {
                    let pack = self.non_empty_text("the file", &key, &value);
                    file.pack_line = self.line(key.span());
                    file.pack = pack.unwrap_or_default();
                }
                "source" => {
                    for (name, body) in self.section(&key, value) {
                        file.sources.push(self.source(&name, body));
                    }
                }
                "node" => self.nodes(file, &key, value),
                "sink" => self.sinks(file, &key, value),
                "query" => {
                    for (name, body) in self.section(&key, value) {
                        file.queries.push(self.query(&name, body));
                    }
                }
                _ => self.report_unknown_key("the file", &key, &TOP_LEVEL_KEYS),
            }
        }
        sort_by_line(file);
    }

    fn nodes(&mut self, file: &mut PipelineFile, key: &Key<'t>, value: Value<'t>) {
        let kinds = kind_schema::node_kinds();
        for (name, body) in self.section(key, value) {
            match self.node_or_sink("node", &name, body, &kinds) {
                Ok(node) => file.nodes.push(node),
                Err(unparsed) => file.unparsed_nodes.push(unparsed),
            }
        }
    }

    fn sinks(&mut self, file: &mut PipelineFile, key: &Key<'t>, value: Value<'t>) {
        let kinds = kind_schema::sink_kinds();
        for (name, body) in self.section(key, value) {
            match self.node_or_sink("sink", &name, body, &kinds) {
                Ok(sink) => file.sinks.push(sink),
                Err(unparsed) => file.unparsed_sinks.push(unparsed),
            }
        }
    }

    /// Returns the tables `[key.NAME]` with their names.
    fn section(&mut self, key: &Key<'t>, value: Value<'t>) -> Vec<(Key<'t>, DeTable<'t>)> {
        let hint = format!("write [{key}.NAME] with a name of your choice, and its keys below it");
        let line = self.line(key.span());
        let DeValue::Table(table) = value.into_inner() else {
            self.report(line, format!("{:?} is not a table", key.get_ref()), hint);
            return Vec::new();
        };
        let mut bodies = Vec::new();
        for (name, body) in table {
            let line = self.line(name.span());
            match body.into_inner() {
                DeValue::Table(body) => bodies.push((name, body)),
                _ => self.report(line, format!("\"{key}.{name}\" is not a table"), &hint),
            }
        }
        bodies
    }

    fn source(&mut self, name: &Key<'t>, mut body: DeTable<'t>) -> SourceSpec {
        let owner = format!("source {:?}", name.get_ref());
        self.check_name(&owner, name);
        let line = self.line(name.span());
        let mut source = SourceSpec {
            name: name.to_string(),
            uri: None,
            settings: SourceSettings::default(),
            line,
            key_lines: self.key_lines(&body),
            overridden: false,
            uri_valid: true,
        };
        if let Some((key, value)) = body.remove_entry("uri") {
            source.line = self.line(key.span());
            source.uri = self.non_empty_text(&owner, &key, &value);
            source.uri_valid = source.uri.is_some();
        }
        source.settings = self.settings(&owner, line, body, &kind_schema::source());
        source
    }

    fn query(&mut self, name: &Key<'t>, body: DeTable<'t>) -> Item<QuerySpec> {
        let owner = format!("query {:?}", name.get_ref());
        self.check_name(&owner, name);
        let line = self.line(name.span());
        let key_lines = self.key_lines(&body);
        let before = self.problems.len();
        let spec = self.settings(&owner, line, body, &kind_schema::query());
        Item {
            name: name.to_string(),
            kind: spec,
            inputs: Vec::new(),
            line,
            key_lines,
            inputs_valid: true,
            settings_valid: self.problems.len() == before,
        }
    }
}

fn sort_by_line(file: &mut PipelineFile) {
    file.sources.sort_by_key(|source| source.line);
    file.nodes.sort_by_key(|node| node.line);
    file.sinks.sort_by_key(|sink| sink.line);
    file.queries.sort_by_key(|query| query.line);
}

#[cfg(test)]
mod tests;
