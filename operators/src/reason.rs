use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::node::{SpecError, require};

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
    pub const EXAMPLE: &str = "kind = \"reason\"\ninputs = [\"scenes\"]\nask = \"Is a person in the picture?\"\n";

    /// Rejects an empty or endless question and token bounds outside their range.
    pub fn check(&self) -> Result<(), SpecError> {
        let length = self.ask.trim().chars().count();
        require((1..=500).contains(&length), "ask", format!("{length} characters long"), "1 to 500 characters")?;
        let tokens = self.max_tokens.unwrap_or(1);
        require((1..=256).contains(&tokens), "max_tokens", tokens, "1 to 256")
    }
}
