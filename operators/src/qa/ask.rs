//! Asking the decoder about the evidence for a question, and replying when all its answers are there.
//!
//! A small decoder answers about one segment better than about many, so each segment is a request of its own.

use std::{collections::HashMap, sync::Arc};

use atom_models::{Fault, Prompt, PromptBuilder, SceneEvidence};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
};

use crate::{
    counters::Task,
    qa::{
        answer::{QuestionAnswer, compose_answer},
        archive::StoredSegment,
        evidence::{Evidence, QuestionWithEvidence},
        question::Question,
    },
    request::{Decoded, Request, RequestInput, Subject},
};

/// The reply to a question.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The question.
    pub question: Arc<Question>,
    /// The answer, or the reason why there is none.
    pub result: Result<QuestionAnswer, Fault>,
}

/// Returns the requests to the decoder about the evidence.
fn requests(question: &Arc<QuestionWithEvidence>, prompts: &PromptBuilder) -> Vec<Request> {
    let text = &question.question.text;
    let request = |n| {
        let prompt = segment_prompt(question.segment(n), text, prompts);
        Request {
            subject: Subject::Evidence(Arc::clone(question), n),
            task: Task::Ask,
            question: Some(Arc::clone(text)),
            input: Ok(RequestInput::Prompt(prompt)),
            examples: Arc::default(),
            draft: None,
            for_text_encoder: false,
            max_tokens: prompts.answer_tokens(),
        }
    };
    (0..question.answers_needed()).map(request).collect()
}

fn segment_prompt(segment: &StoredSegment, question: &str, prompts: &PromptBuilder) -> Prompt {
    let evidence = SceneEvidence {
        tags: &segment.tags,
        caption: segment.caption.as_deref(),
        ..SceneEvidence::default()
    };
    prompts.ask_prompt(evidence, question)
}

/// A question with the decoder's answers so far.
struct OpenQuestion {
    question: Arc<QuestionWithEvidence>,
    answers: Vec<Option<Result<String, Fault>>>,
    missing: usize,
}

/// The core: questions whose answers are not all there.
#[derive(Default)]
struct OpenQuestions {
    /// By the address of the question, which is kept alive here.
    open: HashMap<*const QuestionWithEvidence, OpenQuestion>,
}

impl OpenQuestions {
    /// Opens a question; returns the reply if the decoder need not be asked.
    fn open(&mut self, question: Arc<QuestionWithEvidence>) -> Option<Reply> {
        let missing = question.answers_needed();
        if missing == 0 {
            return Some(reply(&question, Vec::new()));
        }
        let key = Arc::as_ptr(&question);
        let open = OpenQuestion {
            question,
            answers: vec![None; missing],
            missing,
        };
        self.open.insert(key, open);
        None
    }

    /// Adds the decoder's answer about the n-th segment; returns the reply if it was the last one missing.
    fn push(
        &mut self,
        question: &Arc<QuestionWithEvidence>,
        n: usize,
        answer: Result<String, Fault>,
    ) -> Option<Reply> {
        let key = Arc::as_ptr(question);
        let open = self.open.get_mut(&key)?;
        open.answers[n] = Some(answer);
        open.missing -= 1;
        if open.missing > 0 {
            return None;
        }
        let OpenQuestion {
            question, answers, ..
        } = self.open.remove(&key)?;
        Some(reply(&question, answers.into_iter().flatten().collect()))
    }
}

fn reply(question: &QuestionWithEvidence, answers: Vec<Result<String, Fault>>) -> Reply {
    Reply {
        question: Arc::clone(&question.question),
        result: compose_answer(&question.evidence, answers),
    }
}

/// An input of the operator.
#[derive(Clone, Debug)]
pub(crate) enum AskInput {
    /// The evidence for a question, or the reason why there is none.
    Found(Arc<Question>, Result<Evidence, Fault>),
    /// The decoder's answer about a segment.
    Decoded(Decoded),
}

/// An output of the operator.
#[derive(Clone, Debug)]
pub(crate) enum AskOutput {
    /// A request to the decoder, for the next pass.
    Request(Request),
    /// A reply to a question.
    Reply(Reply),
}

impl AskOutput {
    /// Returns the request, if this is one.
    pub(crate) fn request(self) -> Option<Request> {
        match self {
            Self::Request(request) => Some(request),
            Self::Reply(_) => None,
        }
    }

    /// Returns the reply, if this is one.
    pub(crate) fn reply(self) -> Option<Reply> {
        match self {
            Self::Reply(reply) => Some(reply),
            Self::Request(_) => None,
        }
    }
}

/// Asks the decoder about the evidence for each question, and replies when all its answers are there.
pub(crate) fn ask<'s, T: Timestamp>(
    inputs: StreamVec<'s, T, AskInput>,
    prompts: PromptBuilder,
) -> StreamVec<'s, T, AskOutput> {
    let mut questions = OpenQuestions::default();
    inputs.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Ask",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let outputs = batches
                        .flat_map(|batch| batch.drain(..))
                        .flat_map(|input| process(&mut questions, input, &prompts));
                    let outputs: Vec<_> = outputs.collect();
                    output
                        .session(&capability)
                        .give_iterator(outputs.into_iter());
                });
            }
        },
    )
}

fn process(
    questions: &mut OpenQuestions,
    input: AskInput,
    prompts: &PromptBuilder,
) -> Vec<AskOutput> {
    match input {
        AskInput::Found(question, Err(fault)) => {
            let result = Err(fault);
            vec![AskOutput::Reply(Reply { question, result })]
        }
        AskInput::Found(question, Ok(evidence)) => {
            let question = Arc::new(QuestionWithEvidence { question, evidence });
            let requests = requests(&question, prompts).into_iter();
            let reply = questions.open(question).map(AskOutput::Reply);
            requests.map(AskOutput::Request).chain(reply).collect()
        }
        AskInput::Decoded(decoded) => {
            let Subject::Evidence(question, n) = &decoded.item.subject else {
                return Vec::new();
            };
            questions
                .push(question, *n, decoded.sentence())
                .map(AskOutput::Reply)
                .into_iter()
                .collect()
        }
    }
}
