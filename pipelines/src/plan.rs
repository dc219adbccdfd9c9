//! What is run: the nodes of all files as one graph in which equal work is done once.
//!
//! Two nodes become one if kind, settings and inputs are equal, within a file and across files; since inputs are
//! compared after they were merged themselves, whole branches grow together from their sources. A sampler begins
//! anew at every multiple of the lengths of the segments below it, and an index writes its file's own names of
//! sources; so these are part of what must be equal too.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::PathBuf,
};

use atom_operators::{node::NodeKind, query::QuerySpec};

use crate::{
    sink::SinkKind,
    source::SourceSettings,
    spec::{InputSpec, NodeSpec, PipelineFile},
    uri::{Uri, same},
};

/// All files of one run as one graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The names of the files' pipelines, joined by `+`.
    pub name: String,
    /// The pack of models that serves all of them.
    pub pack: String,
    /// What is watched.
    pub sources: Vec<PlannedSource>,
    /// What is done; every node stands after its inputs.
    pub nodes: Vec<PlannedNode>,
    /// Where results go, each file's sinks for themselves.
    pub sinks: Vec<PlannedSink>,
    /// What each file that indexes wants to be kept up to date.
    pub queries: Vec<PlannedQueries>,
}

/// The standing queries of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedQueries {
    /// The pipeline's name.
    pub pipeline: String,
    /// The indexes over which they are kept: all that the file writes.
    pub stores: BTreeSet<PathBuf>,
    /// What is asked for, by name.
    pub queries: Vec<(String, QuerySpec)>,
}

/// A source that is opened once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSource {
    /// The name in the first file that has it; no other planned source has this name.
    pub name: String,
    /// Where its frames come from.
    pub uri: String,
    /// Its other settings.
    pub settings: SourceSettings,
    /// Other names in other files for the same uri.
    pub aliases: Vec<String>,
    /// Recordings that have names already, by their files: only these are played of a folder. None means all that it holds.
    pub recordings: BTreeMap<PathBuf, String>,
}

/// What a node takes, by its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// A place in [`Plan::sources`].
    Source(usize),
    /// A place in [`Plan::nodes`].
    Node(usize),
}

/// A node that runs once for all nodes that were merged into it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedNode {
    /// The name of the first; two planned nodes may share a name if they come from two files.
    pub name: String,
    /// Its kind with its settings.
    pub kind: NodeKind,
    /// What it takes, sorted, each once.
    pub inputs: Vec<Input>,
    /// `FILE:NAME` of everything merged into it.
    pub origins: Vec<String>,
    /// Of a sampler: the lengths of all segments made from its frames, sorted, each once. Empty for others.
    pub stretches_ms: Vec<u64>,
    /// Of an index: what its file calls each planned source that reaches it. Empty for others.
    pub source_names: BTreeMap<usize, String>,
}

/// A sink of one of the files.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedSink {
    /// Its name in its file.
    pub name: String,
    /// Its kind with its settings.
    pub kind: SinkKind,
    /// What it takes, in the order of the file.
    pub inputs: Vec<SinkInput>,
    /// What its file calls each planned source that reaches it.
    pub source_names: BTreeMap<usize, String>,
}

/// A node as a sink's file knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkInput {
    /// The place in [`Plan::nodes`].
    pub node: usize,
    /// What the sink's own file calls that node.
    pub name: String,
}

impl PlannedSource {
    /// Whether it shows the present.
    pub fn is_live(&self) -> bool {
        self.settings.is_live(&self.uri)
    }

    /// Whether it stands for all recordings of a folder.
    pub fn is_folder(&self) -> bool {
        matches!(Uri::parse(&self.uri), Ok(Uri::Folder(_)))
    }
}

impl Plan {
    /// The planned sources that reach an input, through any number of nodes.
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

/// Merges the nodes of all files; files that [`crate::check()`] accepts are planned whole.
pub fn plan(files: &[PipelineFile]) -> Plan {
    merge(files).0
}

/// The plan, and for each planned node the file and the node that it was made from first.
pub(crate) fn merge(files: &[PipelineFile]) -> (Plan, Vec<(&PipelineFile, &NodeSpec)>) {
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
    let mut firsts = Vec::new();
    for file in files {
        let sources = merge_sources(&mut plan, file);
        let places = sources
            .into_iter()
            .map(|(name, place)| (name, Input::Source(place)));
        let mut merger = Merger {
            plan: &mut plan,
            file,
            places: places.collect(),
        };
        for node in in_order_of_use(file) {
            if merger.node(node) {
                firsts.push((file, node));
            }
        }
        merger.sinks();
    }
    (plan, firsts)
}

/// The queries of a file, if it indexes anything.
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

/// Finds or adds a planned source for each source of a file; two sources of one file are never one.
///
/// Equal names are matched before other names, so that no two planned sources get one name.
fn merge_sources<'f>(plan: &mut Plan, file: &'f PipelineFile) -> BTreeMap<&'f str, usize> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let matches: [fn(&PlannedSource, &str) -> bool; 3] = [
        |planned, name| planned.name == name,
        |planned, name| planned.aliases.iter().any(|alias| alias == name),
        |_, _| true,
    ];
    for named in matches {
        for source in &file.sources {
            let uri = source.uri.as_deref().unwrap_or_default();
            let taken: Vec<usize> = places.values().copied().collect();
            let found = plan.sources.iter().enumerate().find(|(place, planned)| {
                named(planned, &source.name)
                    && !taken.contains(place)
                    && same(&planned.uri, uri)
                    && planned.settings == source.settings
            });
            if let (Some((place, _)), false) = (found, places.contains_key(source.name.as_str())) {
                places.insert(&source.name, place);
            }
        }
    }
    for source in &file.sources {
        let place = *places.entry(&source.name).or_insert_with(|| {
            plan.sources.push(PlannedSource {
                name: source.name.clone(),
                uri: source.uri.clone().unwrap_or_default(),
                settings: source.settings.clone(),
                aliases: Vec::new(),
                recordings: BTreeMap::new(),
            });
            plan.sources.len() - 1
        });
        let planned = &mut plan.sources[place];
        if planned.name != source.name && !planned.aliases.contains(&source.name) {
            planned.aliases.push(source.name.clone());
        }
    }
    places
}

/// Puts the nodes and sinks of one file into the plan.
struct Merger<'p, 'f> {
    plan: &'p mut Plan,
    file: &'f PipelineFile,
    /// Where the file's sources and the nodes seen so far are in the plan.
    places: BTreeMap<&'f str, Input>,
}

impl<'f> Merger<'_, 'f> {
    /// Finds an equal node or adds this one; says whether it was added.
    fn node(&mut self, node: &'f NodeSpec) -> bool {
        let mut planned = self.planned(node);
        let equal = self.plan.nodes.iter_mut().position(|other| {
            other.kind == planned.kind
                && other.inputs == planned.inputs
                && other.stretches_ms == planned.stretches_ms
                && other.source_names == planned.source_names
        });
        let place = equal.unwrap_or(self.plan.nodes.len());
        self.places.insert(&node.name, Input::Node(place));
        match equal {
            Some(place) => self.plan.nodes[place].origins.append(&mut planned.origins),
            None => self.plan.nodes.push(planned),
        }
        equal.is_none()
    }

    fn planned(&self, node: &NodeSpec) -> PlannedNode {
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
            stretches_ms: stretches_ms(self.file, node),
            source_names,
        }
    }

    fn sinks(&mut self) {
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
            let place = self.places.get(input.name.as_str())?;
            Some((input.name.as_str(), *place))
        })
    }

    /// This file's names of the sources that reach any of `inputs`.
    fn source_names(&self, inputs: impl Iterator<Item = Input>) -> BTreeMap<usize, String> {
        let reaching: BTreeSet<usize> = inputs
            .flat_map(|input| self.plan.sources_of(input))
            .collect();
        let names = self.places.iter().filter_map(|(name, place)| match place {
            Input::Source(source) if reaching.contains(source) => {
                Some((*source, (*name).to_owned()))
            }
            _ => None,
        });
        names.collect()
    }
}

/// The nodes of a file, each after its inputs, else as in the file.
fn in_order_of_use(file: &PipelineFile) -> Vec<&NodeSpec> {
    fn visit<'f>(
        file: &'f PipelineFile,
        node: &'f NodeSpec,
        seen: &mut HashSet<&'f str>,
        order: &mut Vec<&'f NodeSpec>,
    ) {
        if seen.insert(&node.name) {
            for input in node
                .inputs
                .iter()
                .filter_map(|input| file.node(&input.name))
            {
                visit(file, input, seen, order);
            }
            order.push(node);
        }
    }
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    for node in &file.nodes {
        visit(file, node, &mut seen, &mut order);
    }
    order
}

/// Of a sampler: the lengths of the segments below it.
fn stretches_ms(file: &PipelineFile, node: &NodeSpec) -> Vec<u64> {
    let mut lengths = BTreeSet::new();
    if matches!(node.kind, NodeKind::Sample(_)) {
        for below in downstream(file, &node.name) {
            if let NodeKind::Segment(spec) = &below.kind {
                lengths.insert(spec.length_ms);
            }
        }
    }
    lengths.into_iter().collect()
}

/// All nodes of a file that take from the source or node `name`, directly or through others.
pub(crate) fn downstream<'f>(file: &'f PipelineFile, name: &'f str) -> Vec<&'f NodeSpec> {
    let mut found: Vec<&NodeSpec> = Vec::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        for node in &file.nodes {
            let takes = node.inputs.iter().any(|input| input.name == name);
            if takes && found.iter().all(|other| other.name != node.name) {
                found.push(node);
                open.push(&node.name);
            }
        }
    }
    found
}

/// The file that an output writes, if a planned node writes one.
pub(crate) fn store_of(kind: &NodeKind) -> Option<&PathBuf> {
    match kind {
        NodeKind::Index(spec) => Some(&spec.store),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
