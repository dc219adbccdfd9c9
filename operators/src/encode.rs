use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs the vision encoder over sampled frames. All encode nodes of all pipelines share one encoder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EncodeSpec {}

impl EncodeSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str = "kind = \"encode\"\ninputs = [\"frames\"]\n";
}
