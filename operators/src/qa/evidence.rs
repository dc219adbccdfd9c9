//! The evidence for a question of a user: the stored segments that it is about, found before the decoder is asked.
//!
//! Questions of yes or no, when, how long and how often are answered by counting over all segments, by the probability
//! that each of them meets the condition; how many, by the objects in their frames. What can be seen and what happens is composed
//! from tags, objects and captions. Any other question gets the segments that the decoder is asked about.

use std::sync::Arc;

use atom_models::{
    Fault, NounMeaning, PromptBuilder, TextEncoder, VisualFeatures, YesNoClassifier,
};

use crate::{
    qa::{
        archive::{Archive, Coverage, StoredSegment},
        citation::ComposedAnswer,
        counted_noun::CountedNoun,
        object_counts::ObjectCounts,
        overview::{happenings, things},
        question::Question,
        question_form::{QuestionForm, content_words},
    },
    summary::moment::Moment,
};

/// Maximum number of segments that the decoder is asked about.
const MAX_SEGMENTS: usize = 4;
/// Probability from which a segment meets the condition of a question.
const MEETS_CONDITION: f32 = 0.5;
/// Probability below which a segment is unrelated to a question, and the decoder is not asked. A lower value answers
/// more questions, and invents more.
const RELATED: f32 = 0.35;
/// Smallest probability of a segment relative to that of the best one.
const RELATIVE_TO_BEST: f32 = 0.8;

/// The segments found for a question, before the decoder is asked.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub(crate) form: QuestionForm,
    /// Segments with their probability: those to ask the decoder about, most related first; or those that meet the
    /// condition, in order of time.
    pub(crate) segments: Vec<(StoredSegment, f32)>,
    /// The answer, if code composes it while the segments are read.
    pub(crate) composed: Option<ComposedAnswer>,
    /// Number of segments within the bounds.
    pub(crate) examined: u64,
    /// Highest probability among all of them.
    pub(crate) max_probability: f32,
    pub(crate) coverage: Coverage,
}

/// A question with its evidence, while the decoder is asked.
#[derive(Debug)]
pub struct QuestionWithEvidence {
    /// The question.
    pub question: Arc<Question>,
    pub(crate) evidence: Evidence,
}

impl QuestionWithEvidence {
    /// Returns the n-th segment that the decoder is asked about.
    pub fn segment(&self, n: usize) -> &StoredSegment {
        &self.evidence.segments[n].0
    }

    /// Returns the number of answers that are needed from the decoder.
    pub(crate) fn answers_needed(&self) -> usize {
        match self.evidence.form {
            QuestionForm::Open => self.evidence.segments.len(),
            _ => 0,
        }
    }
}

/// Finds the evidence for questions.
pub(crate) struct EvidenceFinder<'f> {
    /// The stored segments.
    pub(crate) archive: &'f mut dyn Archive,
    /// Estimates the probability that a segment answers a question with yes; without it the decoder answers everything.
    pub(crate) yes_no: Option<&'f mut YesNoClassifier>,
    /// Computes the vectors of questions.
    pub(crate) text_encoder: &'f mut dyn TextEncoder,
    /// The words of the pack.
    pub(crate) prompts: &'f PromptBuilder,
}

impl EvidenceFinder<'_> {
    /// Returns the evidence for a question.
    ///
    /// # Errors
    /// Fails if the archive cannot be read, has no such source, or the text encoder fails.
    pub(crate) fn find(&mut self, question: &Question) -> Result<Evidence, Fault> {
        question.check_wanted()?;
        let (form, condition) = QuestionForm::parse(&question.text);
        let mut evidence = Evidence {
            form: match form {
                QuestionForm::YesNo
                | QuestionForm::When
                | QuestionForm::HowLong
                | QuestionForm::HowOften
                    if self.yes_no.is_none() =>
                {
                    QuestionForm::Open
                }
                form => form,
            },
            segments: Vec::new(),
            composed: None,
            examined: 0,
            max_probability: 0.0,
            coverage: self.archive.coverage(question)?,
        };
        match evidence.form {
            QuestionForm::Open => self.find_related(question, &mut evidence)?,
            QuestionForm::HowMany => self.count_things(question, &mut evidence)?,
            QuestionForm::Things | QuestionForm::Overview => {
                self.compose_overview(question, &mut evidence)?;
            }
            _ => self.count(question, &condition, &mut evidence)?,
        }
        Ok(evidence)
    }

    /// Collects the segments that meet a condition.
    fn count(
        &mut self,
        question: &Question,
        condition: &str,
        evidence: &mut Evidence,
    ) -> Result<(), Fault> {
        let Self {
            archive,
            yes_no,
            text_encoder,
            ..
        } = self;
        archive.scan(question, Some(condition), &mut |mut segment| {
            question.check_wanted()?;
            let yes = probability(yes_no, condition, &segment, *text_encoder)?;
            evidence.examined += 1;
            evidence.max_probability = evidence.max_probability.max(yes);
            if yes >= MEETS_CONDITION {
                segment.features = VisualFeatures::default();
                segment.clip(question);
                evidence.segments.push((segment, yes));
            }
            Ok(())
        })
    }

    /// Collects the segments that the decoder is asked about.
    fn find_related(&mut self, question: &Question, evidence: &mut Evidence) -> Result<(), Fault> {
        let mut words = content_words(&question.text);
        if words.is_empty() {
            // "Who can be seen?"
            words.push_str("person");
        }
        let vector = self.text_encoder.embed(&words).map_err(Fault::from)?;
        let found = self
            .archive
            .search(question, &words, vector, 2 * MAX_SEGMENTS)?;
        evidence.examined = found.len() as u64;
        let mut segments = Vec::new();
        // The decoder has nothing to answer from where nothing was said.
        let told = |segment: &StoredSegment| segment.caption.is_some() || !segment.tags.is_empty();
        for segment in found.into_iter().filter(told) {
            let yes = probability(
                &mut self.yes_no,
                &question.text,
                &segment,
                self.text_encoder,
            )?;
            segments.push((segment, yes));
        }
        // A stable sort: among equals, the better match of the search stays first.
        segments.sort_by(|a, b| b.1.total_cmp(&a.1));
        evidence.max_probability = segments.first().map_or(0.0, |(_, yes)| *yes);
        let least = RELATED.max(RELATIVE_TO_BEST * evidence.max_probability);
        segments.retain(|(_, yes)| *yes >= least);
        segments.truncate(MAX_SEGMENTS);
        evidence.segments = segments;
        Ok(())
    }

    /// Counts the things that a question asks for: in the frames of the segments that meet its condition, or else these segments.
    fn count_things(&mut self, question: &Question, evidence: &mut Evidence) -> Result<(), Fault> {
        let Some(counted) = CountedNoun::parse(&question.text) else {
            return Ok(());
        };
        let prompts = self.prompts;
        let known = |noun: &str| prompts.meaning(noun) != NounMeaning::default();
        let (noun, whole) = counted.resolve(known);
        let understood = known(&noun);
        let mut counts = ObjectCounts::new(counted.countable_classes(&noun, prompts));
        let condition = &counted.condition;
        let Self {
            archive,
            yes_no,
            text_encoder,
            ..
        } = self;
        archive.scan(question, Some(condition), &mut |mut segment| {
            question.check_wanted()?;
            evidence.examined += 1;
            segment.clip(question);
            let yes = understood
                && match yes_no {
                    None => segment.moment().has(&noun),
                    _ => {
                        probability(yes_no, condition, &segment, *text_encoder)? >= MEETS_CONDITION
                    }
                };
            counts.add(&segment, yes);
            if whole || yes {
                counts.count_objects(&segment, yes);
            }
            Ok(())
        })?;
        evidence.composed = Some(match understood {
            true => counts.answer(),
            false => not_known(&noun),
        });
        Ok(())
    }

    /// Composes the answer to a question about nothing in particular.
    fn compose_overview(
        &mut self,
        question: &Question,
        evidence: &mut Evidence,
    ) -> Result<(), Fault> {
        let mut moments: Vec<Moment> = Vec::new();
        self.archive.scan(question, None, &mut |segment| {
            question.check_wanted()?;
            moments.push(segment.moment());
            Ok(())
        })?;
        evidence.examined = moments.len() as u64;
        evidence.composed = Some(match evidence.form {
            QuestionForm::Things => things(&moments, self.prompts),
            _ => happenings(&moments),
        });
        Ok(())
    }
}

/// Returns the answer about a noun that the pack has no word for.
fn not_known(noun: &str) -> ComposedAnswer {
    ComposedAnswer {
        text: format!(
            "Not known: the pack has no word for {noun:?}, so it can be neither counted nor found."
        ),
        count: None,
        citations: Vec::new(),
    }
}

/// Returns the probability that a segment answers a question with yes.
fn probability(
    yes_no: &mut Option<&mut YesNoClassifier>,
    question: &str,
    segment: &StoredSegment,
    text_encoder: &mut dyn TextEncoder,
) -> Result<f32, Fault> {
    if let Some(probability) = segment.probability {
        return Ok(probability);
    }
    let Some(classifier) = yes_no else {
        return Ok(1.0);
    };
    let yes = classifier.probability(question, &segment.features, text_encoder);
    yes.map_err(Fault::from)
}
