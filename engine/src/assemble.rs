//! Builds the dataflow of a plan: one intake, one vision encoder and one decoder, whatever the plan asks of them.
//!
//! The graph is built by kind, not by file order: all encode nodes send through the one encoder and all caption and
//! reason nodes through the one decoder, and each gets its own results back.

use std::sync::Arc;

use atom_models::{Connector, Memory, Scheduler, TextEncoder, Vision};
use atom_operators::{
    caption,
    data::{Answer, Caption, Failure, NodeId, Outcome, Seen, Segment, SourceId, Taken},
    decode::{Decoded, Follower, Service, decode},
    encode::encode,
    index::{Part, index},
    intake::{Inlet, intake},
    node::NodeKind,
    offload::{Crew, Health},
    reason::{self, Asker},
    recall::{Recall, Wish, recall},
    sample::{Sampling, sample},
    seal::{Event, Sealed, Waiting, seal},
    segment::{Cut, segment},
    tally::Tally,
    tick::Tick,
};
use atom_pipelines::{Input, Plan};
use timely::dataflow::{
    Scope, StreamVec,
    operators::{Concatenate, vec::Map},
};

type Stream<'s, D> = StreamVec<'s, Tick, D>;

/// What the graph works with besides its plan.
pub struct Parts {
    /// The open sources' ways in.
    pub inlets: Vec<Inlet>,
    /// The vision encoder, if the plan encodes.
    pub vision: Option<Box<dyn Vision>>,
    /// The decoder, if the plan asks it anything.
    pub decoder: Option<Scheduler>,
    /// The text encoder, if captions are chosen, or yes and no told, by their likeness with the pictures.
    pub text: Option<Box<dyn TextEncoder>>,
    /// The caption memory, if the pack has one.
    pub memory: Option<Arc<Memory>>,
    /// Makes prompts.
    pub connector: Connector,
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
}

/// Builds the graph; `out` gets everything that is sealed, and every draft before that, and must not block.
pub fn assemble(
    scope: Scope<'_, Tick>,
    plan: &Plan,
    parts: Parts,
    crew: &Crew,
    out: impl FnMut(News) + Clone + 'static,
) {
    let waiting = Waiting::new(expected(plan, &parts.inlets));
    let taken = intake(scope, parts.inlets);
    let mut graph = Graph {
        scope,
        plan,
        connector: parts.connector,
        events: vec![taken.clone().flat_map(of_intake)],
    };
    let samples = graph.samples(&taken, &parts.tally);
    let seen = match parts.vision {
        Some(vision) => graph.seen(samples, vision, parts.vision_health, crew),
        None => Vec::new(),
    };
    let cuts = graph.cuts(&seen);
    if let Some(scheduler) = parts.decoder {
        let questions = nodes(plan).any(
            |(_, kind)| matches!(kind, NodeKind::Reason(spec) if !spec.judged(&graph.connector)),
        );
        let service = Service {
            scheduler,
            beginnings: questions
                .then(|| graph.connector.reason_beginning())
                .into_iter()
                .collect(),
            health: parts.decoder_health,
            text: parts.text,
            text_health: parts.text_health,
            tally: parts.tally,
            connector: graph.connector.clone(),
            followers: graph.followers(&cuts),
        };
        let mut tell = out.clone();
        let draft = move |caption: &Caption| tell(News::Draft(caption.clone()));
        graph.words(&cuts, service, parts.memory, crew, draft);
    } else {
        graph.rows(&cuts, &[]);
    }
    let Graph { events, .. } = graph;
    let mut out = out;
    seal(scope.concatenate(events), waiting, move |sealed| {
        out(News::Sealed(sealed));
    });
}

/// The segment nodes that each open source reaches.
fn expected(plan: &Plan, inlets: &[Inlet]) -> Vec<(SourceId, Vec<NodeId>)> {
    let reached = |source: SourceId| {
        let segments = nodes(plan).filter(|(_, kind)| matches!(kind, NodeKind::Segment(_)));
        segments
            .filter(|(node, _)| {
                plan.sources_of(Input::Node(node.0))
                    .contains(&(source.0 as usize))
            })
            .map(|(node, _)| node)
            .collect()
    };
    inlets
        .iter()
        .map(|inlet| (inlet.source, reached(inlet.source)))
        .collect()
}

fn nodes(plan: &Plan) -> impl Iterator<Item = (NodeId, &NodeKind)> {
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
        Taken::End(end) => Some(Event::End(end)),
    }
}

/// Streams by the node that sends them.
type ByNode<'s, D> = Vec<(NodeId, Stream<'s, D>)>;

/// The stream of a node.
fn of<'s, D: Clone + 'static>(streams: &ByNode<'s, D>, node: NodeId) -> Option<Stream<'s, D>> {
    streams
        .iter()
        .find(|(have, _)| *have == node)
        .map(|(_, stream)| stream.clone())
}

/// A caption or answer stream, by what an index makes of it.
type Words<'s> = ByNode<'s, Part>;

struct Graph<'s, 'p> {
    scope: Scope<'s, Tick>,
    plan: &'p Plan,
    connector: Connector,
    events: Vec<Stream<'s, Event>>,
}

impl<'s> Graph<'s, '_> {
    /// The nodes that a node reads.
    fn read_by(&self, node: NodeId) -> Vec<NodeId> {
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

    fn samples(&self, taken: &Stream<'s, Taken>, tally: &Tally) -> ByNode<'s, Taken> {
        let mut streams = Vec::new();
        for (node, kind) in nodes(self.plan) {
            let NodeKind::Sample(spec) = kind else {
                continue;
            };
            let planned = &self.plan.nodes[node.0];
            let sources = self
                .plan
                .sources_of(Input::Node(node.0))
                .into_iter()
                .map(|at| SourceId(at as u32))
                .collect();
            let from = Sampling {
                sources,
                stretches_ms: planned.stretches_ms.clone(),
            };
            streams.push((node, sample(taken.clone(), spec, from, tally.clone())));
        }
        streams
    }

    /// Sends the samples of every encode node through the one encoder.
    fn seen(
        &mut self,
        samples: ByNode<'s, Taken>,
        vision: Box<dyn Vision>,
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
                        asker: Asker::new(node, spec, &self.connector),
                    }),
            );
        }
        found
    }

    /// Sends the requests of every caption and reason node through the one decoder, and its words on. Drafts are told
    /// at once.
    fn words(
        &mut self,
        cuts: &ByNode<'s, Cut>,
        service: Service,
        memory: Option<Arc<Memory>>,
        crew: &Crew,
        mut draft: impl FnMut(&Caption) + 'static,
    ) {
        let (mut requests, mut wishes) = (Vec::new(), Vec::new());
        for (node, kind) in nodes(self.plan) {
            let inputs = self.read_by(node).into_iter();
            for cuts in inputs.filter_map(|input| of(cuts, input)) {
                match kind {
                    NodeKind::Caption(spec) => {
                        let most = self.connector.caption_tokens();
                        let max_tokens = spec.max_tokens.unwrap_or(most);
                        let wish = move |segment| Wish {
                            node,
                            segment,
                            max_tokens,
                        };
                        wishes.push(cuts.flat_map(move |cut| segment_of(cut).map(wish)));
                    }
                    NodeKind::Reason(spec) => {
                        let connector = self.connector.clone();
                        let asker = Asker::new(node, spec, &connector);
                        let ask = move |segment| asker.about_segment(&segment, &connector);
                        requests.push(cuts.flat_map(move |cut| segment_of(cut).map(&ask)));
                    }
                    _ => {}
                }
            }
        }
        let lookup = Recall {
            memory,
            connector: self.connector.clone(),
        };
        let recalled = recall(self.scope.concatenate(wishes), lookup, crew);
        requests.push(recalled.map(move |recalled| {
            recalled.draft.iter().for_each(&mut draft);
            recalled.request
        }));
        let decoded = decode(self.scope.concatenate(requests), service, crew);
        let words: Words<'s> = nodes(self.plan)
            .filter(|(_, kind)| matches!(kind, NodeKind::Caption(_) | NodeKind::Reason(_)))
            .map(|(node, kind)| {
                (
                    node,
                    told(&decoded, node, matches!(kind, NodeKind::Caption(_))),
                )
            })
            .collect();
        self.events.extend(
            words
                .iter()
                .map(|(_, stream)| stream.clone().flat_map(of_words)),
        );
        self.rows(cuts, &words);
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
                parts.push(segments.flat_map(|cut| segment_of(cut).map(Part::Segment)));
            }
            let rows = index(self.scope.concatenate(parts), node, count);
            self.events.push(rows.map(Event::Row));
        }
    }

    /// The segment nodes whose segments these nodes are about.
    fn segments_below(&self, inputs: &[NodeId]) -> Vec<NodeId> {
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

fn segment_of(cut: Cut) -> Option<Arc<Segment>> {
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
    let failed = closed.result.err().map(Event::Failure);
    [Event::Closed {
        node,
        end: closed.end,
    }]
    .into_iter()
    .chain(failed)
    .collect()
}

/// What the decoder said for one node, as captions or as answers.
fn told<'s>(decoded: &Stream<'s, Decoded>, node: NodeId, captions: bool) -> Stream<'s, Part> {
    decoded.clone().flat_map(move |decoded| {
        let part = |decoded: &Decoded| match captions {
            true => Part::Caption(caption::finish(decoded)),
            false => Part::Answer(reason::finish(decoded)),
        };
        (decoded.item.node == node).then(|| part(&decoded))
    })
}

fn of_words(part: Part) -> Option<Event> {
    let event = match part {
        Part::Segment(_) => return None,
        Part::Caption(caption) => of_outcome(caption, Event::Caption as fn(Caption) -> Event),
        Part::Answer(answer) => of_outcome(answer, Event::Answer as fn(Answer) -> Event),
    };
    Some(event)
}

fn of_outcome<T>(outcome: Outcome<T>, event: fn(T) -> Event) -> Event {
    outcome.map_or_else(|failure: Failure| Event::Failure(failure), event)
}
