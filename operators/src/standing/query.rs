//! The settings of a standing query: its text, the number of matches, the threshold and the time span.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::{SpecError, require};

/// Share of the threshold below which a matching segment ceases to match (hysteresis): a segment near the threshold does
/// not come and go with every correction of its caption or its features.
const STAY_FACTOR: f64 = 0.8;

/// Keeps the best matches of a text up to date, and reports each match that appears or disappears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuerySpec {
    /// Description to match, such as "a delivery van at the gate", or a question that a matching segment answers with
    /// yes.
    pub text: String,
    /// Number of best matches to keep, 1 to 1000.
    #[serde(default = "best")]
    pub best: u32,
    /// Lowest probability that the text is true of a segment for the segment to match, 0.05 to 1. The pack estimates the
    /// probability. A higher threshold gives fewer matches, and fewer wrong ones.
    #[serde(default = "threshold")]
    pub threshold: f64,
    /// Time span before the newest segment in which matches are kept, in seconds; unlimited if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_seconds: Option<u64>,
    /// Sources to match, by their names in the index; * stands for any characters. All sources if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

fn best() -> u32 {
    10
}

fn threshold() -> f64 {
    0.5
}

impl QuerySpec {
    /// Smallest useful settings of a query.
    pub const EXAMPLE: &str = "text = \"a delivery van at the gate\"\n";
    /// Largest length of the text, in characters: the text encoder reads no more than some hundred words.
    pub const MAX_CHARS: usize = 1000;

    /// Creates a query with default settings.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            best: best(),
            threshold: threshold(),
            within_seconds: None,
            sources: Vec::new(),
        }
    }

    /// Rejects an empty text and numbers outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        let words = self.text.chars().any(char::is_alphanumeric);
        require(
            words,
            "text",
            format!("{:?}", self.text),
            "words that describe what to look for",
        )?;
        let length = self.text.chars().count();
        require(
            length <= Self::MAX_CHARS,
            "text",
            format!("{length} characters long"),
            "at most 1000 characters",
        )?;
        require(
            (1..=1000).contains(&self.best),
            "best",
            self.best,
            "1 to 1000",
        )?;
        let sure = (0.05..=1.0).contains(&self.threshold);
        require(sure, "threshold", self.threshold, "0.05 to 1")?;
        // Three hundred years: beyond that, milliseconds since 1970 overflow.
        let span = self.within_seconds.unwrap_or(1);
        require(
            (1..=10_000_000_000).contains(&span),
            "within_seconds",
            span,
            "1 to 10000000000",
        )
    }

    /// Returns the probability from which a segment starts to match, in millionths.
    pub fn match_threshold(&self) -> u32 {
        millionths(self.threshold)
    }

    /// Returns the probability from which a matching segment continues to match, in millionths.
    pub fn stay_threshold(&self) -> u32 {
        millionths(self.threshold * STAY_FACTOR)
    }

    /// Returns the yes-or-no question that is true where the text is.
    pub fn question(&self) -> String {
        let text = self.text.trim();
        match text.ends_with('?') {
            true => text.to_owned(),
            false => format!("Is there {}?", text.trim_end_matches('.')),
        }
    }
}

/// Converts a share from 0 to 1 to millionths: whole numbers have a total order and are equal in every run.
pub fn millionths(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * 1e6).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_setting_is_rejected_by_its_key() {
        let good = QuerySpec::new("a van");
        assert!(good.check().is_ok());
        let wrong: [(&str, QuerySpec); 7] = [
            ("text", QuerySpec::new("")),
            ("text", QuerySpec::new(" ?! ")),
            ("text", QuerySpec::new(&"van ".repeat(300))),
            (
                "best",
                QuerySpec {
                    best: 0,
                    ..good.clone()
                },
            ),
            (
                "threshold",
                QuerySpec {
                    threshold: f64::NAN,
                    ..good.clone()
                },
            ),
            (
                "threshold",
                QuerySpec {
                    threshold: 1.5,
                    ..good.clone()
                },
            ),
            (
                "within_seconds",
                QuerySpec {
                    within_seconds: Some(0),
                    ..good.clone()
                },
            ),
        ];
        for (key, spec) in wrong {
            assert_eq!(spec.check().unwrap_err().key, key, "{spec:?}");
        }
    }

    #[test]
    fn a_text_becomes_a_question_and_a_question_stays_one() {
        let question = |text| QuerySpec::new(text).question();
        assert_eq!(
            question(" a van at the gate. "),
            "Is there a van at the gate?"
        );
        assert_eq!(question("Does it rain?"), "Does it rain?");
    }

    #[test]
    fn a_match_stays_until_it_is_clearly_below_the_threshold() {
        let spec = QuerySpec::new("a van");
        assert_eq!(
            (spec.match_threshold(), spec.stay_threshold()),
            (500_000, 400_000)
        );
    }
}
