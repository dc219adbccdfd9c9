//! The settings of a summary node.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::{SpecError, require};

/// Summarises the captions of each minute, and of each longer span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SummarySpec {
    /// Length of the shorter windows in milliseconds, 1000 to 3600000. A window starts at each multiple.
    pub length_ms: u64,
    /// Length of the longer windows in milliseconds: a multiple of `length_ms`, at most 86400000 (a day); 0 for none.
    /// They are summarised from the shorter windows. A longer window that holds only one shorter one is left out.
    pub span_ms: u64,
    /// Maximum number of sentences per summary, 1 to 12. Each sentence describes one scene, by the caption that most of
    /// the scene supports. The scenes that cover most of the window are described.
    pub sentences: usize,
}

impl Default for SummarySpec {
    fn default() -> Self {
        Self {
            length_ms: 60_000,
            span_ms: 600_000,
            sentences: 5,
        }
    }
}

impl SummarySpec {
    /// Smallest useful settings of this node in a pipeline file.
    pub const EXAMPLE: &str = "kind = \"summary\"\ninputs = [\"captions\"]\n";

    /// Rejects lengths outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        let range = (1000..=3_600_000).contains(&self.length_ms);
        require(range, "length_ms", self.length_ms, "1000 to 3600000")?;
        let multiple = self.span_ms.is_multiple_of(self.length_ms)
            && self.span_ms != self.length_ms
            && self.span_ms <= 86_400_000;
        require(
            multiple,
            "span_ms",
            self.span_ms,
            "0, or at least twice length_ms, a multiple of it, and at most 86400000",
        )?;
        let range = (1..=12).contains(&self.sentences);
        require(range, "sentences", self.sentences, "1 to 12")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_must_be_longer_than_minutes() {
        let check = |length_ms, span_ms| {
            SummarySpec {
                length_ms,
                span_ms,
                ..SummarySpec::default()
            }
            .check()
        };
        assert!(check(60_000, 0).is_ok() && check(60_000, 120_000).is_ok());
        let none = SummarySpec {
            sentences: 0,
            ..SummarySpec::default()
        };
        assert_eq!(none.check().unwrap_err().key, "sentences");
        assert_eq!(check(0, 0).unwrap_err().key, "length_ms");
        for wrong in [60_000, 90_000, 86_460_000] {
            assert_eq!(check(60_000, wrong).unwrap_err().key, "span_ms");
        }
    }
}
