//! Runs the one decoder over the requests of all branches, in a loop: an answer can become the input of another pass.
//!
//! The requests of caption and reason nodes meet here, and their texts grow together on the decoder's thread. What a
//! request gave is sent on, and if other nodes read it, comes back as their request in the next pass. A segment's tick is
//! passed only when its last pass is out.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use atom_models::{
    Connector, Fault, Generation, Prompt, Reason, Scheduler, TextEncoder,
    connector::tidy,
    scheduler::{Job, Urgency},
};
use timely::{
    dataflow::{
        StreamVec,
        operators::{Concat, ConnectLoop, Enter, Feedback, Leave, vec::Map},
    },
    order::Product,
    progress::Timestamp,
};

use crate::{
    caption,
    data::{Failure, NodeId, Outcome, Segment, Stage},
    offload::{Crew, Desk, Done, Health, Together, Work, offload},
    reason::Asker,
    tally::{Tally, Task},
    tick::{Tick, Unchanged},
};

/// What a branch wants of the decoder.
#[derive(Clone, Debug)]
pub struct Request {
    /// The node that asks.
    pub node: NodeId,
    /// What for.
    pub task: Task,
    /// The segment it is about.
    pub segment: Arc<Segment>,
    /// The question, for an answer.
    pub question: Option<Arc<str>>,
    /// The decoder's input, or why there can be none.
    pub prompt: Result<Prompt, Fault>,
    /// At most so many new tokens.
    pub max_tokens: usize,
}

/// A request with what the decoder said.
pub type Decoded = Done<Request, Said>;

/// What the decoder said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its best text.
    pub text: Arc<str>,
    /// Where only some texts were allowed, how likely it is among them, 0 to 1.
    pub probability: Option<f32>,
}

impl Said {
    /// The best of some texts; `among` says whether these are all that were allowed.
    pub(crate) fn best(generation: &Generation, among: bool) -> Self {
        let scores = generation
            .candidates
            .iter()
            .map(|candidate| candidate.score);
        let best = scores.clone().next().unwrap_or(0.0);
        let all: f32 = scores.map(|score| (score - best).exp()).sum();
        Self {
            text: generation.text().into(),
            probability: among.then(|| 1.0 / all),
        }
    }
}

/// A reason node that reads what another node gives.
#[derive(Clone, Debug)]
pub struct Follower {
    /// The caption node that it reads.
    pub reads: NodeId,
    /// The reason node.
    pub asker: Asker,
}

/// The decoder with what it needs to serve requests.
pub struct Service {
    /// The decoder.
    pub scheduler: Scheduler,
    /// What many prompts begin with: run once, before the first request.
    pub beginnings: Vec<Prompt>,
    /// How it is doing.
    pub health: Health,
    /// The text encoder, if captions are chosen by their likeness with the pictures.
    pub text: Option<Box<dyn TextEncoder>>,
    /// How that is doing.
    pub text_health: Health,
    /// Counts requests and tokens.
    pub tally: Tally,
    /// Makes the prompts of followers.
    pub connector: Connector,
    /// Who reads results of an earlier pass.
    pub followers: Vec<Follower>,
}

/// Decodes all requests and those that follow from them.
pub fn decode<'s>(
    requests: StreamVec<'s, Tick, Request>,
    service: Service,
    crew: &Crew,
) -> StreamVec<'s, Tick, Decoded> {
    let Service {
        scheduler,
        beginnings,
        health,
        text,
        text_health,
        tally,
        connector,
        followers,
    } = service;
    let desk = DecoderDesk {
        scheduler,
        beginnings,
        tally,
        tasks: BTreeMap::new(),
        refused: Vec::new(),
    };
    let decoder = Together {
        name: "decoder",
        health,
        desk,
    };
    let outer = requests.scope();
    outer.iterative::<u64, _, _>(|inner| {
        let (again, next) = inner.feedback(Product::new(Unchanged, 1));
        let asked = requests.enter(inner).concat(next);
        let generated = offload(asked, crew, decoder);
        let decoded = said(generated, text, text_health, &connector, crew);
        decoded
            .clone()
            .flat_map(move |decoded| follow(&decoded, &followers, &connector))
            .connect_loop(again);
        decoded.leave(outer)
    })
}

/// What the decoder said, chosen among its texts: for captions by the text encoder, if there is one, on a thread of its own.
fn said<'s, T: Timestamp>(
    generated: StreamVec<'s, T, Done<Request, Generation>>,
    text: Option<Box<dyn TextEncoder>>,
    health: Health,
    connector: &Connector,
    crew: &Crew,
) -> StreamVec<'s, T, Decoded> {
    let prompts = connector.clone();
    let plainly = move |done: Done<Request, Generation>| Done {
        result: caption::choose(&done, &prompts, None),
        item: done.item,
    };
    let Some(mut text) = text else {
        return generated.map(plainly);
    };
    let prompts = connector.clone();
    let by_text = Work {
        name: "text",
        health,
        run: move |done: &Done<Request, Generation>| {
            caption::choose(done, &prompts, Some(&mut *text))
        },
        shows: |_| true,
    };
    let captions = generated
        .clone()
        .flat_map(|done| is_caption(&done).then_some(done));
    let others = generated.flat_map(|done| (!is_caption(&done)).then_some(done));
    let captions = offload(captions, crew, by_text).map(|chosen| Done {
        item: chosen.item.item,
        result: chosen.result,
    });
    captions.concat(others.map(plainly))
}

fn is_caption(done: &Done<Request, Generation>) -> bool {
    done.item.task == Task::Caption && done.result.is_ok()
}

/// Hands requests to the scheduler, and counts.
struct DecoderDesk {
    scheduler: Scheduler,
    beginnings: Vec<Prompt>,
    tally: Tally,
    tasks: BTreeMap<u64, Task>,
    refused: Vec<(u64, Fault)>,
}

impl Desk<Request, Generation> for DecoderDesk {
    fn open(&mut self) {
        for beginning in &self.beginnings {
            // A decoder that fails at this will fail at the requests, and be told of then.
            let tokens = self.scheduler.load(beginning).unwrap_or(0);
            self.tally.loaded(tokens);
        }
    }

    fn take(&mut self, ticket: u64, request: &Request) {
        match &request.prompt {
            Err(fault) => self.refused.push((ticket, fault.clone())),
            Ok(prompt) => {
                self.tally.asked(request.task);
                self.tasks.insert(ticket, request.task);
                let job = Job {
                    prompt: prompt.clone(),
                    max_tokens: request.max_tokens,
                    urgency: Urgency::Recording,
                    deadline: None,
                };
                self.scheduler.submit(ticket, job);
            }
        }
    }

    fn idle(&self) -> bool {
        self.refused.is_empty() && self.scheduler.idle()
    }

    fn go_on(&mut self) -> Vec<(u64, Result<Generation, Fault>)> {
        let refused = std::mem::take(&mut self.refused).into_iter();
        let mut answers: Vec<_> = refused
            .map(|(ticket, fault)| (ticket, Err(fault)))
            .collect();
        for finished in self.scheduler.advance(Instant::now()) {
            let task = self.tasks.remove(&finished.id);
            if let (Some(task), Ok(generation)) = (task, &finished.result) {
                self.tally.decoded(task, generation);
            }
            answers.push((finished.id, finished.result));
        }
        answers
    }
}

/// The sentence that the decoder said, or the one of given texts as it is, or why there is none. A decoder that says nothing
/// has failed.
pub(crate) fn sentence(decoded: &Decoded, stage: Stage) -> Outcome<String> {
    let key = decoded.item.segment.key;
    let failed = |fault| Failure {
        stage,
        source: key.source,
        at: key.start,
        fault,
    };
    let said = decoded.result.as_ref();
    let said = said.map_err(|fault| failed(fault.clone()))?;
    let text = match said.probability {
        Some(_) => said.text.to_string(),
        None => tidy(&said.text),
    };
    match text.is_empty() {
        true => Err(failed(Fault::new(
            Reason::Model,
            "the decoder said nothing",
        ))),
        false => Ok(text),
    }
}

/// The requests of those who read this result.
fn follow(decoded: &Decoded, followers: &[Follower], connector: &Connector) -> Vec<Request> {
    let mut readers = followers
        .iter()
        .filter(|follower| follower.reads == decoded.item.node)
        .peekable();
    if readers.peek().is_none() {
        return Vec::new();
    }
    let caption = caption::finish(decoded);
    readers
        .map(|follower| {
            follower
                .asker
                .about_caption(&decoded.item.segment, &caption, connector)
        })
        .collect()
}
