//! Facts of a plan about one of its sources: the samplers that read it, and the bounds of a live source's channel.

use std::time::Duration;

use atom_operators::{credits::CreditLimits, node::NodeKind, sample::SampleSpec};
use atom_pipelines::{Input, Plan, PlannedNode};

/// Returns the samplers that read a source, each with the segment lengths below it.
pub(crate) fn samplers(
    plan: &Plan,
    source: usize,
) -> impl Iterator<Item = (&SampleSpec, &Vec<u64>)> {
    let reads = move |node: &&PlannedNode| node.inputs.contains(&Input::Source(source));
    let nodes = plan.nodes.iter().filter(reads);
    nodes.filter_map(|node| match &node.kind {
        NodeKind::Sample(spec) => Some((spec, &node.segment_lengths_ms)),
        _ => None,
    })
}

/// Returns the bounds of a live source's channel.
pub(crate) fn live_bounds(plan: &Plan, source: usize) -> CreditLimits {
    let settings = &plan.sources[source].settings;
    let late_after = Duration::from_millis(settings.late_after_ms);
    CreditLimits::live(late_after, shortest_segments(plan, source))
}

/// Returns the shortest segment length of each segment node that a source reaches.
fn shortest_segments(plan: &Plan, source: usize) -> impl Iterator<Item = Duration> {
    let reached = move |at: usize| plan.sources_of(Input::Node(at)).contains(&source);
    let nodes = plan.nodes.iter().enumerate();
    nodes.filter_map(move |(at, node)| match &node.kind {
        NodeKind::Segment(spec) if reached(at) => Some(Duration::from_millis(
            spec.length_ms.min(spec.shortest_ms.max(1)),
        )),
        _ => None,
    })
}
