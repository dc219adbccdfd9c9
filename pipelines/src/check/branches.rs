//! Checks what shows only when everything is merged: branches that would speak twice about one moment.
//!
//! A result is known by its node, its source and the start of its segment. Two results with one such key would
//! fight, whether they come by two ways to one node or by two indexes to one store.

use std::collections::BTreeSet;

use atom_operators::node::NodeKind;

use crate::{
    near::quoted,
    plan::{Input, Plan, PlannedSink, merge, store_of},
    problem::Problem,
    sink::SinkKind,
    spec::{NodeSpec, PipelineFile, SinkSpec},
    uri::resolved,
};

type First<'f> = (&'f PipelineFile, &'f NodeSpec);

pub(super) fn check(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let (plan, firsts) = merge(files);
    for (place, first) in firsts.iter().enumerate() {
        problems.extend(match plan.nodes[place].kind {
            NodeKind::Index(_) => {
                mixed_index(&plan, place, *first).or_else(|| shared_rows(&plan, place, &firsts))
            }
            _ => met_twice(&plan, place, *first),
        });
    }
    let written = files
        .iter()
        .flat_map(|file| file.sinks.iter().map(move |sink| (file, sink)));
    problems.extend(plan.sinks.iter().zip(written).filter_map(|(sink, spec)| {
        mixed_subtitles(&plan, sink, spec).or_else(|| many_subtitles(&plan, sink, spec))
    }));
}

/// Subtitles of all recordings of a folder: each has its own clock.
fn many_subtitles(
    plan: &Plan,
    sink: &PlannedSink,
    (file, spec): (&PipelineFile, &SinkSpec),
) -> Option<Problem> {
    let subtitles = matches!(sink.kind, SinkKind::Webvtt(_) | SinkKind::Srt(_));
    let folder = |at: &&usize| plan.sources[**at].is_folder();
    let (at, _) = (subtitles.then(|| sink.source_names.iter())?).find(|(at, _)| folder(at))?;
    let message = format!(
        "sink {:?} would write subtitles of all recordings in the folder {:?} into one file",
        spec.name, plan.sources[*at].name
    );
    let hint = "write them with kind = \"jsonl\", or subtitles of one recording";
    Some(Problem::new(&file.path, spec.line_of("inputs"), message).hint(hint))
}

/// Subtitles of segments from different segment nodes: they would overlap and come in no order.
fn mixed_subtitles(
    plan: &Plan,
    sink: &PlannedSink,
    (file, spec): (&PipelineFile, &SinkSpec),
) -> Option<Problem> {
    if !matches!(sink.kind, SinkKind::Webvtt(_) | SinkKind::Srt(_)) {
        return None;
    }
    let segments: BTreeSet<_> = sink
        .inputs
        .iter()
        .map(|input| segments_of(plan, Input::Node(input.node)))
        .collect();
    if segments.len() < 2 {
        return None;
    }
    let message = format!(
        "inputs of sink {:?} speak about different segments",
        spec.name
    );
    let hint = "write a subtitle sink for each segment node, or use kind = \"jsonl\"";
    Some(Problem::new(&file.path, spec.line_of("inputs"), message).hint(hint))
}

/// A source that reaches a node through two of its inputs.
fn met_twice(plan: &Plan, place: usize, (file, node): First<'_>) -> Option<Problem> {
    let mut met = BTreeSet::new();
    for input in &plan.nodes[place].inputs {
        for source in plan.sources_of(*input) {
            if !met.insert(source) {
                let source = &plan.sources[source].name;
                let ways = quoted(node.inputs.iter().map(|input| input.name.as_str()));
                let message = format!(
                    "source {source:?} reaches node {:?} twice: by {ways}",
                    node.name
                );
                let hint = "take one of them, or write a node for each";
                return Some(Problem::new(&file.path, node.line_of("inputs"), message).hint(hint));
            }
        }
    }
    None
}

/// An index whose inputs speak about different segments: its rows would never be whole.
fn mixed_index(plan: &Plan, place: usize, (file, node): First<'_>) -> Option<Problem> {
    let mut inputs = plan.nodes[place].inputs.iter();
    let first = segments_of(plan, *inputs.next()?);
    let other = inputs
        .map(|input| segments_of(plan, *input))
        .find(|other| *other != first)?;
    let names = first
        .symmetric_difference(&other)
        .map(|place| plan.nodes[*place].name.as_str());
    let message = format!(
        "inputs of node {:?} rest on different segments: {}",
        node.name,
        quoted(names)
    );
    let hint = "a row is whole when every input spoke about its segment; write an index node for each segment node";
    Some(Problem::new(&file.path, node.line_of("inputs"), message).hint(hint))
}

/// The nearest segment nodes above an input.
fn segments_of(plan: &Plan, input: Input) -> BTreeSet<usize> {
    match input {
        Input::Source(_) => BTreeSet::new(),
        Input::Node(place) => match &plan.nodes[place] {
            node if matches!(node.kind, NodeKind::Segment(_)) => BTreeSet::from([place]),
            node => node
                .inputs
                .iter()
                .flat_map(|input| segments_of(plan, *input))
                .collect(),
        },
    }
}

/// Two indexes with different work that write rows of one source into one store.
fn shared_rows(plan: &Plan, place: usize, firsts: &[First<'_>]) -> Option<Problem> {
    let (file, node) = firsts[place];
    let store = store_of(&node.kind)?;
    let names = |place: usize| plan.nodes[place].source_names.values();
    let same_store = |other: usize| {
        let other = store_of(&plan.nodes[other].kind);
        other.is_some_and(|other| resolved(other.clone()) == resolved(store.clone()))
    };
    let (other, source) = (0..place)
        .filter(|other| same_store(*other))
        .find_map(|other| {
            let shared = names(place).find(|name| names(other).any(|other| other == *name));
            shared.map(|source| (other, source))
        })?;
    let first = &plan.nodes[other].origins[0];
    let store = store.display();
    let message = format!(
        "node {:?} writes rows of source {source:?} into \"{store}\", as {first} does",
        node.name
    );
    let hint = "give one of them another store, or make both alike";
    Some(Problem::new(&file.path, node.line_of("store"), message).hint(hint))
}
