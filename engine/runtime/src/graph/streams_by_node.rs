//! Streams of the graph, by the node that sends them.

use std::sync::Arc;

use atom_operators::{
    ids::NodeId,
    node::NodeKind,
    segment::{Segment, SegmentEvent},
    tick::Tick,
};
use atom_pipelines::Plan;
use timely::dataflow::{StreamVec, operators::vec::Map};

pub(super) type Stream<'s, D> = StreamVec<'s, Tick, D>;

/// Streams by the node that sends them.
pub(super) type StreamsByNode<'s, D> = Vec<(NodeId, Stream<'s, D>)>;

/// Returns the stream that a node sends.
pub(super) fn find_stream<'s, D: Clone + 'static>(
    streams: &StreamsByNode<'s, D>,
    node: NodeId,
) -> Option<Stream<'s, D>> {
    let mut streams = streams.iter();
    let found = streams.find(|(sender, _)| *sender == node);
    found.map(|(_, stream)| stream.clone())
}

/// Returns the part of a shared stream that belongs to a node.
pub(super) fn filter_for_node<'s, D: Clone + 'static>(
    stream: &Stream<'s, (NodeId, D)>,
    node: NodeId,
) -> Stream<'s, D> {
    stream
        .clone()
        .flat_map(move |(to, data)| (to == node).then_some(data))
}

/// Returns the nodes of a plan.
pub(super) fn nodes(plan: &Plan) -> impl Iterator<Item = (NodeId, &NodeKind)> {
    plan.nodes
        .iter()
        .enumerate()
        .map(|(at, node)| (NodeId(at), &node.kind))
}

/// Returns the segment of an event, if it closed one that has a result.
pub(super) fn closed_segment(event: SegmentEvent) -> Option<Arc<Segment>> {
    match event {
        SegmentEvent::Closed(closed) => closed.result.ok(),
        _ => None,
    }
}
