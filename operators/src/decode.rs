//! Runs the one decoder over the requests of all branches, in a loop: an answer can become the input of another pass.
//!
//! The requests of caption and reason nodes meet here. What a request gave is sent on, and if other nodes read it, comes
//! back as their request in the next pass. A segment's tick is passed only when its last pass is out.

use std::sync::Arc;

use atom_models::{Connector, Decoder, Fault, Prompt, Reason, TextEncoder, connector::tidy};
use timely::{
    dataflow::{
        StreamVec,
        operators::{Concat, ConnectLoop, Enter, Feedback, Leave, vec::Map},
    },
    order::Product,
};

use crate::{
    caption,
    data::{Failure, NodeId, Outcome, Segment, Stage},
    offload::{Crew, Done, Health, Work, offload},
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
pub type Decoded = Done<Request, Arc<str>>;

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
    pub decoder: Box<dyn Decoder>,
    /// The text encoder, if captions are chosen by their likeness with the pictures.
    pub text: Option<Box<dyn TextEncoder>>,
    /// How it is doing.
    pub health: Health,
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
        mut decoder,
        mut text,
        health,
        tally,
        connector,
        followers,
    } = service;
    let prompts = connector.clone();
    let run = move |request: &Request| {
        let prompt = request.prompt.as_ref().map_err(Clone::clone)?;
        tally.asked(request.task);
        let asked = (prompt, request.max_tokens);
        let generation = match request.task {
            Task::Caption => {
                let (seen, text) = (&request.segment.impression, text.as_mut());
                let text = text.map(|text| &mut **text as &mut dyn TextEncoder);
                caption::write(asked, seen, &prompts, &mut *decoder, text)
            }
            Task::Reason => decoder.generate(asked.0, asked.1),
        };
        let generation = generation.map_err(|e| Fault::new(Reason::Model, e))?;
        tally.decoded(request.task, &generation);
        Ok(generation.text().into())
    };
    let outer = requests.scope();
    outer.iterative::<u64, _, _>(|inner| {
        let (again, next) = inner.feedback(Product::new(Unchanged, 1));
        let asked = requests.enter(inner).concat(next);
        let decoded = offload(
            asked,
            crew,
            Work {
                name: "decoder",
                health,
                run,
                shows: |_| true,
            },
        );
        decoded
            .clone()
            .flat_map(move |decoded| follow(&decoded, &followers, &connector))
            .connect_loop(again);
        decoded.leave(outer)
    })
}

/// The sentence that the decoder said, or why there is none. A decoder that says nothing has failed.
pub(crate) fn sentence(decoded: &Decoded, stage: Stage) -> Outcome<String> {
    let key = decoded.item.segment.key;
    let failed = |fault| Failure {
        stage,
        source: key.source,
        at: key.start,
        fault,
    };
    let text = tidy(
        decoded
            .result
            .as_ref()
            .map_err(|fault| failed(fault.clone()))?,
    );
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
