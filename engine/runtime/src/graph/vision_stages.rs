//! The graph under construction, and its stages from frames to segments: sample, encode, segment.

use std::{collections::BTreeMap, sync::Arc};

use atom_models::{PromptBuilder, VisionEncoder};
use atom_operators::{
    circuit_breaker::CircuitBreaker,
    counters::Counters,
    encode::encode,
    event::{EncodedEvent, IntakeEvent},
    ids::NodeId,
    node::NodeKind,
    offload::ThreadGroup,
    rate_control::RateFactor,
    sample::{SampledSources, sample},
    seal::ResultEvent,
    segment::{SegmentEvent, segment},
    tick::Tick,
};
use atom_pipelines::{Input, Plan};
use timely::dataflow::{
    Scope,
    operators::{Concatenate, vec::Map},
};

use super::streams_by_node::{Stream, StreamsByNode, filter_for_node, find_stream, nodes};

/// The graph under construction.
pub(super) struct GraphAssembly<'s, 'p> {
    pub(super) scope: Scope<'s, Tick>,
    pub(super) plan: &'p Plan,
    pub(super) prompts: PromptBuilder,
    pub(super) threads: &'p ThreadGroup,
    pub(super) counters: Counters,
    /// Streams of events for the seal.
    pub(super) events: Vec<Stream<'s, ResultEvent>>,
}

impl<'s> GraphAssembly<'s, '_> {
    /// Returns the input nodes of a node.
    pub(super) fn inputs_of(&self, node: NodeId) -> Vec<NodeId> {
        let inputs = self.plan.nodes[node.0].inputs.iter();
        let node = |input: &Input| match input {
            Input::Node(at) => Some(NodeId(*at)),
            _ => None,
        };
        inputs.filter_map(node).collect()
    }

    /// Returns the segment nodes among these nodes and above them.
    pub(super) fn segment_nodes(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        let mut found: Vec<NodeId> = Vec::new();
        for node in nodes {
            match self.plan.nodes[node.0].kind {
                NodeKind::Segment(_) => found.push(*node),
                _ => found.extend(self.segment_nodes(&self.inputs_of(*node))),
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Adds the sample nodes.
    pub(super) fn sample(
        &self,
        intake: &Stream<'s, IntakeEvent>,
        rate_factors: &BTreeMap<usize, Arc<RateFactor>>,
    ) -> StreamsByNode<'s, IntakeEvent> {
        let mut streams = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Sample(spec) = kind else {
                continue;
            };
            let planned = &self.plan.nodes[node.0];
            let sources = self.plan.sources_of(Input::Node(node.0)).into_iter();
            let sampling = SampledSources {
                planned: sources
                    .map(|at| (at as u32, rate_factors.get(&at).cloned()))
                    .collect(),
                window_lengths_ms: planned.segment_lengths_ms.clone(),
            };
            let counters = self.counters.clone();
            let samples = sample(intake.clone(), spec, sampling, counters);
            streams.push((node, samples));
        }
        streams
    }

    /// Adds the encode nodes: all send their samples through the one encoder.
    pub(super) fn encode(
        &mut self,
        samples: &StreamsByNode<'s, IntakeEvent>,
        vision: Box<dyn VisionEncoder>,
        breaker: CircuitBreaker,
    ) -> StreamsByNode<'s, EncodedEvent> {
        let mut encoders = Vec::new();
        let mut inputs = Vec::new();
        for (node, kind) in nodes(self.plan) {
            if !matches!(kind, NodeKind::Encode(_)) {
                continue;
            }
            encoders.push(node);
            let samplers = self.inputs_of(node).into_iter();
            for stream in samplers.filter_map(|sampler| find_stream(samples, sampler)) {
                inputs.push(stream.map(move |sample| (node, sample)));
            }
        }
        let input = self.scope.concatenate(inputs);
        let (encoded, failures) = encode(input, vision, breaker, self.threads);
        self.events.push(failures.map(ResultEvent::Failure));
        encoders
            .into_iter()
            .map(|node| (node, filter_for_node(&encoded, node)))
            .collect()
    }

    /// Adds the segment nodes.
    pub(super) fn segment(
        &mut self,
        encoded: &StreamsByNode<'s, EncodedEvent>,
    ) -> StreamsByNode<'s, SegmentEvent> {
        let mut streams = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Segment(spec) = kind else {
                continue;
            };
            let inputs = self.inputs_of(node).into_iter();
            let inputs = inputs.filter_map(|input| find_stream(encoded, input));
            let segments = segment(self.scope.concatenate(inputs.collect::<Vec<_>>()), spec);
            let events = segments
                .clone()
                .flat_map(move |event| segment_events(node, event));
            self.events.push(events);
            streams.push((node, segments));
        }
        streams
    }
}

/// Returns the events of a segment: it closed, and maybe failed.
fn segment_events(node: NodeId, event: SegmentEvent) -> Vec<ResultEvent> {
    let SegmentEvent::Closed(closed) = event else {
        return Vec::new();
    };
    let has_frames = closed.result.is_ok();
    let failure = closed.result.err().map(ResultEvent::Failure);
    let closed = ResultEvent::Closed {
        source: closed.key.source,
        node,
        start: closed.key.start,
        end: closed.end,
        has_frames,
    };
    [closed].into_iter().chain(failure).collect()
}
