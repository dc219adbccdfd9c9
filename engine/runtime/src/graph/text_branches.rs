//! The part of the graph that turns segments into text: all caption, reason and summary nodes, and people's questions, through one
//! decoder and one text encoder; and the rows that indexes make of it.

use std::sync::Arc;

use atom_models::{CaptionMemory, Scheduler, TextEncoder};
use atom_operators::{
    archive::Archive,
    ask::Reply,
    caption,
    data::{Answer, Caption, NodeId, Outcome},
    decode::{Asked, Decoded, Follower, Request, Service, decode},
    index::{Part, index},
    minutes,
    node::NodeKind,
    offload::Health,
    question::Question,
    reason::{self, Asker, ReasonSpec},
    recall::{Recall, Recalled, Wish, recall},
    seal::Event,
    segment::Cut,
    summary,
};
use timely::dataflow::operators::{Concatenate, vec::Map};

use super::{
    partial::PartialGraph,
    streams::{Stream, StreamsByNode, closed_segment, nodes, stream_of},
};

/// The decoder and everything it works with.
#[derive(Default)]
pub struct LanguageModules {
    /// The decoder, if the plan needs it.
    pub decoder: Option<Scheduler>,
    /// The health of the decoder.
    pub decoder_health: Health,
    /// The text encoder, if the graph needs it.
    pub text: Option<Box<dyn TextEncoder>>,
    /// The health of the text encoder.
    pub text_health: Health,
    /// The caption memory, if the pack has one.
    pub memory: Option<Arc<CaptionMemory>>,
    /// The subject of people's questions.
    pub archive: Option<Box<dyn Archive>>,
}

impl<'s> PartialGraph<'s, '_> {
    /// Adds everything that the decoder works on. Drafts are passed on at once. Returns the replies to people's questions.
    pub(super) fn add_text_branches(
        &mut self,
        segments: &StreamsByNode<'s, Cut>,
        questions: Stream<'s, Arc<Question>>,
        language: LanguageModules,
        mut drafts: impl FnMut(&Caption) + 'static,
    ) -> Stream<'s, Reply> {
        let mut requests = self.reason_requests(segments);
        let recalled = self.recalled(segments, language.memory.clone());
        requests.push(recalled.map(move |recalled| {
            recalled.draft.iter().for_each(&mut drafts);
            recalled.request
        }));
        let summaries = self.summary_nodes();
        let asked = Asked {
            requests: self.scope.concatenate(requests),
            questions,
            cuts: self.summarized_segments(segments, &summaries),
        };
        let service = self.decoder_service(segments, language, summaries);
        let (decoded, replies) = decode(asked, service, self.threads);
        let texts: StreamsByNode<'s, Part> = nodes(self.plan)
            .filter_map(|(node, kind)| Some((node, texts_of(&decoded, node, kind)?)))
            .collect();
        let text_events = texts
            .iter()
            .map(|(_, stream)| stream.clone().flat_map(text_event));
        self.events.extend(text_events);
        let summaries = decoded.flat_map(|decoded| summary::finish(&decoded));
        let summary_events = summaries.map(|summary| result_event(summary, Event::Summary));
        self.events.push(summary_events);
        self.add_index_nodes(segments, &texts);
        replies
    }

    /// Returns the requests of the reason nodes that read segments.
    fn reason_requests(&self, segments: &StreamsByNode<'s, Cut>) -> Vec<Stream<'s, Request>> {
        let mut requests = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Reason(spec) = kind else {
                continue;
            };
            for segments in self.input_streams(node, segments) {
                let (asker, prompts) = (self.asker(node, spec), self.prompts.clone());
                let ask = move |segment| asker.about_segment(&segment, &prompts);
                requests.push(segments.flat_map(move |cut| closed_segment(cut).and_then(&ask)));
            }
        }
        requests
    }

    /// Returns the requests of the caption nodes, with the captions that the memory recalls.
    fn recalled(
        &self,
        segments: &StreamsByNode<'s, Cut>,
        memory: Option<Arc<CaptionMemory>>,
    ) -> Stream<'s, Recalled> {
        let mut wishes = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Caption(spec) = kind else {
                continue;
            };
            let limit = self.prompts.caption_tokens();
            let max_tokens = spec.max_tokens.unwrap_or(limit);
            let wish = move |segment| Wish {
                node,
                segment,
                max_tokens,
            };
            for segments in self.input_streams(node, segments) {
                wishes.push(segments.flat_map(move |cut| closed_segment(cut).map(wish)));
            }
        }
        let lookup = Recall {
            memory,
            prompts: self.prompts.clone(),
        };
        recall(self.scope.concatenate(wishes), lookup, self.threads)
    }

    /// Returns the streams of segments that a node reads.
    fn input_streams(
        &self,
        node: NodeId,
        segments: &StreamsByNode<'s, Cut>,
    ) -> Vec<Stream<'s, Cut>> {
        let inputs = self.inputs_of(node).into_iter();
        inputs
            .filter_map(|input| stream_of(segments, input))
            .collect()
    }

    fn decoder_service(
        &self,
        segments: &StreamsByNode<'s, Cut>,
        language: LanguageModules,
        summaries: Vec<minutes::Asker>,
    ) -> Service {
        let generates =
            |kind: &NodeKind| matches!(kind, NodeKind::Reason(spec) if !spec.judged(&self.prompts));
        let reason = nodes(self.plan)
            .any(|(_, kind)| generates(kind))
            .then(|| self.prompts.reason_prefix());
        let ask = language
            .archive
            .is_some()
            .then(|| self.prompts.ask_prefix());
        let summary = (!summaries.is_empty()).then(|| self.prompts.summary_prefix());
        Service {
            scheduler: language.decoder,
            beginnings: reason.into_iter().chain(ask).chain(summary).collect(),
            health: language.decoder_health,
            text: language.text,
            text_health: language.text_health,
            archive: language.archive,
            tally: self.counters.clone(),
            prompts: self.prompts.clone(),
            followers: self.followers(segments),
            summaries,
        }
    }

    /// Returns the reason nodes that read the text of another node.
    fn followers(&self, segments: &StreamsByNode<'s, Cut>) -> Vec<Follower> {
        let mut found = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Reason(spec) = kind else {
                continue;
            };
            let inputs = self.inputs_of(node).into_iter();
            let texts = inputs.filter(|input| stream_of(segments, *input).is_none());
            found.extend(texts.map(|reads| Follower {
                reads,
                asker: self.asker(node, spec),
            }));
        }
        found
    }

    fn asker(&self, node: NodeId, spec: &ReasonSpec) -> Asker {
        let segment_nodes = self.segment_nodes(&self.inputs_of(node)).into_iter();
        let lengths = segment_nodes.filter_map(|at| match &self.plan.nodes[at.0].kind {
            NodeKind::Segment(segment) => Some(segment.length_ms),
            _ => None,
        });
        Asker::new(node, spec, lengths.min().unwrap_or(1), &self.prompts)
    }

    fn summary_nodes(&self) -> Vec<minutes::Asker> {
        let asker = |(node, kind): (NodeId, &NodeKind)| match kind {
            NodeKind::Summary(spec) => Some(minutes::Asker {
                node,
                reads: self.inputs_of(node),
                spec: spec.clone(),
                prompts: self.prompts.clone(),
            }),
            _ => None,
        };
        nodes(self.plan).filter_map(asker).collect()
    }

    /// Returns the segments that each summary node summarizes.
    fn summarized_segments(
        &self,
        segments: &StreamsByNode<'s, Cut>,
        summaries: &[minutes::Asker],
    ) -> Stream<'s, (NodeId, Cut)> {
        let mut streams = Vec::new();
        for minutes::Asker { node, reads, .. } in summaries {
            let node = *node;
            for at in self.segment_nodes(reads) {
                if let Some(segments) = stream_of(segments, at) {
                    streams.push(segments.map(move |cut| (node, cut)));
                }
            }
        }
        self.scope.concatenate(streams)
    }

    fn add_index_nodes(
        &mut self,
        segments: &StreamsByNode<'s, Cut>,
        texts: &StreamsByNode<'s, Part>,
    ) {
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Index(_) = kind else { continue };
            let inputs = self.inputs_of(node);
            let texts = texts.iter().filter(|(sender, _)| inputs.contains(sender));
            let mut parts: Vec<_> = texts.map(|(_, stream)| stream.clone()).collect();
            let count = parts.len() + 1;
            for at in self.segment_nodes(&inputs) {
                if let Some(segments) = stream_of(segments, at) {
                    let silent = self.silent(&inputs);
                    parts.push(segments.flat_map(move |cut| segment_parts(cut, &silent)));
                }
            }
            let rows = index(self.scope.concatenate(parts), node, count);
            self.events.push(rows.map(Event::Row));
        }
    }

    /// Returns the reason nodes among these that may not ask about every segment.
    fn silent(&self, inputs: &[NodeId]) -> Vec<Asker> {
        let asker = |node: &NodeId| match &self.plan.nodes[node.0].kind {
            NodeKind::Reason(spec) => Some(self.asker(*node, spec)),
            _ => None,
        };
        inputs.iter().filter_map(asker).collect()
    }
}

/// Returns the parts of an index row that are known when a segment closes: the segment, and the nodes that will not answer.
fn segment_parts(cut: Cut, silent: &[Asker]) -> Vec<Part> {
    let Some(segment) = closed_segment(cut) else {
        return Vec::new();
    };
    let not_asking = silent.iter().filter(|asker| !asker.asks(&segment));
    let mut parts: Vec<_> = not_asking.map(|_| Part::Nothing(segment.key)).collect();
    parts.push(Part::Segment(segment));
    parts
}

/// Returns the captions or answers that the decoder gave for one node.
fn texts_of<'s>(
    decoded: &Stream<'s, Decoded>,
    node: NodeId,
    kind: &NodeKind,
) -> Option<Stream<'s, Part>> {
    let part = match kind {
        NodeKind::Caption(_) => |decoded: &Decoded| caption::finish(decoded).map(Part::Caption),
        NodeKind::Reason(_) => |decoded: &Decoded| reason::finish(decoded).map(Part::Answer),
        _ => return None,
    };
    let belongs = move |decoded: &Decoded| decoded.item.node() == Some(node);
    Some(
        decoded
            .clone()
            .flat_map(move |decoded| belongs(&decoded).then(|| part(&decoded)).flatten()),
    )
}

fn text_event(part: Part) -> Option<Event> {
    let event = match part {
        Part::Segment(_) | Part::Nothing(_) => return None,
        Part::Caption(caption) => result_event(caption, Event::Caption as fn(Caption) -> Event),
        Part::Answer(answer) => result_event(answer, Event::Answer as fn(Answer) -> Event),
    };
    Some(event)
}

fn result_event<T>(result: Outcome<T>, event: fn(T) -> Event) -> Event {
    result.map_or_else(Event::Failure, event)
}
