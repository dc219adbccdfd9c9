use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::node::{SpecError, require};

/// Groups encoded frames into segments: the unit of captions, search and answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentSpec {
    /// A segment ends at every multiple of this media time, in milliseconds. Shorter gives quicker captions and more decoder runs.
    pub length_ms: u64,
    /// A segment also ends where the picture changes by more than this, from 0 to 1 (share of the colour histogram that moved); 1 never cuts.
    pub scene_change: f64,
    /// No scene change cuts a segment shorter than this media time, in milliseconds.
    pub shortest_ms: u64,
}

impl Default for SegmentSpec {
    fn default() -> Self {
        Self { length_ms: 4000, scene_change: 0.6, shortest_ms: 1000 }
    }
}

impl SegmentSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str = "kind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 4000\n";

    /// Rejects lengths and thresholds outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        require(
            (100..=3_600_000).contains(&self.length_ms),
            "length_ms",
            self.length_ms,
            "100 to 3600000 (a tenth of a second to an hour)",
        )?;
        require((0.0..=1.0).contains(&self.scene_change), "scene_change", self.scene_change, "0 to 1")
    }
}
