//! Runs the one decoder over the requests of all branches, in a loop: an answer can become the input of another pass.
//!
//! The requests of caption and reason nodes meet here, and their texts grow together on the decoder's thread. What a
//! request gave is sent on, and if other nodes read it, comes back as their request in the next pass. A segment's tick is
//! passed only when its last pass is out.

use std::sync::Arc;

use atom_models::{
    Fault, Generation, Prompt, PromptBuilder, Reason, Scheduler, TextEncoder, first_sentence,
};
use timely::{
    dataflow::{
        StreamVec,
        operators::{
            Concat, Concatenate, ConnectLoop, Enter, Feedback, Leave, generic::operator::empty,
            vec::Map,
        },
    },
    order::Product,
    progress::Timestamp,
};

use crate::{
    archive::Archive,
    ask::{self, Inquiry, Reply, ask},
    caption,
    data::{Failure, NodeId, Outcome, Segment, Stage},
    desk::DecoderDesk,
    find,
    minutes::{self, minutes},
    offload::{Crew, Done, Health, Together, offload},
    question::Question,
    read::{self, Reader, Reading, choose, is_choice},
    reason::Asker,
    segment::Cut,
    summary::Stretch,
    tally::{Tally, Task},
    tick::{Tick, Unchanged},
};

/// What a branch wants of the decoder.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is about, and who asks.
    pub about: About,
    /// What for.
    pub task: Task,
    /// The question, for an answer.
    pub question: Option<Arc<str>>,
    /// The decoder's input, or why there can be none.
    pub prompt: Result<Prompt, Fault>,
    /// Of a caption, what was said of pictures like these: more to go by for those who read the caption.
    pub remembered: Arc<[String]>,
    /// Of a caption, one from memory that stands if the decoder's would come too late.
    pub draft: Option<Arc<str>>,
    /// Whether the text encoder is to answer instead of the decoder.
    pub judged: bool,
    /// At most so many new tokens.
    pub max_tokens: usize,
}

/// What a request is about, and who asks.
#[derive(Clone, Debug)]
pub enum About {
    /// A node asks about a segment.
    Segment(NodeId, Arc<Segment>),
    /// A node asks about a stretch of many segments.
    Stretch(NodeId, Arc<Stretch>),
    /// A person asks: the n-th moment found for the question.
    Moment(Arc<Inquiry>, usize),
}

impl Request {
    /// The node that asks, if one does.
    pub fn node(&self) -> Option<NodeId> {
        match &self.about {
            About::Segment(node, _) | About::Stretch(node, _) => Some(*node),
            About::Moment(..) => None,
        }
    }
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
    /// Of a caption, the vector of its sentence, if there is a text encoder.
    pub vector: Option<Arc<[f32]>>,
}

impl Said {
    /// Yes or no.
    pub(crate) fn judged(yes: f32) -> Self {
        let (text, probability) = if yes >= 0.5 {
            ("Yes", yes)
        } else {
            ("No", 1.0 - yes)
        };
        Self {
            text: text.into(),
            probability: Some(probability),
            vector: None,
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
            vector: None,
        }
    }
}

impl Decoded {
    /// The sentence that the decoder said, or the one of given texts as it is.
    ///
    /// # Errors
    /// Why there is none; a decoder that says nothing has failed.
    pub fn sentence(&self) -> Result<String, Fault> {
        let said = self.result.as_ref().map_err(Clone::clone)?;
        let text = match said.probability {
            Some(_) => said.text.to_string(),
            None => first_sentence(&said.text),
        };
        match text.is_empty() {
            true => Err(Fault::new(Reason::Model, "the decoder said nothing")),
            false => Ok(text),
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
    /// The decoder; none if nothing can ask it.
    pub scheduler: Option<Scheduler>,
    /// What many prompts begin with: run once, before the first request.
    pub beginnings: Vec<Prompt>,
    /// How it is doing.
    pub health: Health,
    /// The text encoder, if anything is chosen, told or found by it.
    pub text: Option<Box<dyn TextEncoder>>,
    /// How that is doing.
    pub text_health: Health,
    /// What people's questions are about.
    pub archive: Option<Box<dyn Archive>>,
    /// Counts requests and tokens.
    pub tally: Tally,
    /// Makes prompts.
    pub prompts: PromptBuilder,
    /// Who reads results of an earlier pass.
    pub followers: Vec<Follower>,
    /// Who sums captions up.
    pub summaries: Vec<minutes::Asker>,
}

/// What comes to the decoder from outside the loop.
pub struct Asked<'s> {
    /// Requests of the first pass.
    pub requests: StreamVec<'s, Tick, Request>,
    /// People's questions.
    pub questions: StreamVec<'s, Tick, Arc<Question>>,
    /// The segments that are summed up, by the node that does it.
    pub cuts: StreamVec<'s, Tick, (NodeId, Cut)>,
}

/// Decodes all requests and those that follow from them. Gives what was said to nodes, and the answers to people.
pub fn decode<'s>(
    asked: Asked<'s>,
    service: Service,
    crew: &Crew,
) -> (StreamVec<'s, Tick, Decoded>, StreamVec<'s, Tick, Reply>) {
    let Service {
        scheduler,
        beginnings,
        health,
        text,
        text_health,
        archive,
        tally,
        prompts,
        followers,
        summaries,
    } = service;
    let outer = asked.requests.scope();
    outer.iterative::<u64, _, _>(|inner| {
        let (again, next) = inner.feedback(Product::new(Unchanged, 1));
        let requests = asked.requests.enter(inner).concat(next);
        let reader = text.map(|text| Reader {
            text,
            judge: prompts.yes_no_classifier(),
            prompts: prompts.clone(),
            archive,
        });
        let ways = Ways::new(reader.as_ref());
        let questions = asked.questions.enter(inner).map(Reading::Find);
        let judged = requests
            .clone()
            .flat_map(move |request| ways.is_judged(&request).then_some(Reading::Judge(request)));
        let generated = match scheduler {
            Some(scheduler) => {
                let decoder = Together {
                    name: "decoder",
                    health,
                    desk: DecoderDesk::new(scheduler, beginnings, tally),
                };
                let requests = requests
                    .flat_map(move |request| (!ways.is_judged(&request)).then_some(request));
                offload(requests, crew, decoder)
            }
            None => empty(inner),
        };
        let weighed = generated
            .clone()
            .flat_map(move |done| ways.is_weighed(&done).then_some(Reading::Choose(done)));
        let plain = generated.flat_map(move |done| (!ways.is_weighed(&done)).then_some(done));
        let plain = plainly(plain, &prompts);
        let (decoded, found) = match reader {
            Some(reader) => {
                let readings = inner.concatenate([questions, judged, weighed]);
                let read = read::read(readings, reader, text_health, crew);
                (
                    read.clone().flat_map(read::said).concat(plain),
                    read.flat_map(read::found),
                )
            }
            None => (plain, questions.flat_map(unread)),
        };
        let heard = found.map(|(question, found)| ask::Heard::Found(question, found));
        let heard = heard.concat(decoded.clone().flat_map(of_person));
        let told = ask(heard, prompts.clone());
        let mut requests = vec![told.clone().flat_map(to_ask)];
        for asker in summaries {
            let node = asker.node;
            let cuts = asked.cuts.clone().enter(inner);
            let cuts =
                cuts.flat_map(move |(to, cut)| (to == node).then_some(minutes::Heard::Cut(cut)));
            let heard = cuts.concat(decoded.clone().map(minutes::Heard::Said));
            requests.push(minutes(heard, asker));
        }
        let follow = move |decoded: Decoded| follow(&decoded, &followers, &prompts);
        requests.push(decoded.clone().flat_map(follow));
        inner.concatenate(requests).connect_loop(again);
        (decoded.leave(outer), told.flat_map(to_tell).leave(outer))
    })
}

/// Which way requests and their results go.
#[derive(Clone, Copy)]
struct Ways {
    /// There is a text encoder.
    text: bool,
    /// It tells yes from no.
    judges: bool,
    /// It has a say in which of several given answers is chosen.
    weighs: bool,
}

impl Ways {
    fn new(reader: Option<&Reader>) -> Self {
        Self {
            text: reader.is_some(),
            judges: reader.is_some_and(|reader| reader.judge.is_some()),
            weighs: reader.is_some_and(|reader| reader.prompts.ranker().embeds_options()),
        }
    }

    /// Whether the text encoder answers a request, and not the decoder.
    fn is_judged(self, request: &Request) -> bool {
        self.judges && request.judged && request.prompt.is_ok()
    }

    /// Whether the text encoder has a say in which of the decoder's texts is chosen.
    fn is_weighed(self, done: &Done<Request, Generation>) -> bool {
        let caption = self.text && done.item.task == Task::Caption;
        let choice = self.weighs && is_choice(&done.item);
        done.result.is_ok() && (caption || choice)
    }
}

/// Goes on with what the decoder found best by itself.
fn plainly<'s, T: Timestamp>(
    generated: StreamVec<'s, T, Done<Request, Generation>>,
    prompts: &PromptBuilder,
) -> StreamVec<'s, T, Decoded> {
    let prompts = prompts.clone();
    generated.map(move |done| Done {
        result: choose(&done, &prompts, None),
        item: done.item,
    })
}

/// A question where nothing can be found.
fn unread(reading: Reading) -> Option<(Arc<Question>, Result<find::Evidence, Fault>)> {
    let Reading::Find(question) = reading else {
        return None;
    };
    let fault = Fault::new(
        Reason::Missing,
        "questions need the text encoder, which is not loaded",
    );
    Some((question, Err(fault)))
}

fn of_person(decoded: Decoded) -> Option<ask::Heard> {
    let person = decoded.item.node().is_none();
    person.then_some(ask::Heard::Said(decoded))
}

fn to_ask(told: ask::Told) -> Option<Request> {
    match told {
        ask::Told::Request(request) => Some(request),
        ask::Told::Reply(_) => None,
    }
}

fn to_tell(told: ask::Told) -> Option<Reply> {
    match told {
        ask::Told::Reply(reply) => Some(reply),
        ask::Told::Request(_) => None,
    }
}

/// What was said about a segment, or why nothing was.
pub(crate) fn about_segment(
    decoded: &Decoded,
    stage: Stage,
) -> Option<(NodeId, Arc<Segment>, Outcome<String>)> {
    let About::Segment(node, segment) = &decoded.item.about else {
        return None;
    };
    let failed = |fault| Failure {
        stage,
        source: segment.key.source,
        at: segment.key.start,
        fault,
    };
    Some((
        *node,
        Arc::clone(segment),
        decoded.sentence().map_err(failed),
    ))
}

/// The requests of those who read this result.
fn follow(decoded: &Decoded, followers: &[Follower], prompts: &PromptBuilder) -> Vec<Request> {
    let mut readers = followers
        .iter()
        .filter(|follower| decoded.item.node() == Some(follower.reads))
        .peekable();
    if readers.peek().is_none() {
        return Vec::new();
    }
    let Some(caption) = caption::finish(decoded) else {
        return Vec::new();
    };
    let About::Segment(_, segment) = &decoded.item.about else {
        return Vec::new();
    };
    let like = &decoded.item.remembered;
    let requests = readers.filter_map(|follower| {
        follower
            .asker
            .about_caption(segment, (&caption, like), prompts)
    });
    requests.collect()
}
