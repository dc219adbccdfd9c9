//! The part of the graph that puts segments into words: all caption, reason and summary nodes, and people's questions, through one
//! decoder and one text encoder; and the rows that indexes make of it.

use std::sync::Arc;

use atom_models::{CaptionMemory, Scheduler, TextEncoder};
use atom_operators::{
    archive::Archive,
    ask::Reply,
    caption,
    data::{Answer, Caption, Failure, NodeId, Outcome},
    decode::{Asked, Decoded, Follower, Service, decode},
    index::{Part, index},
    minutes,
    node::NodeKind,
    offload::{Crew, Health},
    question::Question,
    reason::{self, Asker, ReasonSpec},
    recall::{Recall, Wish, recall},
    seal::Event,
    segment::Cut,
    summary,
    tally::Tally,
};
use timely::dataflow::operators::{Concatenate, vec::Map};

use crate::assemble::{ByNode, Graph, Stream, nodes, of, segment_of};

/// What speaks.
pub(crate) struct Speech {
    pub(crate) scheduler: Option<Scheduler>,
    pub(crate) text: Option<Box<dyn TextEncoder>>,
    pub(crate) memory: Option<Arc<CaptionMemory>>,
    pub(crate) archive: Option<Box<dyn Archive>>,
    pub(crate) decoder_health: Health,
    pub(crate) text_health: Health,
    pub(crate) tally: Tally,
}

impl<'s> Graph<'s, '_> {
    /// Sends everything that is wanted of the decoder through it, and its words on. Drafts are told at once. Gives the answers to
    /// people's questions.
    pub(crate) fn words(
        &mut self,
        cuts: &ByNode<'s, Cut>,
        questions: Stream<'s, Arc<Question>>,
        speech: Speech,
        crew: &Crew,
        mut draft: impl FnMut(&Caption) + 'static,
    ) -> Stream<'s, Reply> {
        let (mut requests, mut wishes) = (Vec::new(), Vec::new());
        for (node, kind) in nodes(self.plan) {
            let inputs = self.read_by(node).into_iter();
            for cuts in inputs.filter_map(|input| of(cuts, input)) {
                match kind {
                    NodeKind::Caption(spec) => {
                        let most = self.prompts.caption_tokens();
                        let max_tokens = spec.max_tokens.unwrap_or(most);
                        let wish = move |segment| Wish {
                            node,
                            segment,
                            max_tokens,
                        };
                        wishes.push(cuts.flat_map(move |cut| segment_of(cut).map(wish)));
                    }
                    NodeKind::Reason(spec) => {
                        let (asker, prompts) = (self.asker(node, spec), self.prompts.clone());
                        let ask = move |segment| asker.about_segment(&segment, &prompts);
                        requests.push(cuts.flat_map(move |cut| segment_of(cut).and_then(&ask)));
                    }
                    _ => {}
                }
            }
        }
        let lookup = Recall {
            memory: speech.memory.clone(),
            prompts: self.prompts.clone(),
        };
        let recalled = recall(self.scope.concatenate(wishes), lookup, crew);
        requests.push(recalled.map(move |recalled| {
            recalled.draft.iter().for_each(&mut draft);
            recalled.request
        }));
        let summaries = self.summaries();
        let asked = Asked {
            requests: self.scope.concatenate(requests),
            questions,
            cuts: self.summed_up(cuts, &summaries),
        };
        let service = self.service(cuts, speech, summaries);
        let (decoded, replies) = decode(asked, service, crew);
        let words: ByNode<'s, Part> = nodes(self.plan)
            .filter_map(|(node, kind)| Some((node, told(&decoded, node, kind)?)))
            .collect();
        self.events.extend(
            words
                .iter()
                .map(|(_, stream)| stream.clone().flat_map(of_words)),
        );
        let summed_up = decoded.flat_map(|decoded| summary::finish(&decoded));
        self.events
            .push(summed_up.map(|summary| of_outcome(summary, Event::Summary)));
        self.rows(cuts, &words);
        replies
    }

    fn service(
        &self,
        cuts: &ByNode<'s, Cut>,
        speech: Speech,
        summaries: Vec<minutes::Asker>,
    ) -> Service {
        let asks =
            |kind: &NodeKind| matches!(kind, NodeKind::Reason(spec) if !spec.judged(&self.prompts));
        let reason = nodes(self.plan)
            .any(|(_, kind)| asks(kind))
            .then(|| self.prompts.reason_prefix());
        let ask = speech.archive.is_some().then(|| self.prompts.ask_prefix());
        let summary = (!summaries.is_empty()).then(|| self.prompts.summary_prefix());
        Service {
            scheduler: speech.scheduler,
            beginnings: reason.into_iter().chain(ask).chain(summary).collect(),
            health: speech.decoder_health,
            text: speech.text,
            text_health: speech.text_health,
            archive: speech.archive,
            tally: speech.tally,
            prompts: self.prompts.clone(),
            followers: self.followers(cuts),
            summaries,
        }
    }

    /// The reason nodes that read what another node gives.
    fn followers(&self, cuts: &ByNode<'s, Cut>) -> Vec<Follower> {
        let mut found = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Reason(spec) = kind else {
                continue;
            };
            let inputs = self.read_by(node).into_iter();
            found.extend(
                inputs
                    .filter(|input| of(cuts, *input).is_none())
                    .map(|reads| Follower {
                        reads,
                        asker: self.asker(node, spec),
                    }),
            );
        }
        found
    }

    fn asker(&self, node: NodeId, spec: &ReasonSpec) -> Asker {
        let below = self.segments_below(&self.read_by(node)).into_iter();
        let lengths = below.filter_map(|below| match &self.plan.nodes[below.0].kind {
            NodeKind::Segment(segment) => Some(segment.length_ms),
            _ => None,
        });
        Asker::new(node, spec, lengths.min().unwrap_or(1), &self.prompts)
    }

    /// The summary nodes.
    fn summaries(&self) -> Vec<minutes::Asker> {
        let asker = |(node, kind): (NodeId, &NodeKind)| match kind {
            NodeKind::Summary(spec) => Some(minutes::Asker {
                node,
                reads: self.read_by(node),
                spec: spec.clone(),
                prompts: self.prompts.clone(),
            }),
            _ => None,
        };
        nodes(self.plan).filter_map(asker).collect()
    }

    /// The segments that each summary node is about.
    fn summed_up(
        &self,
        cuts: &ByNode<'s, Cut>,
        summaries: &[minutes::Asker],
    ) -> Stream<'s, (NodeId, Cut)> {
        let mut routed = Vec::new();
        for minutes::Asker { node, reads, .. } in summaries {
            let below = self.segments_below(reads).into_iter();
            for cuts in below.filter_map(|below| of(cuts, below)) {
                let node = *node;
                routed.push(cuts.map(move |cut| (node, cut)));
            }
        }
        self.scope.concatenate(routed)
    }

    fn rows(&mut self, cuts: &ByNode<'s, Cut>, words: &[(NodeId, Stream<'s, Part>)]) {
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Index(_) = kind else { continue };
            let inputs = self.read_by(node);
            let told: Vec<_> = words
                .iter()
                .filter(|(word, _)| inputs.contains(word))
                .map(|(_, s)| s.clone())
                .collect();
            let count = told.len() + 1;
            let mut parts = told;
            for segments in self
                .segments_below(&inputs)
                .into_iter()
                .filter_map(|input| of(cuts, input))
            {
                let silent = self.silent(&inputs);
                parts.push(segments.flat_map(move |cut| parts_of(cut, &silent)));
            }
            let rows = index(self.scope.concatenate(parts), node, count);
            self.events.push(rows.map(Event::Row));
        }
    }

    /// The reason nodes among these that do not ask about every segment.
    fn silent(&self, inputs: &[NodeId]) -> Vec<Asker> {
        let asker = |node: &NodeId| match &self.plan.nodes[node.0].kind {
            NodeKind::Reason(spec) => Some(self.asker(*node, spec)),
            _ => None,
        };
        inputs.iter().filter_map(asker).collect()
    }
}

/// What an index learns of a segment at once: the segment, and who will say nothing about it.
fn parts_of(cut: Cut, silent: &[Asker]) -> Vec<Part> {
    let Some(segment) = segment_of(cut) else {
        return Vec::new();
    };
    let quiet = silent.iter().filter(|asker| !asker.asks(&segment));
    let mut parts: Vec<_> = quiet.map(|_| Part::Nothing(segment.key)).collect();
    parts.push(Part::Segment(segment));
    parts
}

/// What the decoder said for one node, as captions or as answers.
fn told<'s>(
    decoded: &Stream<'s, Decoded>,
    node: NodeId,
    kind: &NodeKind,
) -> Option<Stream<'s, Part>> {
    let part = match kind {
        NodeKind::Caption(_) => |decoded: &Decoded| caption::finish(decoded).map(Part::Caption),
        NodeKind::Reason(_) => |decoded: &Decoded| reason::finish(decoded).map(Part::Answer),
        _ => return None,
    };
    let mine = move |decoded: &Decoded| decoded.item.node() == Some(node);
    Some(
        decoded
            .clone()
            .flat_map(move |decoded| mine(&decoded).then(|| part(&decoded)).flatten()),
    )
}

fn of_words(part: Part) -> Option<Event> {
    let event = match part {
        Part::Segment(_) | Part::Nothing(_) => return None,
        Part::Caption(caption) => of_outcome(caption, Event::Caption as fn(Caption) -> Event),
        Part::Answer(answer) => of_outcome(answer, Event::Answer as fn(Answer) -> Event),
    };
    Some(event)
}

fn of_outcome<T>(outcome: Outcome<T>, event: fn(T) -> Event) -> Event {
    outcome.map_or_else(|failure: Failure| Event::Failure(failure), event)
}
