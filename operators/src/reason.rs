//! Answers a question about a segment: makes the request, and the answer of what the decoder said.
//!
//! The evidence is what the pictures show, and the caption too if the node reads captions.

use std::sync::Arc;

use atom_models::{Fault, Prompt, PromptBuilder, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    data::{Answer, Caption, Failure, NodeId, Outcome, Segment, Stage},
    decode::{About, Decoded, Request, about_segment},
    node::{SpecError, check_tokens, require},
    tally::Task,
};

/// Answers one question about every segment, from its pictures or from its caption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonSpec {
    /// The question, in plain words, 1 to 500 characters.
    pub ask: String,
    /// What the answer may be. Of anything but free text, its probability is told too. Yes or no is told from the pictures
    /// themselves where the pack can do that.
    #[serde(default)]
    pub answer: AnswerForm,
    /// The answers to choose from, 2 to 16, each of 1 to 60 characters, no two alike; only for a choice.
    #[serde(default)]
    pub options: Vec<String>,
    /// Asks about every n-th stretch of the segments' length only, 1 to 1000.
    #[serde(default = "one")]
    pub every: u32,
    /// Which answers are told: all of them, or only those that differ from what was told before. An index gets all.
    #[serde(default)]
    pub tell: Telling,
    /// So many segments in a row must agree before a change is told, 1 to 100, those passed over that got no answer; only with
    /// `tell = "changes"`. More tell later and flicker less.
    #[serde(default = "two")]
    pub agree: u32,
    /// At most so many new tokens for each free answer, 1 to 256; the pack's own bound if absent.
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
            tell: Telling::default(),
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

/// Which answers are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Telling {
    /// All of them.
    #[default]
    All,
    /// The first, and those that differ from the one told before.
    Changes,
}

/// What an answer may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AnswerForm {
    /// A sentence of the decoder's own.
    #[default]
    Text,
    /// Yes or no.
    YesNo,
    /// One of the options.
    Choice,
}

impl ReasonSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str =
        "kind = \"reason\"\ninputs = [\"scenes\"]\nask = \"Is a person in the picture?\"\n";

    /// Rejects an empty or endless question, options that are no choice, and token bounds outside their range.
    pub fn check(&self) -> Result<(), SpecError> {
        let length = self.ask.trim().chars().count();
        require(
            (1..=500).contains(&length),
            "ask",
            format!("{length} characters long"),
            "1 to 500 characters",
        )?;
        check_tokens(self.max_tokens)?;
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
        let comparable = self.tell == Telling::All || self.answer != AnswerForm::Text;
        let expected =
            "\"all\", or an answer of \"yes_no\" or \"choice\": free answers always differ";
        require(comparable, "tell", "\"changes\" of a free answer", expected)?;
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
                "answers of which no two are alike",
            )?;
        }
        Ok(())
    }

    /// Whether the text encoder answers, and not the decoder.
    pub fn judged(&self, prompts: &PromptBuilder) -> bool {
        self.answer == AnswerForm::YesNo && prompts.yes_no_classifier().is_some()
    }

    /// Whether the text encoder has a say in the answers.
    pub fn weighed(&self, prompts: &PromptBuilder) -> bool {
        self.judged(prompts) || self.answer != AnswerForm::Text && prompts.ranker().embeds_options()
    }

    /// The only answers there may be; none if it is free.
    fn among(&self) -> Vec<String> {
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

/// A reason node: its name in the graph and its settings.
#[derive(Clone, Debug)]
pub struct Asker {
    node: NodeId,
    ask: Arc<str>,
    among: Arc<[String]>,
    judged: bool,
    max_tokens: usize,
    every: u64,
    length_ms: u64,
}

impl Asker {
    /// The node with these settings, over segments of at most this length.
    pub fn new(node: NodeId, spec: &ReasonSpec, length_ms: u64, prompts: &PromptBuilder) -> Self {
        let max_tokens = spec.max_tokens.unwrap_or(prompts.answer_tokens());
        Self {
            node,
            ask: spec.ask.as_str().into(),
            among: spec.among().into(),
            judged: spec.judged(prompts),
            max_tokens,
            every: u64::from(spec.every.max(1)),
            length_ms: length_ms.max(1),
        }
    }

    /// Whether this segment is asked about. That depends on its place only, so that a run that goes on asks about the same ones.
    pub fn asks(&self, segment: &Segment) -> bool {
        let stretch = segment.key.start.millis() / self.length_ms;
        stretch.is_multiple_of(self.every)
    }

    /// Asks about what the pictures of a segment show, if it is asked about.
    pub fn about_segment(
        &self,
        segment: &Arc<Segment>,
        prompts: &PromptBuilder,
    ) -> Option<Request> {
        let evidence = prompts.tags(&segment.features);
        self.request(segment, Ok(self.prompt("", &evidence, prompts)))
    }

    /// Asks about what the pictures show and a caption says; where there is no caption, there will be no answer.
    pub fn about_caption(
        &self,
        segment: &Arc<Segment>,
        (caption, remembered): (&Outcome<Caption>, &[String]),
        prompts: &PromptBuilder,
    ) -> Option<Request> {
        let missing = |failure: &Failure| {
            Fault::new(
                Reason::Missing,
                format!("there is no caption: {}", failure.fault),
            )
        };
        let prompt = caption.as_ref().map(|caption| {
            let tags = prompts.tags(&segment.features);
            let like = match remembered.is_empty() {
                true => String::new(),
                false => format!("Like: {}", remembered.join(" ")),
            };
            self.prompt(&like, &format!("{tags}. {}", caption.text), prompts)
        });
        self.request(segment, prompt.map_err(missing))
    }

    fn prompt(&self, like: &str, evidence: &str, prompts: &PromptBuilder) -> Prompt {
        prompts
            .reason_prompt_with(like, evidence, &self.ask)
            .with_options(&self.among)
    }

    fn request(&self, segment: &Arc<Segment>, prompt: Result<Prompt, Fault>) -> Option<Request> {
        self.asks(segment).then(|| Request {
            about: About::Segment(self.node, Arc::clone(segment)),
            task: Task::Reason,
            question: Some(Arc::clone(&self.ask)),
            prompt,
            remembered: Arc::default(),
            draft: None,
            judged: self.judged,
            max_tokens: self.max_tokens,
        })
    }
}

/// The answer, or why there is none; nothing if something else was decoded.
pub fn finish(decoded: &Decoded) -> Option<Outcome<Answer>> {
    let (node, segment, text) = about_segment(decoded, Stage::Reason)?;
    let said = decoded.result.as_ref().ok();
    Some(text.map(|text| Answer {
        segment,
        node,
        ask: decoded.item.question.clone().unwrap_or_default(),
        text,
        probability: said.and_then(|said| said.probability),
        rests_on: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_a_choice_or_nothing() {
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
