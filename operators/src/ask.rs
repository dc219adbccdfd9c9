//! Answers a person's question about what is stored: asks the decoder about each moment that was found (`find`), and answers
//! when all of it is there (`finding`).
//!
//! A small decoder answers about one moment better than about many, so each moment is a request of its own.

use std::{collections::HashMap, sync::Arc};

use atom_models::{Fault, Prompt, PromptBuilder};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
};

use crate::{
    archive::Moment,
    decode::{About, Decoded, Request},
    find::{Evidence, Form},
    finding::{Finding, concluded},
    question::Question,
    tally::Task,
};

/// What came of a question.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The question.
    pub question: Arc<Question>,
    /// The answer, or why there is none.
    pub result: Result<Finding, Fault>,
}

/// A question with its evidence, while the decoder is asked.
#[derive(Debug)]
pub struct Inquiry {
    /// The question.
    pub question: Arc<Question>,
    evidence: Evidence,
}

impl Inquiry {
    /// The n-th moment that the decoder is asked about.
    pub fn moment(&self, n: usize) -> &Moment {
        &self.evidence.moments[n].0
    }

    /// So many answers of the decoder are wanted.
    fn wanted(&self) -> usize {
        match (self.evidence.form, &self.evidence.whole) {
            (Form::Open, None) => self.evidence.moments.len(),
            (Form::Open, Some(_)) => 1,
            _ => 0,
        }
    }
}

/// What there is to ask the decoder.
fn requests(inquiry: &Arc<Inquiry>, prompts: &PromptBuilder) -> Vec<Request> {
    let request = |n| {
        let (prompt, max_tokens) = match &inquiry.evidence.whole {
            Some(whole) => (prompts.summary_prompt(whole), prompts.summary_tokens()),
            None => (
                prompt(inquiry.moment(n), &inquiry.question.text, prompts),
                prompts.answer_tokens(),
            ),
        };
        Request {
            about: About::Moment(Arc::clone(inquiry), n),
            task: Task::Ask,
            question: Some(Arc::clone(&inquiry.question.text)),
            prompt: Ok(prompt),
            remembered: Arc::default(),
            draft: None,
            judged: false,
            max_tokens,
        }
    };
    (0..inquiry.wanted()).map(request).collect()
}

fn prompt(moment: &Moment, question: &str, prompts: &PromptBuilder) -> Prompt {
    let Moment { tags, caption, .. } = moment;
    match caption {
        Some(caption) => prompts.ask_prompt(&format!("{tags}. {caption}"), question),
        None => prompts.ask_prompt(tags, question),
    }
}

/// What the decoder said about each moment, and how many answers are still out.
type Missing = (Vec<Option<Result<String, Fault>>>, usize);

/// The core: inquiries whose answers are not all there.
#[derive(Default)]
struct Gathering {
    /// By the address of the inquiry, which is held here as long as it counts.
    open: HashMap<*const Inquiry, (Arc<Inquiry>, Missing)>,
}

impl Gathering {
    /// Begins; gives the reply if nothing need be asked.
    fn begin(&mut self, inquiry: Arc<Inquiry>) -> Option<Reply> {
        let wanted = inquiry.wanted();
        if wanted == 0 {
            return Some(reply(&inquiry, Vec::new()));
        }
        self.open.insert(
            Arc::as_ptr(&inquiry),
            (inquiry, (vec![None; wanted], wanted)),
        );
        None
    }

    /// Takes what the decoder said about a moment; gives the reply if it was the last.
    fn push(
        &mut self,
        inquiry: &Arc<Inquiry>,
        n: usize,
        said: Result<String, Fault>,
    ) -> Option<Reply> {
        let (_, (answers, left)) = self.open.get_mut(&Arc::as_ptr(inquiry))?;
        answers[n] = Some(said);
        *left -= 1;
        if *left > 0 {
            return None;
        }
        let (inquiry, (answers, _)) = self.open.remove(&Arc::as_ptr(inquiry))?;
        Some(reply(&inquiry, answers.into_iter().flatten().collect()))
    }
}

fn reply(inquiry: &Inquiry, answers: Vec<Result<String, Fault>>) -> Reply {
    Reply {
        question: Arc::clone(&inquiry.question),
        result: concluded(&inquiry.evidence, answers),
    }
}

/// What the operator takes.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The evidence for a question, or why there is none.
    Found(Arc<Question>, Result<Evidence, Fault>),
    /// What the decoder said about a moment.
    Said(Decoded),
}

/// What it gives.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something to ask the decoder in the next pass.
    Request(Request),
    /// An answer.
    Reply(Reply),
}

/// Asks the decoder about the moments that were found, and answers when all of it is there.
pub fn ask<'s, T: Timestamp>(
    heard: StreamVec<'s, T, Heard>,
    prompts: PromptBuilder,
) -> StreamVec<'s, T, Told> {
    let mut gathering = Gathering::default();
    heard.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Ask",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let told = batches
                        .flat_map(|batch| batch.drain(..))
                        .flat_map(|heard| answer(&mut gathering, heard, &prompts));
                    let told: Vec<_> = told.collect();
                    output.session(&capability).give_iterator(told.into_iter());
                });
            }
        },
    )
}

fn answer(gathering: &mut Gathering, heard: Heard, prompts: &PromptBuilder) -> Vec<Told> {
    match heard {
        Heard::Found(question, Err(fault)) => {
            let result = Err(fault);
            vec![Told::Reply(Reply { question, result })]
        }
        Heard::Found(question, Ok(evidence)) => {
            let inquiry = Arc::new(Inquiry { question, evidence });
            let requests = requests(&inquiry, prompts).into_iter().map(Told::Request);
            let reply = gathering.begin(inquiry).map(Told::Reply);
            requests.chain(reply).collect()
        }
        Heard::Said(decoded) => {
            let About::Moment(inquiry, n) = &decoded.item.about else {
                return Vec::new();
            };
            gathering
                .push(inquiry, *n, decoded.sentence())
                .map(Told::Reply)
                .into_iter()
                .collect()
        }
    }
}
