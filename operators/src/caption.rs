//! Puts a segment into one sentence: chooses among what the decoder wrote, and makes the caption of it.

use std::sync::Arc;

use atom_models::{Connector, Fault, Generation, Reason, TextEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    data::{Caption, Outcome, Stage},
    decode::{Decoded, Request, Said, sentence},
    node::{SpecError, require},
    offload::Done,
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

/// The text to go on with: of captions the one that fits the pictures best, of anything else the decoder's best.
///
/// # Errors
/// What the decoder failed with, or the text encoder.
pub fn choose(
    done: &Done<Request, Generation>,
    connector: &Connector,
    text: Option<&mut dyn TextEncoder>,
) -> Result<Said, Fault> {
    let mut generation = done.result.clone()?;
    if done.item.task == Task::Caption {
        let impression = &done.item.segment.impression;
        let chosen = connector.choose(&mut generation, impression, text);
        chosen.map_err(|error| Fault::new(Reason::Model, error))?;
    }
    let prompt = done.item.prompt.as_ref();
    let among = prompt.is_ok_and(|prompt| !prompt.options().is_empty());
    Ok(Said::best(&generation, among))
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
