//! The text encoder's thread: ranks captions and answers by their likeness with the frames, answers yes-or-no questions,
//! and finds the evidence for people's questions.

use std::sync::Arc;

use atom_models::{
    Fault, GeneratedTexts, PromptBuilder, Reason, TextEncoder, YesNoClassifier, first_sentence,
};
use timely::{dataflow::StreamVec, progress::Timestamp};

use crate::{
    circuit_breaker::CircuitBreaker,
    counters::Task,
    offload::{Processed, Sequential, ThreadGroup, offload},
    qa::{
        archive::Archive,
        evidence::{Evidence, EvidenceFinder},
        question::Question,
    },
    request::{Completion, Decoded, Request},
};

/// A job for the text encoder.
#[derive(Clone)]
pub(crate) enum TextJob {
    /// Rank the decoder's texts.
    Rank(Processed<Request, GeneratedTexts>),
    /// Answer yes or no.
    YesNo(Request),
    /// Find the evidence for a question.
    Find(Arc<Question>),
}

/// The result of a job.
#[derive(Clone)]
pub(crate) enum TextResult {
    /// The text for a request.
    Completion(Completion),
    /// The evidence for a question.
    Evidence(Evidence),
}

/// The text encoder with the pack's rules and the stored segments.
pub(crate) struct TextWorker {
    pub(crate) text_encoder: Box<dyn TextEncoder>,
    pub(crate) yes_no: Option<YesNoClassifier>,
    pub(crate) prompts: PromptBuilder,
    pub(crate) archive: Option<Box<dyn Archive>>,
}

impl TextWorker {
    fn process(&mut self, job: &TextJob) -> Result<TextResult, Fault> {
        match job {
            TextJob::Rank(generated) => {
                let text = best_text(generated, &self.prompts, Some(&mut *self.text_encoder))?;
                self.with_vector(generated.item.task, text)
                    .map(TextResult::Completion)
            }
            TextJob::YesNo(request) => self.answer_yes_no(request).map(TextResult::Completion),
            TextJob::Find(question) => self.find(question).map(TextResult::Evidence),
        }
    }

    /// Adds to a caption the vector that search finds it by.
    fn with_vector(&mut self, task: Task, completion: Completion) -> Result<Completion, Fault> {
        if task != Task::Caption {
            return Ok(completion);
        }
        let vector = self.text_encoder.embed(&first_sentence(&completion.text));
        let vector = vector.map_err(Fault::from)?;
        Ok(Completion {
            vector: Some(vector.into()),
            ..completion
        })
    }

    fn answer_yes_no(&mut self, request: &Request) -> Result<Completion, Fault> {
        let (Some(classifier), Some(question), Some(features)) = (
            &mut self.yes_no,
            &request.question,
            request.subject.features(),
        ) else {
            return Err(Fault::new(
                Reason::Missing,
                "the request has no question about a segment",
            ));
        };
        let yes = classifier.probability(question, features, &mut *self.text_encoder);
        yes.map(Completion::yes_no).map_err(Fault::from)
    }

    fn find(&mut self, question: &Question) -> Result<Evidence, Fault> {
        let Some(archive) = &mut self.archive else {
            return Err(Fault::new(
                Reason::Missing,
                "no index is open to answer from",
            ));
        };
        let mut finder = EvidenceFinder {
            archive: &mut **archive,
            yes_no: self.yes_no.as_mut(),
            text_encoder: &mut *self.text_encoder,
            prompts: &self.prompts,
        };
        finder.find(question)
    }
}

/// Runs the jobs on a thread of their own.
pub(crate) fn run_text_jobs<'s, T: Timestamp>(
    jobs: StreamVec<'s, T, TextJob>,
    mut worker: TextWorker,
    breaker: CircuitBreaker,
    threads: &ThreadGroup,
) -> StreamVec<'s, T, Processed<TextJob, TextResult>> {
    let worker = Sequential {
        name: "text",
        breaker,
        run: move |job: &TextJob| worker.process(job),
        counts_as_success: |_| true,
    };
    offload(jobs, threads, worker)
}

/// Returns the completion of a job, unless it was about a question of a user.
pub(crate) fn completion(processed: Processed<TextJob, TextResult>) -> Option<Decoded> {
    let item = match processed.item {
        TextJob::Rank(generated) => generated.item,
        TextJob::YesNo(request) => request,
        TextJob::Find(_) => return None,
    };
    let result = processed.result.map(|result| match result {
        TextResult::Completion(completion) => completion,
        TextResult::Evidence(_) => unreachable!("a request gives a completion"),
    });
    Some(Decoded { item, result })
}

/// Returns the evidence of a job, if it was about a question of a user.
pub(crate) fn evidence(
    processed: Processed<TextJob, TextResult>,
) -> Option<(Arc<Question>, Result<Evidence, Fault>)> {
    let TextJob::Find(question) = processed.item else {
        return None;
    };
    let result = processed.result.map(|result| match result {
        TextResult::Evidence(evidence) => evidence,
        TextResult::Completion(_) => unreachable!("a question gives evidence"),
    });
    Some((question, result))
}

/// Returns the text to go on with: the caption that fits the frames best, the most probable of given answers, or the
/// decoder's best text of anything else.
///
/// # Errors
/// Returns the fault of the decoder or of the text encoder.
pub(crate) fn best_text(
    generated: &Processed<Request, GeneratedTexts>,
    prompts: &PromptBuilder,
    text_encoder: Option<&mut dyn TextEncoder>,
) -> Result<Completion, Fault> {
    let mut generation = generated.result.clone()?;
    let is_choice = generated.item.is_choice();
    let ranked =
        match generated.item.subject.features() {
            Some(features) if generated.item.task == Task::Caption => prompts
                .ranker()
                .rank_captions(&mut generation, features, text_encoder),
            Some(features) if is_choice => {
                prompts
                    .ranker()
                    .rank_options(&mut generation, features, text_encoder)
            }
            _ => Ok(()),
        };
    ranked.map_err(Fault::from)?;
    Ok(Completion::best(&generation, is_choice))
}
