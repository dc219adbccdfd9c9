//! Puts a segment into one sentence: makes the request, and the caption of what the decoder said.

use std::sync::Arc;

use atom_models::{Connector, Decoder, Impression, ModelError, Prompt, connector::tidy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    data::{Caption, NodeId, Outcome, Segment, Stage},
    decode::{Decoded, Request, sentence},
    node::{SpecError, require},
    tally::Task,
};

/// Puts every segment into one sentence, by the decoder that all branches share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaptionSpec {
    /// At most so many new tokens for each caption, 1 to 256; the pack's own bound if absent.
    pub max_tokens: Option<usize>,
}

impl CaptionSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str = "kind = \"caption\"\ninputs = [\"scenes\"]\n";

    /// Rejects token bounds outside their range.
    pub fn check(&self) -> Result<(), SpecError> {
        let tokens = self.max_tokens.unwrap_or(1);
        require(
            (1..=256).contains(&tokens),
            "max_tokens",
            tokens,
            "1 to 256",
        )
    }
}

/// What the decoder is given for a caption of these pictures: the prompt, and at most so many new tokens.
fn wish(impression: &Impression, connector: &Connector, spec: &CaptionSpec) -> (Prompt, usize) {
    let prompt = connector.caption_prompt(&connector.tags(impression));
    (
        prompt,
        spec.max_tokens.unwrap_or(connector.caption_tokens()),
    )
}

/// The caption that a segment with this impression gets, without a graph; empty if the decoder says nothing.
///
/// # Errors
/// If the decoder fails.
pub fn describe(
    impression: &Impression,
    connector: &Connector,
    spec: &CaptionSpec,
    decoder: &mut dyn Decoder,
) -> Result<String, ModelError> {
    let (prompt, max_tokens) = wish(impression, connector, spec);
    Ok(tidy(&decoder.generate(&prompt, max_tokens)?.text))
}

/// Asks the decoder for a caption of a segment.
pub fn request(
    segment: &Arc<Segment>,
    node: NodeId,
    connector: &Connector,
    spec: &CaptionSpec,
) -> Request {
    let (prompt, max_tokens) = wish(&segment.impression, connector, spec);
    Request {
        node,
        task: Task::Caption,
        segment: Arc::clone(segment),
        question: None,
        prompt: Ok(prompt),
        max_tokens,
    }
}

/// The caption, or why there is none. A decoder that says nothing has failed.
pub fn finish(decoded: &Decoded) -> Outcome<Caption> {
    let (segment, node) = (Arc::clone(&decoded.item.segment), decoded.item.node);
    let text = sentence(decoded, Stage::Caption)?;
    Ok(Caption {
        segment,
        node,
        text,
    })
}
