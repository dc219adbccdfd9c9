//! Checks the merged graph: no two branches may produce results with the same key.
//!
//! The key of a result is its node, its source and the start of its segment. Two results with the same key would
//! overwrite each other, whether they reach one node by two paths or one store through two indexes.

use std::collections::BTreeSet;

use atom_operators::node::NodeKind;

use crate::{
    merge_nodes::{Merged, merge},
    pipeline_file::{NodeSpec, PipelineFile, SinkSpec},
    plan::{Input, Plan, PlannedSink, store_of},
    problem::Problem,
    sink_settings::SinkKind,
    suggestion::quoted,
    uri::resolved,
};

/// A planned node's first origin: the file and the node from which it was made.
type Origin<'f> = (&'f PipelineFile, &'f NodeSpec);

pub(super) fn check(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let Merged { plan, origins } = merge(files);
    for (node, origin) in origins.iter().enumerate() {
        problems.extend(match plan.nodes[node].kind {
            NodeKind::Index(_) => mixed_segments_in_index(&plan, node, *origin)
                .or_else(|| rows_of_another_index(&plan, node, &origins)),
            _ => source_reached_twice(&plan, node, *origin),
        });
    }
    let specs = files
        .iter()
        .flat_map(|file| file.sinks.iter().map(move |sink| (file, sink)));
    for (sink, spec) in plan.sinks.iter().zip(specs) {
        if matches!(sink.kind, SinkKind::Webvtt(_) | SinkKind::Srt(_)) {
            problems.extend(
                mixed_segments_in_subtitles(&plan, sink, spec)
                    .or_else(|| subtitles_of_a_folder(&plan, sink, spec)),
            );
        }
    }
}

/// Rejects subtitles of all recordings of a folder, because each recording has its own media time.
fn subtitles_of_a_folder(
    plan: &Plan,
    sink: &PlannedSink,
    (file, spec): (&PipelineFile, &SinkSpec),
) -> Option<Problem> {
    let mut sources = sink.source_names.keys();
    let folder = sources.find(|source| plan.sources[**source].is_folder())?;
    let message = format!(
        "sink {:?} would write subtitles of all recordings in the folder {:?} into one file",
        spec.name, plan.sources[*folder].name
    );
    let hint = "use kind = \"jsonl\", or a source that is one recording";
    Some(Problem::new(&file.path, spec.line_of("inputs"), message).with_hint(hint))
}

/// Rejects subtitles of segments from different segment nodes, because they would overlap and be out of order.
fn mixed_segments_in_subtitles(
    plan: &Plan,
    sink: &PlannedSink,
    (file, spec): (&PipelineFile, &SinkSpec),
) -> Option<Problem> {
    let segments: BTreeSet<_> = sink
        .inputs
        .iter()
        .map(|input| segment_nodes_of(plan, Input::Node(input.node)))
        .collect();
    if segments.len() < 2 {
        return None;
    }
    let message = format!(
        "the inputs of sink {:?} come from different segment nodes",
        spec.name
    );
    let hint = "add a subtitle sink for each segment node, or use kind = \"jsonl\"";
    Some(Problem::new(&file.path, spec.line_of("inputs"), message).with_hint(hint))
}

/// Rejects a source that reaches a node through two of its inputs.
fn source_reached_twice(plan: &Plan, node: usize, (file, spec): Origin<'_>) -> Option<Problem> {
    let mut reached = BTreeSet::new();
    let inputs = plan.nodes[node].inputs.iter();
    let mut sources = inputs.flat_map(|input| plan.sources_of(*input));
    let twice = sources.find(|source| !reached.insert(*source))?;
    let inputs = quoted(spec.inputs.iter().map(|input| input.name.as_str()));
    let message = format!(
        "source {:?} reaches node {:?} more than once, through the inputs {inputs}",
        plan.sources[twice].name, spec.name
    );
    let hint = "remove one of them, or add a node for each";
    Some(Problem::new(&file.path, spec.line_of("inputs"), message).with_hint(hint))
}

/// Rejects an index whose inputs come from different segment nodes, because its rows would never be complete.
fn mixed_segments_in_index(plan: &Plan, node: usize, (file, spec): Origin<'_>) -> Option<Problem> {
    let mut inputs = plan.nodes[node].inputs.iter();
    let first = segment_nodes_of(plan, *inputs.next()?);
    let other = inputs
        .map(|input| segment_nodes_of(plan, *input))
        .find(|other| *other != first)?;
    let names = first
        .symmetric_difference(&other)
        .map(|node| plan.nodes[*node].name.as_str());
    let message = format!(
        "the inputs of node {:?} come from different segment nodes: {}",
        spec.name,
        quoted(names)
    );
    let hint = "a row needs a result of every input for the same segment; add an index node for each segment node";
    Some(Problem::new(&file.path, spec.line_of("inputs"), message).with_hint(hint))
}

/// Returns the nearest segment nodes upstream of an input.
fn segment_nodes_of(plan: &Plan, input: Input) -> BTreeSet<usize> {
    let Input::Node(at) = input else {
        return BTreeSet::new();
    };
    let node = &plan.nodes[at];
    match node.kind {
        NodeKind::Segment(_) => BTreeSet::from([at]),
        _ => {
            let inputs = node.inputs.iter();
            inputs
                .flat_map(|input| segment_nodes_of(plan, *input))
                .collect()
        }
    }
}

/// Rejects an index that writes rows of the same source into the same store as an earlier index with other work.
fn rows_of_another_index(plan: &Plan, node: usize, origins: &[Origin<'_>]) -> Option<Problem> {
    let (file, spec) = origins[node];
    let store = store_of(&spec.kind)?;
    let source_names = |node: usize| plan.nodes[node].source_names.values();
    let same_store = |other: usize| {
        let other = store_of(&plan.nodes[other].kind);
        other.is_some_and(|other| resolved(other.clone()) == resolved(store.clone()))
    };
    let (other, source) = (0..node)
        .filter(|other| same_store(*other))
        .find_map(|other| {
            let mut names = source_names(node);
            let shared = names.find(|name| source_names(other).any(|other| other == *name));
            shared.map(|source| (other, source))
        })?;
    let first = &plan.nodes[other].origins[0];
    let message = format!(
        "node {:?} writes rows of source {source:?} into \"{}\", and so does {first}",
        spec.name,
        store.display()
    );
    let hint = "use another store for one of them, or give both the same settings and inputs";
    Some(Problem::new(&file.path, spec.line_of("store"), message).with_hint(hint))
}
