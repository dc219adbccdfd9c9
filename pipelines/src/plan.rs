//! The plan of a run: the nodes of all its files as one graph, in which equal work is done once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use atom_operators::{node::NodeKind, standing::query::QuerySpec};

use crate::{sink_settings::SinkKind, source_settings::SourceSettings, uri::Uri};

/// All files of one run as one graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The names of the files' pipelines, joined by `+`.
    pub name: String,
    /// The model pack that all of them use.
    pub pack: String,
    /// The video sources.
    pub sources: Vec<PlannedSource>,
    /// The processing steps in topological order: each node comes after its inputs.
    pub nodes: Vec<PlannedNode>,
    /// The sinks of each file; they are never merged.
    pub sinks: Vec<PlannedSink>,
    /// The standing queries of each file that has an index.
    pub queries: Vec<PlannedQueries>,
}

/// The standing queries of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedQueries {
    /// The pipeline's name.
    pub pipeline: String,
    /// The indexes that the queries search: all indexes that the file writes.
    pub stores: BTreeSet<PathBuf>,
    /// The queries with their names.
    pub queries: Vec<(String, QuerySpec)>,
}

/// A source that is opened once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSource {
    /// The name in the first file that has it. It is unique within the plan.
    pub name: String,
    /// The URI of its frames.
    pub uri: String,
    /// All settings other than the URI.
    pub settings: SourceSettings,
    /// The names that other files give to the same URI.
    pub aliases: Vec<String>,
}

/// An input of a node, as an index into the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// An index into [`Plan::sources`].
    Source(usize),
    /// An index into [`Plan::nodes`].
    Node(usize),
}

/// A node that runs once for all nodes that were merged into it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedNode {
    /// The name of the first merged node. Two planned nodes may share a name if they come from different files.
    pub name: String,
    /// Its kind with its settings.
    pub kind: NodeKind,
    /// Its inputs, sorted and without duplicates.
    pub inputs: Vec<Input>,
    /// `FILE:NAME` of every node merged into it.
    pub origins: Vec<String>,
    /// For a sampler: the lengths of all segments made from its frames, sorted and without duplicates. Otherwise empty.
    pub segment_lengths_ms: Vec<u64>,
    /// For an index: the name that its file gives to each planned source upstream. Otherwise empty.
    pub source_names: BTreeMap<usize, String>,
}

/// A sink of one of the files.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedSink {
    /// Its name in its file.
    pub name: String,
    /// Its kind with its settings.
    pub kind: SinkKind,
    /// Its inputs, in the order of the file.
    pub inputs: Vec<SinkInput>,
    /// The name that its file gives to each planned source upstream.
    pub source_names: BTreeMap<usize, String>,
}

/// An input of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkInput {
    /// The index into [`Plan::nodes`].
    pub node: usize,
    /// The node's name in the sink's file.
    pub name: String,
}

impl PlannedSource {
    /// Returns true if the source is live.
    pub fn is_live(&self) -> bool {
        self.settings.is_live(&self.uri)
    }

    /// Returns true if the source stands for all recordings of a folder.
    pub fn is_folder(&self) -> bool {
        matches!(Uri::parse(&self.uri), Ok(Uri::Folder(_)))
    }
}

impl Plan {
    /// Returns the planned sources upstream of an input.
    pub fn sources_of(&self, input: Input) -> BTreeSet<usize> {
        match input {
            Input::Source(source) => BTreeSet::from([source]),
            Input::Node(node) => {
                let inputs = self.nodes[node].inputs.iter();
                inputs.flat_map(|input| self.sources_of(*input)).collect()
            }
        }
    }
}

/// Returns the file that an index node writes.
pub(crate) fn store_of(kind: &NodeKind) -> Option<&PathBuf> {
    match kind {
        NodeKind::Index(spec) => Some(&spec.store),
        _ => None,
    }
}
