//! Answers a question about a segment: makes the request, and the answer of what the decoder said.
//!
//! The evidence is what the pictures show, and the caption too if the node reads captions.

use std::sync::Arc;

use atom_models::{Connector, Fault, Prompt, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    data::{Answer, Caption, Failure, NodeId, Outcome, Segment, Stage},
    decode::{Decoded, Request, sentence},
    node::{SpecError, require},
    tally::Task,
};

/// Answers one question about every segment, from its pictures or from its caption.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// At most so many new tokens for each free answer, 1 to 256; the pack's own bound if absent.
    #[serde(default)]
    pub max_tokens: Option<usize>,
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
        let tokens = self.max_tokens.unwrap_or(1);
        require(
            (1..=256).contains(&tokens),
            "max_tokens",
            tokens,
            "1 to 256",
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
                "answers of which no two are alike",
            )?;
        }
        Ok(())
    }

    /// Whether the text encoder answers, and not the decoder.
    pub fn judged(&self, connector: &Connector) -> bool {
        self.answer == AnswerForm::YesNo && connector.judge().is_some()
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
}

impl Asker {
    /// The node with these settings.
    pub fn new(node: NodeId, spec: &ReasonSpec, connector: &Connector) -> Self {
        let max_tokens = spec.max_tokens.unwrap_or(connector.answer_tokens());
        Self {
            node,
            ask: spec.ask.as_str().into(),
            among: spec.among().into(),
            judged: spec.judged(connector),
            max_tokens,
        }
    }

    /// Asks about what the pictures of a segment show.
    pub fn about_segment(&self, segment: &Arc<Segment>, connector: &Connector) -> Request {
        let evidence = connector.tags(&segment.impression);
        self.request(segment, Ok(self.prompt(&evidence, connector)))
    }

    /// Asks about what the pictures show and a caption says; where there is no caption, there will be no answer.
    pub fn about_caption(
        &self,
        segment: &Arc<Segment>,
        caption: &Outcome<Caption>,
        connector: &Connector,
    ) -> Request {
        let missing = |failure: &Failure| {
            Fault::new(
                Reason::Missing,
                format!("there is no caption: {}", failure.fault),
            )
        };
        let prompt = caption.as_ref().map(|caption| {
            let tags = connector.tags(&segment.impression);
            self.prompt(&format!("{tags}. {}", caption.text), connector)
        });
        self.request(segment, prompt.map_err(missing))
    }

    fn prompt(&self, evidence: &str, connector: &Connector) -> Prompt {
        connector
            .reason_prompt(evidence, &self.ask)
            .among(&self.among)
    }

    fn request(&self, segment: &Arc<Segment>, prompt: Result<Prompt, Fault>) -> Request {
        Request {
            node: self.node,
            task: Task::Reason,
            segment: Arc::clone(segment),
            question: Some(Arc::clone(&self.ask)),
            prompt,
            judged: self.judged,
            max_tokens: self.max_tokens,
        }
    }
}

/// The answer, or why there is none. A decoder that says nothing has failed.
pub fn finish(decoded: &Decoded) -> Outcome<Answer> {
    let (segment, node) = (Arc::clone(&decoded.item.segment), decoded.item.node);
    let ask = decoded.item.question.clone().unwrap_or_else(|| "".into());
    let probability = decoded
        .result
        .as_ref()
        .ok()
        .and_then(|said| said.probability);
    let text = sentence(decoded, Stage::Reason)?;
    Ok(Answer {
        segment,
        node,
        ask,
        text,
        probability,
    })
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
                max_tokens: None,
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
