//! Answers a question about a segment: makes the request, and the answer of what the decoder said.
//!
//! The evidence is what the pictures show, or the caption if the node reads captions.

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
    /// At most so many new tokens for each answer, 1 to 256; the pack's own bound if absent.
    #[serde(default)]
    pub max_tokens: Option<usize>,
}

impl ReasonSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str =
        "kind = \"reason\"\ninputs = [\"scenes\"]\nask = \"Is a person in the picture?\"\n";

    /// Rejects an empty or endless question and token bounds outside their range.
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
        )
    }
}

/// A reason node: its name in the graph and its settings.
#[derive(Clone, Debug)]
pub struct Asker {
    node: NodeId,
    ask: Arc<str>,
    max_tokens: usize,
}

impl Asker {
    /// The node with these settings.
    pub fn new(node: NodeId, spec: &ReasonSpec, connector: &Connector) -> Self {
        let max_tokens = spec.max_tokens.unwrap_or(connector.answer_tokens());
        Self {
            node,
            ask: spec.ask.as_str().into(),
            max_tokens,
        }
    }

    /// Asks about what the pictures of a segment show.
    pub fn about_segment(&self, segment: &Arc<Segment>, connector: &Connector) -> Request {
        let prompt = connector.reason_prompt(&connector.tags(&segment.impression), &self.ask);
        self.request(segment, Ok(prompt))
    }

    /// Asks about what a caption says; where there is no caption, there will be no answer.
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
        let prompt = caption
            .as_ref()
            .map(|caption| connector.reason_prompt(&caption.text, &self.ask));
        self.request(segment, prompt.map_err(missing))
    }

    fn request(&self, segment: &Arc<Segment>, prompt: Result<Prompt, Fault>) -> Request {
        Request {
            node: self.node,
            task: Task::Reason,
            segment: Arc::clone(segment),
            question: Some(Arc::clone(&self.ask)),
            prompt,
            max_tokens: self.max_tokens,
        }
    }
}

/// The answer, or why there is none. A decoder that says nothing has failed.
pub fn finish(decoded: &Decoded) -> Outcome<Answer> {
    let (segment, node) = (Arc::clone(&decoded.item.segment), decoded.item.node);
    let ask = decoded.item.question.clone().unwrap_or_else(|| "".into());
    let text = sentence(decoded, Stage::Reason)?;
    Ok(Answer {
        segment,
        node,
        ask,
        text,
    })
}
