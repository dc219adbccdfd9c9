//! Puts a segment into one sentence: makes the caption of what the decoder said.

use atom_models::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    data::{Caption, Failure, Outcome, Stage},
    decode::{Decoded, about_segment},
    node::{SpecError, check_tokens},
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
        check_tokens(self.max_tokens)
    }
}

/// The caption, or why there is none; nothing if something else was decoded. In the place of one that came too late stands its
/// draft.
pub fn finish(decoded: &Decoded) -> Option<Outcome<Caption>> {
    let (node, segment, text) = about_segment(decoded, Stage::Caption)?;
    let late = |failure: &Failure| failure.fault.reason == Reason::Late;
    let draft = decoded.item.draft.as_deref();
    let draft = draft.filter(|_| text.as_ref().is_err_and(late));
    let from_draft = draft.is_some();
    let vector = decoded.result.as_ref().ok();
    let vector = vector.and_then(|said| said.vector.clone());
    let text = draft.map_or(text, |draft| Ok(draft.to_owned()));
    Some(text.map(|text| Caption {
        segment,
        node,
        text,
        vector,
        from_draft,
    }))
}
