//! Merges the nodes of all files into one plan in which equal work is done once.
//!
//! Two nodes are merged if their kind, settings and inputs are equal, within a file and across files. Inputs are compared
//! after they have been merged themselves, so whole branches merge from their sources downwards. Two more properties must
//! be equal: for a sampler the lengths of all segments below it, because sampling restarts at every multiple of them, and
//! for an index the source names of its file, because it writes them into its rows.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::PathBuf,
};

use atom_operators::node::NodeKind;

use crate::{
    pipeline_file::{InputSpec, NodeSpec, PipelineFile},
    plan::{
        Input, Plan, PlannedNode, PlannedQueries, PlannedSink, PlannedSource, SinkInput, store_of,
    },
    uri::same_source,
};

/// A plan with the origin of its nodes.
pub(crate) struct Merged<'f> {
    pub(crate) plan: Plan,
    /// For each planned node, the file and the node from which it was first made.
    pub(crate) origins: Vec<(&'f PipelineFile, &'f NodeSpec)>,
}

/// Plans files, merging equal nodes. Files that pass [`crate::check()`] are planned completely.
pub fn plan(files: &[PipelineFile]) -> Plan {
    merge(files).plan
}

pub(crate) fn merge(files: &[PipelineFile]) -> Merged<'_> {
    let mut names: Vec<&str> = Vec::new();
    for file in files {
        if !names.contains(&file.name.as_str()) {
            names.push(&file.name);
        }
    }
    let mut plan = Plan {
        name: names.join("+"),
        pack: files.first().map_or("mini", |file| &file.pack).to_owned(),
        sources: Vec::new(),
        nodes: Vec::new(),
        sinks: Vec::new(),
        queries: files.iter().filter_map(queries).collect(),
    };
    let mut origins = Vec::new();
    for file in files {
        let sources = merge_sources(&mut plan, file);
        let planned = sources
            .into_iter()
            .map(|(name, source)| (name, Input::Source(source)));
        let mut merger = FileMerger {
            plan: &mut plan,
            file,
            planned: planned.collect(),
        };
        for node in topological_order(file) {
            if merger.add_node(node) {
                origins.push((file, node));
            }
        }
        merger.add_sinks();
    }
    Merged { plan, origins }
}

/// Returns the standing queries of a file that has an index.
fn queries(file: &PipelineFile) -> Option<PlannedQueries> {
    let stores = file.nodes.iter().filter_map(|node| store_of(&node.kind));
    let stores: BTreeSet<PathBuf> = stores.cloned().collect();
    let queries = file.queries.iter();
    (!stores.is_empty()).then(|| PlannedQueries {
        pipeline: file.name.clone(),
        stores,
        queries: queries
            .map(|query| (query.name.clone(), query.kind.clone()))
            .collect(),
    })
}

/// Finds or adds a planned source for each source of a file, and returns their indexes by name. Two sources of one file
/// are never merged.
fn merge_sources<'f>(plan: &mut Plan, file: &'f PipelineFile) -> BTreeMap<&'f str, usize> {
    let mut indexes = matching_sources(plan, file);
    for source in &file.sources {
        let index = *indexes.entry(&source.name).or_insert_with(|| {
            plan.sources.push(PlannedSource {
                name: source.name.clone(),
                uri: source.uri.clone().unwrap_or_default(),
                settings: source.settings.clone(),
                aliases: Vec::new(),
            });
            plan.sources.len() - 1
        });
        let planned = &mut plan.sources[index];
        if planned.name != source.name && !planned.aliases.contains(&source.name) {
            planned.aliases.push(source.name.clone());
        }
    }
    indexes
}

/// Matches the sources of a file with planned sources of the same URI and settings.
///
/// Equal names are matched first, then aliases, then other names, so that names stay unique within the plan.
fn matching_sources<'f>(plan: &Plan, file: &'f PipelineFile) -> BTreeMap<&'f str, usize> {
    let mut indexes: BTreeMap<&str, usize> = BTreeMap::new();
    let passes: [fn(&PlannedSource, &str) -> bool; 3] = [
        |planned, name| planned.name == name,
        |planned, name| planned.aliases.iter().any(|alias| alias == name),
        |_, _| true,
    ];
    for name_matches in passes {
        for source in &file.sources {
            if indexes.contains_key(source.name.as_str()) {
                continue;
            }
            let uri = source.uri.as_deref().unwrap_or_default();
            let index = (0..plan.sources.len()).find(|index| {
                let planned = &plan.sources[*index];
                name_matches(planned, &source.name)
                    && indexes.values().all(|used| used != index)
                    && same_source(&planned.uri, uri)
                    && planned.settings == source.settings
            });
            if let Some(index) = index {
                indexes.insert(&source.name, index);
            }
        }
    }
    indexes
}

/// Adds the nodes and sinks of one file to the plan.
struct FileMerger<'p, 'f> {
    plan: &'p mut Plan,
    file: &'f PipelineFile,
    /// The planned items of the file's sources and of the nodes added so far, by name.
    planned: BTreeMap<&'f str, Input>,
}

impl<'f> FileMerger<'_, 'f> {
    /// Merges the node with an equal one or adds it. Returns true if it was added.
    fn add_node(&mut self, node: &'f NodeSpec) -> bool {
        let mut planned = self.planned_node(node);
        let equal = self.plan.nodes.iter_mut().position(|other| {
            other.kind == planned.kind
                && other.inputs == planned.inputs
                && other.segment_lengths_ms == planned.segment_lengths_ms
                && other.source_names == planned.source_names
        });
        let index = equal.unwrap_or(self.plan.nodes.len());
        self.planned.insert(&node.name, Input::Node(index));
        match equal {
            Some(index) => self.plan.nodes[index].origins.append(&mut planned.origins),
            None => self.plan.nodes.push(planned),
        }
        equal.is_none()
    }

    fn planned_node(&self, node: &NodeSpec) -> PlannedNode {
        let inputs: BTreeSet<Input> = self.inputs(&node.inputs).map(|(_, input)| input).collect();
        let source_names = match node.kind {
            NodeKind::Index(_) => self.source_names(inputs.iter().copied()),
            _ => BTreeMap::new(),
        };
        PlannedNode {
            name: node.name.clone(),
            kind: node.kind.clone(),
            inputs: inputs.into_iter().collect(),
            origins: vec![format!("{}:{}", self.file.path.display(), node.name)],
            segment_lengths_ms: segment_lengths_ms(self.file, node),
            source_names,
        }
    }

    fn add_sinks(&mut self) {
        for sink in &self.file.sinks {
            let inputs = self
                .inputs(&sink.inputs)
                .filter_map(|(name, input)| match input {
                    Input::Node(node) => Some(SinkInput {
                        node,
                        name: name.to_owned(),
                    }),
                    Input::Source(_) => None,
                });
            let inputs: Vec<SinkInput> = inputs.collect();
            let source_names =
                self.source_names(inputs.iter().map(|input| Input::Node(input.node)));
            self.plan.sinks.push(PlannedSink {
                name: sink.name.clone(),
                kind: sink.kind.clone(),
                inputs,
                source_names,
            });
        }
    }

    fn inputs<'a>(&self, inputs: &'a [InputSpec]) -> impl Iterator<Item = (&'a str, Input)> {
        inputs.iter().filter_map(|input| {
            let planned = self.planned.get(input.name.as_str())?;
            Some((input.name.as_str(), *planned))
        })
    }

    /// Returns this file's names of the sources upstream of `inputs`.
    fn source_names(&self, inputs: impl Iterator<Item = Input>) -> BTreeMap<usize, String> {
        let upstream: BTreeSet<usize> = inputs
            .flat_map(|input| self.plan.sources_of(input))
            .collect();
        let names = self.planned.iter().filter_map(|(name, input)| match input {
            Input::Source(source) if upstream.contains(source) => {
                Some((*source, (*name).to_owned()))
            }
            _ => None,
        });
        names.collect()
    }
}

/// Returns the nodes of a file, each after its inputs, otherwise in the order of the file.
fn topological_order(file: &PipelineFile) -> Vec<&NodeSpec> {
    fn visit<'f>(
        file: &'f PipelineFile,
        node: &'f NodeSpec,
        visited: &mut HashSet<&'f str>,
        order: &mut Vec<&'f NodeSpec>,
    ) {
        if visited.insert(&node.name) {
            let inputs = node.inputs.iter();
            for input in inputs.filter_map(|input| file.node(&input.name)) {
                visit(file, input, visited, order);
            }
            order.push(node);
        }
    }
    let mut order = Vec::new();
    let mut visited = HashSet::new();
    for node in &file.nodes {
        visit(file, node, &mut visited, &mut order);
    }
    order
}

/// Returns the lengths of the segments made from a sampler's frames; empty for other nodes.
fn segment_lengths_ms(file: &PipelineFile, node: &NodeSpec) -> Vec<u64> {
    let mut lengths = BTreeSet::new();
    if matches!(node.kind, NodeKind::Sample(_)) {
        for node in file.downstream(&node.name) {
            if let NodeKind::Segment(spec) = &node.kind {
                lengths.insert(spec.length_ms);
            }
        }
    }
    lengths.into_iter().collect()
}

#[cfg(test)]
mod tests;
