//! Captions: one sentence for each segment, from the decoder's completion.

use std::sync::Arc;

use atom_models::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Failure, Outcome, Stage},
    ids::NodeId,
    request::Decoded,
    segment::Segment,
    spec::{SpecError, check_max_tokens},
};

/// Describes each segment in one sentence. All branches share one decoder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaptionSpec {
    /// Maximum number of new tokens per caption, 1 to 256; the pack's limit if absent.
    pub max_tokens: Option<usize>,
}

impl CaptionSpec {
    /// Smallest useful settings of this node in a pipeline file.
    pub const EXAMPLE: &str = "kind = \"caption\"\ninputs = [\"scenes\"]\n";

    /// Rejects token limits outside their range.
    pub fn check(&self) -> Result<(), SpecError> {
        check_max_tokens(self.max_tokens)
    }
}

/// One sentence about a segment.
#[derive(Clone, Debug)]
pub struct Caption {
    /// The segment it describes.
    pub segment: Arc<Segment>,
    /// The caption node.
    pub node: NodeId,
    /// The sentence.
    pub text: String,
    /// Its vector, of length 1 and in the space of image vectors, if there is a text encoder and this is not a draft.
    pub vector: Option<Arc<[f32]>>,
    /// True if this is a draft that takes the place of a caption that came too late.
    pub from_draft: bool,
}

impl Caption {
    /// Returns the caption of a completion, or the reason why there is none; `None` if the request was not about a
    /// segment. A caption that came too late is replaced by its draft.
    pub fn from_decoded(decoded: &Decoded) -> Option<Outcome<Self>> {
        let (node, segment, text) = decoded.about_segment(Stage::Caption)?;
        let late = |failure: &Failure| failure.fault.reason == Reason::Late;
        let draft = decoded.item.draft.as_deref();
        let draft = draft.filter(|_| text.as_ref().is_err_and(late));
        let from_draft = draft.is_some();
        let completion = decoded.result.as_ref().ok();
        let vector = completion.and_then(|completion| completion.vector.clone());
        let text = draft.map_or(text, |draft| Ok(draft.to_owned()));
        Some(text.map(|text| Self {
            segment,
            node,
            text,
            vector,
            from_draft,
        }))
    }
}
