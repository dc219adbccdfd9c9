//! Puts a segment into one sentence: has the decoder write it, and makes the caption of what it said.

use std::sync::Arc;

use atom_models::{Connector, Decoder, Generation, Impression, ModelError, Prompt, TextEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    data::{Caption, Outcome, Stage},
    decode::{Decoded, sentence},
    node::{SpecError, require},
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

/// Has the decoder write a caption; among several texts the one is taken that is most like the pictures, by the text
/// encoder if there is one.
///
/// # Errors
/// If a module fails.
pub fn write(
    (prompt, max_tokens): (&Prompt, usize),
    impression: &Impression,
    connector: &Connector,
    decoder: &mut dyn Decoder,
    text: Option<&mut dyn TextEncoder>,
) -> Result<Generation, ModelError> {
    let mut generation = decoder.generate(prompt, max_tokens)?;
    if let Some(text) = text {
        let likeness = connector.caption_likeness();
        generation.prefer_like(&impression.embedding, likeness, text)?;
    }
    Ok(generation)
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
