//! What one pipeline file says, as plain data.
//!
//! Every item keeps the line on which it stands, because most problems show only in the whole graph. Parts that
//! could not be read are marked and not dropped: an input that names them is then not reported as unknown too.

use std::{collections::BTreeMap, path::PathBuf};

use atom_operators::{node::NodeKind, query::QuerySpec};

use crate::{sink::SinkKind, source::SourceSettings};

/// A pipeline file: sources, nodes and sinks in the order of the file.
#[derive(Clone, Debug)]
pub struct PipelineFile {
    /// Where it was read; problems name it.
    pub path: PathBuf,
    /// The pipeline's name; the file's stem if the file gives none.
    pub name: String,
    /// The pack of models; `mini` if the file names none, empty if what it names was refused.
    pub pack: String,
    /// What is watched.
    pub sources: Vec<SourceSpec>,
    /// What is done with it.
    pub nodes: Vec<NodeSpec>,
    /// Where results go.
    pub sinks: Vec<SinkSpec>,
    /// What is looked for in all that this file indexes, again and again.
    pub queries: Vec<Item<QuerySpec>>,
    /// The line of `pack`, 1 if there is none.
    pub(crate) pack_line: usize,
    /// Nodes whose kind could not be read.
    pub(crate) unread_nodes: Vec<Item<()>>,
    /// Sinks whose kind could not be read.
    pub(crate) unread_sinks: Vec<Item<()>>,
    /// Whether the text was TOML at all; if not, parts may be missing and the graph says nothing.
    pub(crate) whole: bool,
}

/// A source: a name and where its frames come from.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// Its name in this file.
    pub name: String,
    /// Where its frames come from; absent if it is to be given for each run.
    pub uri: Option<String>,
    /// Its other settings.
    pub settings: SourceSettings,
    /// The line of its `uri`, else of its opening.
    pub line: usize,
    /// The line of every key that the file gives.
    pub(crate) lines: BTreeMap<String, usize>,
    /// Whether the uri came from the command line.
    pub(crate) overridden: bool,
    /// Whether the file's uri was read without a problem.
    pub(crate) sound: bool,
}

/// A node or a sink: a name, a kind with its settings, and the names of what it takes. A query is one too, and takes nothing by
/// name.
#[derive(Clone, Debug)]
pub struct Item<K> {
    /// Its name in this file.
    pub name: String,
    /// Its kind with its settings.
    pub kind: K,
    /// What it takes.
    pub inputs: Vec<InputSpec>,
    /// The line of its opening.
    pub line: usize,
    /// The line of every key that the file gives.
    pub(crate) lines: BTreeMap<String, usize>,
    /// Whether `inputs` was read without a problem.
    pub(crate) inputs_sound: bool,
    /// Whether all settings were read without a problem; if not, `kind` holds defaults for the rest.
    pub(crate) settings_sound: bool,
}

/// A node of a pipeline file.
pub type NodeSpec = Item<NodeKind>;

/// A sink of a pipeline file.
pub type SinkSpec = Item<SinkKind>;

/// One name among the inputs of a node or sink.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// The name as written.
    pub name: String,
    /// Its line.
    pub line: usize,
}

impl PipelineFile {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&NodeSpec> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The source of that name.
    pub fn source(&self, name: &str) -> Option<&SourceSpec> {
        self.sources.iter().find(|source| source.name == name)
    }
}

impl<K> Item<K> {
    /// The line of a key, else of the item's opening.
    pub(crate) fn line_of(&self, key: &str) -> usize {
        self.lines.get(key).copied().unwrap_or(self.line)
    }
}

impl Item<()> {
    /// The same item, now that its kind is known.
    pub(crate) fn of_kind<K>(self, kind: K, settings_sound: bool) -> Item<K> {
        Item {
            name: self.name,
            kind,
            inputs: self.inputs,
            line: self.line,
            lines: self.lines,
            inputs_sound: self.inputs_sound,
            settings_sound,
        }
    }
}
