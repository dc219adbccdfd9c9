//! Reasoning: one question about every segment, from its settings to the request and the answer.
//!
//! The evidence is the content of the frames, and the caption too if the node reads captions.

use std::sync::Arc;

use atom_models::{Fault, PromptBuilder, Reason, SceneEvidence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    caption::Caption,
    counters::Task,
    failure::{Failure, Outcome, Stage},
    ids::NodeId,
    media_time::MediaTime,
    qa::segment_answer::SegmentQuestion,
    request::{Decoded, Request, RequestInput, Subject},
    segment::Segment,
    shown_frames::shown_frames,
    spec::{SpecError, check_max_tokens, require},
};

/// Answers one question about each segment, from its frames or from its caption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonSpec {
    /// The question in plain language, 1 to 500 characters. "How many ...?" and "What can be seen?" are
    /// answered without the decoder, from the objects and tags of the frames.
    pub ask: String,
    /// Form of the answer. All forms except free text come with a probability. A yes-or-no question is answered from the
    /// frames themselves if the pack supports it.
    #[serde(default)]
    pub answer: AnswerForm,
    /// Answers to choose from, only with `answer = "choice"`: 2 to 16 different texts of 1 to 60 characters.
    #[serde(default)]
    pub options: Vec<String>,
    /// Asks only about every n-th window of the segment length: 1 to 1000.
    #[serde(default = "one")]
    pub every: u32,
    /// Answers to report: all, or only those that differ from the last one reported in this run. An index receives all answers.
    #[serde(default)]
    pub tell: Reporting,
    /// Number of consecutive segments that must agree before a change is reported, 1 to 100. Segments without an answer
    /// are skipped. Only with `tell = "changes"`. A higher number reports later and flickers less.
    #[serde(default = "two")]
    pub agree: u32,
    /// Maximum number of new tokens per free answer, 1 to 256; the pack's limit if absent.
    #[serde(default)]
    pub max_tokens: Option<usize>,
}

impl Default for ReasonSpec {
    fn default() -> Self {
        Self {
            ask: String::new(),
            answer: AnswerForm::default(),
            options: Vec::new(),
            every: one(),
            tell: Reporting::default(),
            agree: two(),
            max_tokens: None,
        }
    }
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

/// The answers of a reason node that are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Reporting {
    /// All of them.
    #[default]
    All,
    /// The first answer, and those that differ from the one reported before.
    Changes,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AnswerForm {
    /// A free sentence by the decoder.
    #[default]
    Text,
    /// Yes or no.
    YesNo,
    /// One of the options.
    Choice,
}

impl ReasonSpec {
    /// Smallest useful settings of this node in a pipeline file.
    pub const EXAMPLE: &str =
        "kind = \"reason\"\ninputs = [\"scenes\"]\nask = \"Is there a person?\"\n";

    /// Rejects an empty or too long question, options without a choice, and numbers outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        let length = self.ask.trim().chars().count();
        require(
            (1..=500).contains(&length),
            "ask",
            format!("{length} characters long"),
            "1 to 500 characters",
        )?;
        check_max_tokens(self.max_tokens)?;
        require(
            (1..=1000).contains(&self.every),
            "every",
            self.every,
            "1 to 1000",
        )?;
        require(
            (1..=100).contains(&self.agree),
            "agree",
            self.agree,
            "1 to 100",
        )?;
        let comparable = self.tell == Reporting::All || self.answer != AnswerForm::Text;
        let expected =
            "\"all\", or answer = \"yes_no\" or \"choice\", because free answers always differ";
        require(
            comparable,
            "tell",
            "\"changes\" with a free answer",
            expected,
        )?;
        self.check_options()
    }

    fn check_options(&self) -> Result<(), SpecError> {
        let options = &self.options;
        if self.answer != AnswerForm::Choice {
            let expected = "no options, or answer = \"choice\"";
            return require(
                options.is_empty(),
                "options",
                format!("{options:?}"),
                expected,
            );
        }
        let expected = "2 to 16 answers to choose from";
        let count = (2..=16).contains(&options.len());
        require(
            count,
            "options",
            format!("{} answers", options.len()),
            expected,
        )?;
        for (at, option) in options.iter().enumerate() {
            let length = option.trim().chars().count();
            let expected = "answers of 1 to 60 characters";
            require(
                (1..=60).contains(&length),
                "options",
                format!("{option:?}"),
                expected,
            )?;
            let alone = options[..at]
                .iter()
                .all(|other| other.trim() != option.trim());
            require(
                alone,
                "options",
                format!("twice {option:?}"),
                "different answers",
            )?;
        }
        Ok(())
    }

    /// Returns true if the text encoder answers instead of the decoder.
    pub fn answered_by_text_encoder(&self, prompts: &PromptBuilder) -> bool {
        self.answer == AnswerForm::YesNo && prompts.yes_no_classifier().is_some()
    }

    /// Returns the question if code answers it.
    fn answered_by_code(&self) -> Option<SegmentQuestion> {
        let free = self.answer == AnswerForm::Text;
        free.then(|| SegmentQuestion::parse(&self.ask)).flatten()
    }

    /// Returns true if the answers need the decoder.
    pub fn needs_decoder(&self, prompts: &PromptBuilder) -> bool {
        !self.answered_by_text_encoder(prompts) && self.answered_by_code().is_none()
    }

    /// Returns true if the answers need the text encoder.
    pub fn needs_text_encoder(&self, prompts: &PromptBuilder) -> bool {
        self.answered_by_text_encoder(prompts)
            || self.answer != AnswerForm::Text && prompts.ranker().embeds_options()
    }

    /// Returns the only answers that are allowed; none if the answer is free.
    fn allowed_answers(&self) -> Vec<String> {
        match self.answer {
            AnswerForm::Text => Vec::new(),
            AnswerForm::YesNo => ["Yes", "No"].map(str::to_owned).to_vec(),
            AnswerForm::Choice => self
                .options
                .iter()
                .map(|option| option.trim().to_owned())
                .collect(),
        }
    }
}

/// A reason node: the core that makes its requests.
#[derive(Clone, Debug)]
pub struct ReasonNode {
    node: NodeId,
    ask: Arc<str>,
    allowed_answers: Arc<[String]>,
    for_text_encoder: bool,
    by_code: Option<SegmentQuestion>,
    max_tokens: usize,
    every: u64,
    length_ms: u64,
}

impl ReasonNode {
    /// Creates the node with these settings, over segments of at most `length_ms`.
    pub fn new(node: NodeId, spec: &ReasonSpec, length_ms: u64, prompts: &PromptBuilder) -> Self {
        let max_tokens = spec.max_tokens.unwrap_or(prompts.answer_tokens());
        Self {
            node,
            ask: spec.ask.as_str().into(),
            allowed_answers: spec.allowed_answers().into(),
            for_text_encoder: spec.answered_by_text_encoder(prompts),
            by_code: spec.answered_by_code(),
            max_tokens,
            every: u64::from(spec.every.max(1)),
            length_ms: length_ms.max(1),
        }
    }

    /// Returns true if the node asks about this segment. That depends on its start only, so a resumed run asks about the
    /// same segments.
    pub fn selects(&self, segment: &Segment) -> bool {
        let window = segment.key.start.millis() / self.length_ms;
        window.is_multiple_of(self.every)
    }

    /// Returns the request about the frames of a segment, if the node asks about it.
    pub fn segment_request(
        &self,
        segment: &Arc<Segment>,
        prompts: &PromptBuilder,
    ) -> Option<Request> {
        if let Some(question) = &self.by_code {
            return self.known_request(segment, question.answer(segment, None, prompts));
        }
        let input = self.prompt(segment, None, &[], prompts);
        self.request(segment, Ok(input))
    }

    /// Returns the request about the frames of a segment and its caption, with captions of similar segments as further
    /// evidence. Without a caption there will be no answer.
    pub fn caption_request(
        &self,
        segment: &Arc<Segment>,
        (caption, examples): (&Outcome<Caption>, &[String]),
        prompts: &PromptBuilder,
    ) -> Option<Request> {
        if let Some(question) = &self.by_code {
            let text = caption.as_ref().ok().map(|caption| &*caption.text);
            return self.known_request(segment, question.answer(segment, text, prompts));
        }
        let missing = |failure: &Failure| {
            Fault::new(
                Reason::Missing,
                format!("there is no caption: {}", failure.fault),
            )
        };
        let input = caption
            .as_ref()
            .map(|caption| self.prompt(segment, Some(&caption.text), examples, prompts));
        self.request(segment, input.map_err(missing))
    }

    fn prompt(
        &self,
        segment: &Segment,
        caption: Option<&str>,
        similar: &[String],
        prompts: &PromptBuilder,
    ) -> RequestInput {
        let evidence = SceneEvidence {
            tags: &prompts.tags(&segment.features),
            caption,
            similar,
            frames: &shown_frames(segment, prompts.frames()),
        };
        let prompt = prompts.reason_prompt(evidence, &self.ask);
        RequestInput::Prompt(prompt.with_options(&self.allowed_answers))
    }

    fn known_request(&self, segment: &Arc<Segment>, answer: String) -> Option<Request> {
        self.request(segment, Ok(RequestInput::Text(answer.into())))
    }

    fn request(
        &self,
        segment: &Arc<Segment>,
        input: Result<RequestInput, Fault>,
    ) -> Option<Request> {
        self.selects(segment).then(|| Request {
            subject: Subject::Segment(self.node, Arc::clone(segment)),
            task: Task::Reason,
            question: Some(Arc::clone(&self.ask)),
            input,
            examples: Arc::default(),
            draft: None,
            for_text_encoder: self.for_text_encoder,
            max_tokens: self.max_tokens,
        })
    }
}

/// One answer about a segment.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The segment it is about.
    pub segment: Arc<Segment>,
    /// The reason node.
    pub node: NodeId,
    /// The question.
    pub ask: Arc<str>,
    /// The answer.
    pub text: String,
    /// Its probability among the allowed answers, 0 to 1; `None` for a free answer.
    pub probability: Option<f32>,
    /// Start and end of the segments that agree on a reported change, this one last; empty if all answers are reported.
    pub rests_on: Vec<(MediaTime, MediaTime)>,
}

impl Answer {
    /// Returns the answer of a completion, or the reason why there is none; `None` if the request was not about a
    /// segment.
    pub fn from_decoded(decoded: &Decoded) -> Option<Outcome<Self>> {
        let (node, segment, text) = decoded.about_segment(Stage::Reason)?;
        let completion = decoded.result.as_ref().ok();
        Some(text.map(|text| Self {
            segment,
            node,
            ask: decoded.item.question.clone().unwrap_or_default(),
            text,
            probability: completion.and_then(|completion| completion.probability),
            rests_on: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_need_a_choice_and_must_differ() {
        let spec = |answer, options: &[&str]| {
            let options = options.iter().map(|option| (*option).to_owned()).collect();
            let ask = "Where?".to_owned();
            ReasonSpec {
                ask,
                answer,
                options,
                ..ReasonSpec::default()
            }
        };
        assert_eq!(spec(AnswerForm::YesNo, &[]).check(), Ok(()));
        assert_eq!(
            spec(AnswerForm::Choice, &["indoors", "outdoors"]).check(),
            Ok(())
        );
        let long = "x".repeat(61);
        let wrong: [(AnswerForm, &[&str]); 6] = [
            (AnswerForm::Text, &["a", "b"]),
            (AnswerForm::Choice, &[]),
            (AnswerForm::Choice, &["a"]),
            (AnswerForm::Choice, &["a", " a"]),
            (AnswerForm::Choice, &["a", " "]),
            (AnswerForm::Choice, &["a", &long]),
        ];
        for (answer, options) in wrong {
            let error = spec(answer, options).check().unwrap_err();
            assert_eq!(error.key, "options", "{error}");
        }
    }
}
