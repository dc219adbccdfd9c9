//! The part of the graph that turns segments into text: all caption, reason and summary nodes, and people's questions, through one
//! decoder and one text encoder; and the rows that indexes make of it.

use std::sync::Arc;

use atom_models::{CaptionMemory, Scheduler, TextEncoder};
use atom_operators::{
    caption::Caption,
    circuit_breaker::CircuitBreaker,
    decode::{CaptionReader, DecodeInputs, DecodeService, decode},
    draft::{CaptionRequest, Drafted, Drafter, draft},
    failure::Outcome,
    ids::NodeId,
    index::{RowPart, index},
    node::NodeKind,
    qa::{archive::Archive, ask::Reply, question::Question},
    reason::{Answer, ReasonNode, ReasonSpec},
    request::{Decoded, Request},
    seal::ResultEvent,
    segment::SegmentEvent,
    summary::summarize::{Summary, SummaryNode},
};
use timely::dataflow::operators::{Concatenate, vec::Map};

use super::{
    streams_by_node::{Stream, StreamsByNode, closed_segment, find_stream, nodes},
    vision_stages::GraphAssembly,
};

/// The decoder and everything it works with.
#[derive(Default)]
pub struct LanguageModules {
    /// The decoder, if the plan needs it.
    pub decoder: Option<Scheduler>,
    /// Opens when the decoder keeps failing.
    pub decoder_breaker: CircuitBreaker,
    /// The text encoder, if the graph needs it.
    pub text: Option<Box<dyn TextEncoder>>,
    /// Opens when the text encoder keeps failing.
    pub text_breaker: CircuitBreaker,
    /// The caption memory, if the pack has one.
    pub memory: Option<Arc<CaptionMemory>>,
    /// The subject of people's questions.
    pub archive: Option<Box<dyn Archive>>,
}

impl<'s> GraphAssembly<'s, '_> {
    /// Adds everything that the decoder works on. Drafts are passed on at once. Returns the replies to people's questions.
    pub(super) fn add_text_branches(
        &mut self,
        segments: &StreamsByNode<'s, SegmentEvent>,
        questions: Stream<'s, Arc<Question>>,
        language: LanguageModules,
        mut drafts: impl FnMut(&Caption) + 'static,
    ) -> Stream<'s, Reply> {
        let mut requests = self.reason_requests(segments);
        let drafted = self.drafted(segments, language.memory.clone());
        requests.push(drafted.map(move |drafted| {
            drafted.draft.iter().for_each(&mut drafts);
            drafted.request
        }));
        let summaries = self.summary_nodes();
        let inputs = DecodeInputs {
            requests: self.scope.concatenate(requests),
            questions,
            segments: self.summarized_segments(segments, &summaries),
        };
        let service = self.decoder_service(segments, language, summaries);
        let (decoded, replies) = decode(inputs, service, self.threads);
        let texts: StreamsByNode<'s, RowPart> = nodes(self.plan)
            .filter_map(|(node, kind)| Some((node, texts_of(&decoded, node, kind)?)))
            .collect();
        let text_events = texts
            .iter()
            .map(|(_, stream)| stream.clone().flat_map(text_event));
        self.events.extend(text_events);
        let summaries = decoded.flat_map(|decoded| Summary::from_decoded(&decoded));
        let summary_events = summaries.map(|summary| result_event(summary, ResultEvent::Summary));
        self.events.push(summary_events);
        self.add_index_nodes(segments, &texts);
        replies
    }

    /// Returns the requests of the reason nodes that read segments.
    fn reason_requests(
        &self,
        segments: &StreamsByNode<'s, SegmentEvent>,
    ) -> Vec<Stream<'s, Request>> {
        let mut requests = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Reason(spec) = kind else {
                continue;
            };
            for segments in self.input_streams(node, segments) {
                let (reason_node, prompts) = (self.reason_node(node, spec), self.prompts.clone());
                let ask = move |segment| reason_node.segment_request(&segment, &prompts);
                requests.push(segments.flat_map(move |event| closed_segment(event).and_then(&ask)));
            }
        }
        requests
    }

    /// Returns the requests of the caption nodes, with the drafts that the memory gives.
    fn drafted(
        &self,
        segments: &StreamsByNode<'s, SegmentEvent>,
        memory: Option<Arc<CaptionMemory>>,
    ) -> Stream<'s, Drafted> {
        let mut requests = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Caption(spec) = kind else {
                continue;
            };
            let limit = self.prompts.caption_tokens();
            let max_tokens = spec.max_tokens.unwrap_or(limit);
            let request = move |segment| CaptionRequest {
                node,
                segment,
                max_tokens,
            };
            for segments in self.input_streams(node, segments) {
                requests.push(segments.flat_map(move |event| closed_segment(event).map(request)));
            }
        }
        let drafter = Drafter {
            memory,
            prompts: self.prompts.clone(),
        };
        draft(self.scope.concatenate(requests), drafter, self.threads)
    }

    /// Returns the streams of segments that a node reads.
    fn input_streams(
        &self,
        node: NodeId,
        segments: &StreamsByNode<'s, SegmentEvent>,
    ) -> Vec<Stream<'s, SegmentEvent>> {
        let inputs = self.inputs_of(node).into_iter();
        inputs
            .filter_map(|input| find_stream(segments, input))
            .collect()
    }

    fn decoder_service(
        &self,
        segments: &StreamsByNode<'s, SegmentEvent>,
        language: LanguageModules,
        summaries: Vec<SummaryNode>,
    ) -> DecodeService {
        let generates = |kind: &NodeKind| matches!(kind, NodeKind::Reason(spec) if spec.needs_decoder(&self.prompts));
        let reason = nodes(self.plan)
            .any(|(_, kind)| generates(kind))
            .then(|| self.prompts.reason_prefix());
        let ask = language
            .archive
            .is_some()
            .then(|| self.prompts.ask_prefix());
        DecodeService {
            scheduler: language.decoder,
            prefixes: reason.into_iter().chain(ask).collect(),
            decoder_breaker: language.decoder_breaker,
            text_encoder: language.text,
            text_breaker: language.text_breaker,
            archive: language.archive,
            counters: self.counters.clone(),
            prompts: self.prompts.clone(),
            caption_readers: self.caption_readers(segments),
            summaries,
        }
    }

    /// Returns the reason nodes that read the text of another node.
    fn caption_readers(&self, segments: &StreamsByNode<'s, SegmentEvent>) -> Vec<CaptionReader> {
        let mut found = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Reason(spec) = kind else {
                continue;
            };
            let inputs = self.inputs_of(node).into_iter();
            let texts = inputs.filter(|input| find_stream(segments, *input).is_none());
            found.extend(texts.map(|reads| CaptionReader {
                reads,
                node: self.reason_node(node, spec),
            }));
        }
        found
    }

    fn reason_node(&self, node: NodeId, spec: &ReasonSpec) -> ReasonNode {
        let segment_nodes = self.segment_nodes(&self.inputs_of(node)).into_iter();
        let lengths = segment_nodes.filter_map(|at| match &self.plan.nodes[at.0].kind {
            NodeKind::Segment(segment) => Some(segment.length_ms),
            _ => None,
        });
        ReasonNode::new(node, spec, lengths.min().unwrap_or(1), &self.prompts)
    }

    fn summary_nodes(&self) -> Vec<SummaryNode> {
        let summary_node = |(node, kind): (NodeId, &NodeKind)| match kind {
            NodeKind::Summary(spec) => Some(SummaryNode {
                node,
                reads: self.inputs_of(node),
                spec: spec.clone(),
                prompts: self.prompts.clone(),
            }),
            _ => None,
        };
        nodes(self.plan).filter_map(summary_node).collect()
    }

    /// Returns the segments that each summary node summarizes.
    fn summarized_segments(
        &self,
        segments: &StreamsByNode<'s, SegmentEvent>,
        summaries: &[SummaryNode],
    ) -> Stream<'s, (NodeId, SegmentEvent)> {
        let mut streams = Vec::new();
        for SummaryNode { node, reads, .. } in summaries {
            let node = *node;
            for at in self.segment_nodes(reads) {
                if let Some(segments) = find_stream(segments, at) {
                    streams.push(segments.map(move |event| (node, event)));
                }
            }
        }
        self.scope.concatenate(streams)
    }

    fn add_index_nodes(
        &mut self,
        segments: &StreamsByNode<'s, SegmentEvent>,
        texts: &StreamsByNode<'s, RowPart>,
    ) {
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Index(_) = kind else { continue };
            let inputs = self.inputs_of(node);
            let texts = texts.iter().filter(|(sender, _)| inputs.contains(sender));
            let mut parts: Vec<_> = texts.map(|(_, stream)| stream.clone()).collect();
            let count = parts.len() + 1;
            for at in self.segment_nodes(&inputs) {
                if let Some(segments) = find_stream(segments, at) {
                    let silent = self.silent(&inputs);
                    parts.push(segments.flat_map(move |event| segment_parts(event, &silent)));
                }
            }
            let rows = index(self.scope.concatenate(parts), node, count);
            self.events.push(rows.map(ResultEvent::Row));
        }
    }

    /// Returns the reason nodes among these that may not ask about every segment.
    fn silent(&self, inputs: &[NodeId]) -> Vec<ReasonNode> {
        let reason_node = |node: &NodeId| match &self.plan.nodes[node.0].kind {
            NodeKind::Reason(spec) => Some(self.reason_node(*node, spec)),
            _ => None,
        };
        inputs.iter().filter_map(reason_node).collect()
    }
}

/// Returns the parts of an index row that are known when a segment closes: the segment, and the nodes that will not answer.
fn segment_parts(event: SegmentEvent, silent: &[ReasonNode]) -> Vec<RowPart> {
    let Some(segment) = closed_segment(event) else {
        return Vec::new();
    };
    let not_asking = silent.iter().filter(|node| !node.selects(&segment));
    let mut parts: Vec<_> = not_asking.map(|_| RowPart::Empty(segment.key)).collect();
    parts.push(RowPart::Segment(segment));
    parts
}

/// Returns the captions or answers that the decoder gave for one node.
fn texts_of<'s>(
    decoded: &Stream<'s, Decoded>,
    node: NodeId,
    kind: &NodeKind,
) -> Option<Stream<'s, RowPart>> {
    let part = match kind {
        NodeKind::Caption(_) => {
            |decoded: &Decoded| Caption::from_decoded(decoded).map(RowPart::Caption)
        }
        NodeKind::Reason(_) => {
            |decoded: &Decoded| Answer::from_decoded(decoded).map(RowPart::Answer)
        }
        _ => return None,
    };
    let belongs = move |decoded: &Decoded| decoded.item.node() == Some(node);
    Some(
        decoded
            .clone()
            .flat_map(move |decoded| belongs(&decoded).then(|| part(&decoded)).flatten()),
    )
}

fn text_event(part: RowPart) -> Option<ResultEvent> {
    let event = match part {
        RowPart::Segment(_) | RowPart::Empty(_) => return None,
        RowPart::Caption(caption) => {
            result_event(caption, ResultEvent::Caption as fn(Caption) -> ResultEvent)
        }
        RowPart::Answer(answer) => {
            result_event(answer, ResultEvent::Answer as fn(Answer) -> ResultEvent)
        }
    };
    Some(event)
}

fn result_event<T>(result: Outcome<T>, event: fn(T) -> ResultEvent) -> ResultEvent {
    result.map_or_else(ResultEvent::Failure, event)
}
