//! The contents of one pipeline file as plain data.
//!
//! Every item keeps its line, because most problems appear only in the graph as a whole. Items that could not be
//! parsed are kept and marked, so that an input that names one of them is not reported as unknown too.

use std::{collections::BTreeMap, path::PathBuf};

use atom_operators::{node::NodeKind, standing::query::QuerySpec};

use crate::{sink_settings::SinkKind, source_settings::SourceSettings};

/// A pipeline file: sources, nodes, sinks and queries in the order of the file.
#[derive(Clone, Debug)]
pub struct PipelineFile {
    /// The path of the file, as problems show it.
    pub path: PathBuf,
    /// The pipeline's name; the file's stem if the file gives none.
    pub name: String,
    /// The model pack; `mini` if the file names none, empty if the value was rejected.
    pub pack: String,
    /// The video sources.
    pub sources: Vec<SourceSpec>,
    /// The processing steps.
    pub nodes: Vec<NodeSpec>,
    /// The destinations of results.
    pub sinks: Vec<SinkSpec>,
    /// Standing queries over everything that this file indexes.
    pub queries: Vec<Item<QuerySpec>>,
    /// The line of `pack`; 1 if the file has no such key.
    pub(crate) pack_line: usize,
    /// Nodes whose kind could not be parsed.
    pub(crate) unparsed_nodes: Vec<Item<()>>,
    /// Sinks whose kind could not be parsed.
    pub(crate) unparsed_sinks: Vec<Item<()>>,
    /// True if the text is valid TOML. If not, items may be missing, so the graph is not checked.
    pub(crate) valid_toml: bool,
}

/// A source: a name, the URI of its frames, and its settings.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// The source's name in this file.
    pub name: String,
    /// The URI of its frames; absent if each run provides it.
    pub uri: Option<String>,
    /// All settings other than the URI.
    pub settings: SourceSettings,
    /// The line of `uri`, or of the table header if there is none.
    pub line: usize,
    /// The line of each key that the file gives.
    pub(crate) key_lines: BTreeMap<String, usize>,
    /// True if the URI comes from the command line.
    pub(crate) overridden: bool,
    /// True if the file's URI was parsed without a problem.
    pub(crate) uri_valid: bool,
}

/// A node or a sink: a name, a kind with its settings, and the names of its inputs. A query is an item without inputs.
#[derive(Clone, Debug)]
pub struct Item<K> {
    /// The item's name in this file.
    pub name: String,
    /// Its kind with its settings.
    pub kind: K,
    /// Its inputs.
    pub inputs: Vec<InputSpec>,
    /// The line of its table header.
    pub line: usize,
    /// The line of each key that the file gives.
    pub(crate) key_lines: BTreeMap<String, usize>,
    /// True if `inputs` was parsed without a problem.
    pub(crate) inputs_valid: bool,
    /// True if all settings were parsed without a problem. If not, `kind` holds defaults for those that failed.
    pub(crate) settings_valid: bool,
}

/// A node of a pipeline file.
pub type NodeSpec = Item<NodeKind>;

/// A sink of a pipeline file.
pub type SinkSpec = Item<SinkKind>;

/// One name in the `inputs` list of a node or sink.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// The name as written.
    pub name: String,
    /// Its line.
    pub line: usize,
}

impl PipelineFile {
    /// Makes problems of the sinks name an option of the command line, which gave them, instead of lines of this file.
    pub fn attribute_sinks_to(&mut self, option: &str) {
        self.path = option.into();
        for sink in &mut self.sinks {
            sink.line = 0;
            sink.key_lines.clear();
        }
    }

    /// Returns the node with this name.
    pub fn node(&self, name: &str) -> Option<&NodeSpec> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// Returns the source with this name.
    pub fn source(&self, name: &str) -> Option<&SourceSpec> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Returns all nodes that take input from the source or node `name`, directly or through other nodes.
    pub(crate) fn downstream(&self, name: &str) -> Vec<&NodeSpec> {
        let mut found: Vec<&NodeSpec> = Vec::new();
        let mut pending = vec![name];
        while let Some(name) = pending.pop() {
            for node in &self.nodes {
                let takes = node.inputs.iter().any(|input| input.name == name);
                if takes && found.iter().all(|other| other.name != node.name) {
                    found.push(node);
                    pending.push(&node.name);
                }
            }
        }
        found
    }
}

impl<K> Item<K> {
    /// Returns the line of a key, or of the table header if the file does not give the key.
    pub(crate) fn line_of(&self, key: &str) -> usize {
        self.key_lines.get(key).copied().unwrap_or(self.line)
    }
}

impl Item<()> {
    /// Returns the same item with its kind.
    pub(crate) fn with_kind<K>(self, kind: K, settings_valid: bool) -> Item<K> {
        Item {
            name: self.name,
            kind,
            inputs: self.inputs,
            line: self.line,
            key_lines: self.key_lines,
            inputs_valid: self.inputs_valid,
            settings_valid,
        }
    }
}
