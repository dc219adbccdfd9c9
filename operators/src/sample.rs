use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::node::{SpecError, require};

/// Chooses frames: at most `fps` a second on a grid of media time, and none that look like the last one chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SampleSpec {
    /// Frames a second of media time, 0.01 to 60. More frames see quicker events and cost one encoder run each.
    pub fps: f64,
    /// How much a frame must differ from the last one chosen, as a mean difference of brightness from 0 (keep every frame) to 1. 0.01 skips a still picture and keeps a person walking through it.
    pub change: f64,
    /// After so many milliseconds of media time a frame is chosen even if nothing changed.
    pub keep_every_ms: u64,
}

impl Default for SampleSpec {
    fn default() -> Self {
        Self { fps: 2.0, change: 0.01, keep_every_ms: 4000 }
    }
}

impl SampleSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str = "kind = \"sample\"\ninputs = [\"video\"]\nfps = 2\n";

    /// Rejects rates and thresholds outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        require((0.01..=60.0).contains(&self.fps), "fps", self.fps, "0.01 to 60")?;
        require((0.0..=1.0).contains(&self.change), "change", self.change, "0 to 1")?;
        require(self.keep_every_ms > 0, "keep_every_ms", self.keep_every_ms, "1 or more")
    }
}
