//! Builds the dataflow of a plan: one intake, one vision encoder and one decoder, whatever the plan asks of them.
//!
//! The graph is built by kind, not by file order: all encode nodes send through the one encoder and all caption, reason and
//! summary nodes through the one decoder (`branches`), and each gets its own results back.

use std::{collections::BTreeMap, sync::Arc};

use atom_models::{CaptionMemory, PromptBuilder, Scheduler, TextEncoder, VisionEncoder};
use atom_operators::{
    archive::Archive,
    ask::Reply,
    change::Changes,
    data::{Caption, Failure, NodeId, Seen, Segment, Stage, Taken},
    encode::encode,
    intake::{Inlet, intake},
    node::NodeKind,
    offload::{Crew, Health},
    pace::Pace,
    question::{Inbox, questions},
    sample::{Sampling, sample},
    seal::{Event, Sealed, Waiting, seal},
    segment::{Cut, segment},
    tally::Tally,
    tick::Tick,
};
use atom_pipelines::{Input, Plan};
use timely::dataflow::{
    Scope, StreamVec,
    operators::{Concatenate, Inspect, vec::Map},
};

use crate::{audience::Notice, branches::Speech};
use atom_index::QueryEvent;

pub(crate) type Stream<'s, D> = StreamVec<'s, Tick, D>;

/// What the graph works with besides its plan.
pub struct Parts {
    /// The lanes' ways in.
    pub inlets: Vec<Inlet>,
    /// What the rate of each live source of the plan follows.
    pub paces: BTreeMap<usize, Arc<Pace>>,
    /// The vision encoder, if the plan encodes.
    pub vision: Option<Box<dyn VisionEncoder>>,
    /// The decoder, if the plan asks it anything.
    pub decoder: Option<Scheduler>,
    /// The text encoder, if anything is chosen, told or found by it.
    pub text: Option<Box<dyn TextEncoder>>,
    /// The caption memory, if the pack has one.
    pub memory: Option<Arc<CaptionMemory>>,
    /// The way in for people's questions, if any can be asked.
    pub inbox: Option<Inbox>,
    /// What they are about.
    pub archive: Option<Box<dyn Archive>>,
    /// Makes prompts.
    pub prompts: PromptBuilder,
    /// How the encoder is doing.
    pub vision_health: Health,
    /// How the decoder is doing.
    pub decoder_health: Health,
    /// How the text encoder is doing.
    pub text_health: Health,
    /// Counts.
    pub tally: Tally,
}

/// What comes out of the graph.
#[derive(Clone, Debug)]
pub enum News {
    /// A caption from memory, as soon as its segment has closed. The decoder's caption replaces it.
    Draft(Caption),
    /// Everything of one tick, once it is complete.
    Sealed(Sealed),
    /// The answer to a person's question.
    Reply(Reply),
    /// What became of a recording without its being played.
    Notice(Notice),
    /// What came to or left the best of a standing query.
    Query(QueryEvent),
    /// Nothing more is sealed.
    AllSealed,
    /// For a while there was none.
    Nothing,
}

/// Builds the graph; `out` gets everything that is sealed, and every draft before that, and must not block.
pub fn assemble(
    scope: Scope<'_, Tick>,
    plan: &Plan,
    parts: Parts,
    crew: &Crew,
    out: impl FnMut(News) + Clone + 'static,
) {
    let changes = nodes(plan).filter_map(|(node, kind)| match kind {
        NodeKind::Reason(spec) => Some((node, Changes::of(spec)?)),
        _ => None,
    });
    let waiting = Waiting::new(expected(plan)).with_changes(changes.collect());
    let taken = intake(scope, parts.inlets);
    let mut graph = Graph {
        scope,
        plan,
        prompts: parts.prompts,
        events: vec![taken.clone().flat_map(of_intake)],
    };
    let samples = graph.samples(&taken, &parts.paces, &parts.tally);
    let seen = match parts.vision {
        Some(vision) => graph.seen(samples, vision, parts.vision_health, crew),
        None => Vec::new(),
    };
    let cuts = graph.cuts(&seen);
    let asked = questions(scope, parts.inbox);
    let speech = Speech {
        scheduler: parts.decoder,
        text: parts.text,
        memory: parts.memory,
        archive: parts.archive,
        decoder_health: parts.decoder_health,
        text_health: parts.text_health,
        tally: parts.tally,
    };
    let (mut draft, mut reply) = (out.clone(), out.clone());
    let draft = move |caption: &Caption| draft(News::Draft(caption.clone()));
    let replies = graph.words(&cuts, asked, speech, crew, draft);
    replies.inspect(move |answer| reply(News::Reply(answer.clone())));
    let Graph { events, .. } = graph;
    let mut out = out;
    seal(scope.concatenate(events), waiting, move |sealed| {
        out(News::Sealed(sealed));
    });
}

/// The segment nodes that each source of the plan reaches.
fn expected(plan: &Plan) -> Vec<(u32, Vec<NodeId>)> {
    let reached = |source: usize| {
        let segments = nodes(plan).filter(|(_, kind)| matches!(kind, NodeKind::Segment(_)));
        segments
            .filter(|(node, _)| plan.sources_of(Input::Node(node.0)).contains(&source))
            .map(|(node, _)| node)
            .collect()
    };
    (0..plan.sources.len())
        .map(|source| (source as u32, reached(source)))
        .collect()
}

pub(crate) fn nodes(plan: &Plan) -> impl Iterator<Item = (NodeId, &NodeKind)> {
    plan.nodes
        .iter()
        .enumerate()
        .map(|(at, node)| (NodeId(at), &node.kind))
}

/// What the intake has to tell by itself.
fn of_intake(taken: Taken) -> Option<Event> {
    match taken {
        Taken::Frame(_) => None,
        Taken::Lost(failure) => Some(Event::Failure(failure)),
        Taken::Quiet(quiet) => quiet.why.map(|fault| {
            Event::Failure(Failure {
                stage: Stage::Source,
                source: quiet.source,
                at: quiet.from,
                fault,
            })
        }),
        Taken::End(end) => Some(Event::End(end)),
    }
}

/// Streams by the node that sends them.
pub(crate) type ByNode<'s, D> = Vec<(NodeId, Stream<'s, D>)>;

/// The stream of a node.
pub(crate) fn of<'s, D: Clone + 'static>(
    streams: &ByNode<'s, D>,
    node: NodeId,
) -> Option<Stream<'s, D>> {
    streams
        .iter()
        .find(|(have, _)| *have == node)
        .map(|(_, stream)| stream.clone())
}

/// The graph as far as it is built.
pub(crate) struct Graph<'s, 'p> {
    pub(crate) scope: Scope<'s, Tick>,
    pub(crate) plan: &'p Plan,
    pub(crate) prompts: PromptBuilder,
    pub(crate) events: Vec<Stream<'s, Event>>,
}

impl<'s> Graph<'s, '_> {
    /// The nodes that a node reads.
    pub(crate) fn read_by(&self, node: NodeId) -> Vec<NodeId> {
        let inputs = self.plan.nodes[node.0].inputs.iter();
        inputs
            .filter_map(|input| {
                if let Input::Node(at) = input {
                    Some(NodeId(*at))
                } else {
                    None
                }
            })
            .collect()
    }

    fn samples(
        &self,
        taken: &Stream<'s, Taken>,
        paces: &BTreeMap<usize, Arc<Pace>>,
        tally: &Tally,
    ) -> ByNode<'s, Taken> {
        let mut streams = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Sample(spec) = kind else {
                continue;
            };
            let planned = &self.plan.nodes[node.0];
            let sources = self.plan.sources_of(Input::Node(node.0)).into_iter();
            let from = Sampling {
                planned: sources
                    .map(|at| (at as u32, paces.get(&at).cloned()))
                    .collect(),
                stretches_ms: planned.segment_lengths_ms.clone(),
            };
            streams.push((node, sample(taken.clone(), spec, from, tally.clone())));
        }
        streams
    }

    /// Sends the samples of every encode node through the one encoder.
    fn seen(
        &mut self,
        samples: ByNode<'s, Taken>,
        vision: Box<dyn VisionEncoder>,
        health: Health,
        crew: &Crew,
    ) -> ByNode<'s, Seen> {
        let encoders: Vec<_> = nodes(self.plan)
            .filter(|(_, kind)| matches!(kind, NodeKind::Encode(_)))
            .map(|(node, _)| node)
            .collect();
        let mut routed = Vec::new();
        for node in &encoders {
            for stream in self
                .read_by(*node)
                .into_iter()
                .filter_map(|sampler| of(&samples, sampler))
            {
                let node = *node;
                routed.push(stream.map(move |taken| (node, taken)));
            }
        }
        let (seen, failures) = encode(self.scope.concatenate(routed), vision, health, crew);
        self.events.push(failures.map(Event::Failure));
        encoders
            .into_iter()
            .map(|node| (node, routed_to(&seen, node)))
            .collect()
    }

    fn cuts(&mut self, seen: &ByNode<'s, Seen>) -> ByNode<'s, Cut> {
        let mut streams = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Segment(spec) = kind else {
                continue;
            };
            let inputs = self
                .read_by(node)
                .into_iter()
                .filter_map(|input| of(seen, input));
            let cuts = segment(self.scope.concatenate(inputs.collect::<Vec<_>>()), spec);
            self.events
                .push(cuts.clone().flat_map(move |cut| of_cut(node, cut)));
            streams.push((node, cuts));
        }
        streams
    }

    /// The segment nodes whose segments these nodes are about.
    pub(crate) fn segments_below(&self, inputs: &[NodeId]) -> Vec<NodeId> {
        let mut found: Vec<NodeId> = Vec::new();
        for node in inputs {
            match self.plan.nodes[node.0].kind {
                NodeKind::Segment(_) => found.push(*node),
                _ => found.extend(self.segments_below(&self.read_by(*node))),
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

fn routed_to<'s, D: Clone + 'static>(
    stream: &Stream<'s, (NodeId, D)>,
    node: NodeId,
) -> Stream<'s, D> {
    stream
        .clone()
        .flat_map(move |(to, data)| (to == node).then_some(data))
}

pub(crate) fn segment_of(cut: Cut) -> Option<Arc<Segment>> {
    if let Cut::Closed(closed) = cut {
        closed.result.ok()
    } else {
        None
    }
}

fn of_cut(node: NodeId, cut: Cut) -> Vec<Event> {
    let Cut::Closed(closed) = cut else {
        return Vec::new();
    };
    let seen = closed.result.is_ok();
    let failed = closed.result.err().map(Event::Failure);
    [Event::Closed {
        source: closed.key.source,
        node,
        start: closed.key.start,
        end: closed.end,
        seen,
    }]
    .into_iter()
    .chain(failed)
    .collect()
}
