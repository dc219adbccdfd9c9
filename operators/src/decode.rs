//! Runs the one decoder over the requests of all branches, in a loop: an answer can become the input of another pass.
//!
//! The requests of caption and reason nodes meet here, and their texts grow together on the decoder's thread. What a
//! request gave is sent on, and if other nodes read it, comes back as their request in the next pass. A segment's tick is
//! passed only when its last pass is out.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use atom_models::{
    Connector, Fault, Generation, Judge, Prompt, Reason, Scheduler, TextEncoder,
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
    /// Whether the text encoder is to answer instead of the decoder.
    pub judged: bool,
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
    /// Yes or no.
    fn judged(yes: f32) -> Self {
        let (text, probability) = if yes >= 0.5 {
            ("Yes", yes)
        } else {
            ("No", 1.0 - yes)
        };
        Self {
            text: text.into(),
            probability: Some(probability),
        }
    }

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
    /// The text encoder, if captions are chosen, or yes and no told, by their likeness with the pictures.
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
        let judge = connector.judge().filter(|_| text.is_some());
        let judged = judge.is_some();
        let by_text = asked.clone().flat_map(move |request| {
            is_judged(&request, judged).then_some(Reading::Judge(request))
        });
        let asked =
            asked.flat_map(move |request| (!is_judged(&request, judged)).then_some(request));
        let generated = offload(asked, crew, decoder);
        let decoded = match text {
            None => plainly(generated, &connector),
            Some(text) => {
                let captions = generated
                    .clone()
                    .flat_map(|done| is_caption(&done).then_some(Reading::Choose(done)));
                let others = generated.flat_map(|done| (!is_caption(&done)).then_some(done));
                let reader = Reader {
                    text,
                    judge,
                    connector: connector.clone(),
                };
                read(by_text.concat(captions), reader, text_health, crew)
                    .concat(plainly(others, &connector))
            }
        };
        decoded
            .clone()
            .flat_map(move |decoded| follow(&decoded, &followers, &connector))
            .connect_loop(again);
        decoded.leave(outer)
    })
}

/// Goes on with what the decoder found best by itself.
fn plainly<'s, T: Timestamp>(
    generated: StreamVec<'s, T, Done<Request, Generation>>,
    connector: &Connector,
) -> StreamVec<'s, T, Decoded> {
    let connector = connector.clone();
    generated.map(move |done| Done {
        result: caption::choose(&done, &connector, None),
        item: done.item,
    })
}

fn is_caption(done: &Done<Request, Generation>) -> bool {
    done.item.task == Task::Caption && done.result.is_ok()
}

fn is_judged(request: &Request, judged: bool) -> bool {
    judged && request.judged && request.prompt.is_ok()
}

/// Work for the text encoder.
#[derive(Clone)]
enum Reading {
    /// Choose among captions.
    Choose(Done<Request, Generation>),
    /// Tell yes or no.
    Judge(Request),
}

/// The text encoder with what it needs.
struct Reader {
    text: Box<dyn TextEncoder>,
    judge: Option<Judge>,
    connector: Connector,
}

impl Reader {
    fn read(&mut self, reading: &Reading) -> Result<Said, Fault> {
        match (reading, &mut self.judge) {
            (Reading::Choose(done), _) => {
                caption::choose(done, &self.connector, Some(&mut *self.text))
            }
            (
                Reading::Judge(Request {
                    question: Some(question),
                    segment,
                    ..
                }),
                Some(judge),
            ) => {
                let yes = judge.yes(question, &segment.impression, &mut *self.text);
                yes.map(Said::judged)
                    .map_err(|error| Fault::new(Reason::Model, error))
            }
            (Reading::Judge(_), _) => Err(Fault::new(Reason::Missing, "there is no question")),
        }
    }
}

/// Has the text encoder work, on a thread of its own.
fn read<'s, T: Timestamp>(
    readings: StreamVec<'s, T, Reading>,
    mut reader: Reader,
    health: Health,
    crew: &Crew,
) -> StreamVec<'s, T, Decoded> {
    let work = Work {
        name: "text",
        health,
        run: move |reading: &Reading| reader.read(reading),
        shows: |_| true,
    };
    offload(readings, crew, work).map(|done| Done {
        item: match done.item {
            Reading::Choose(chosen) => chosen.item,
            Reading::Judge(request) => request,
        },
        result: done.result,
    })
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
