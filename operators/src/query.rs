//! What a standing query asks for: a text, how many matches, how sure, and how far back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::node::{SpecError, require};

/// A segment that matches already stays until it is less likely than this share of the threshold: one that is near the
/// threshold does not come and go with every correction of its caption or its pictures.
const STAYS: f64 = 0.8;

/// Keeps the best matches of a text up to date, and tells what comes and goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuerySpec {
    /// What is looked for, as "a delivery van at the gate" or as a question to be answered with yes.
    pub text: String,
    /// How many matches are kept, the best; from 1 to 1000.
    #[serde(default = "best")]
    pub best: u32,
    /// How likely the text must be true of a segment for it to match, by the pack's own measure; from 0.05 to 1. Raising it
    /// gives fewer matches, and fewer wrong ones.
    #[serde(default = "threshold")]
    pub threshold: f64,
    /// How far back matches are kept, in seconds before the newest segment. Without it, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_seconds: Option<u64>,
    /// Sources that are looked at, by their names in the index; * stands for any characters. Without it, all.
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
    /// Smallest useful text of a query.
    pub const EXAMPLE: &str = "text = \"a delivery van at the gate\"\n";
    /// The longest text, in characters: the text encoder reads no more than some hundred words.
    pub const LONGEST: usize = 1000;

    /// The usual settings with this text.
    pub fn of(text: &str) -> Self {
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
            &self.text,
            "words that say what is looked for",
        )?;
        let length = self.text.chars().count();
        require(
            length <= Self::LONGEST,
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
        // Three hundred years: beyond that milliseconds since 1970 run out of room.
        let span = self.within_seconds.unwrap_or(1);
        require(
            (1..=10_000_000_000).contains(&span),
            "within_seconds",
            span,
            "1 to 10000000000",
        )
    }

    /// How likely a segment must be to begin to match, in millionths.
    pub fn enters(&self) -> u32 {
        millionths(self.threshold)
    }

    /// How likely a segment must be to go on matching, in millionths.
    pub fn stays(&self) -> u32 {
        millionths(self.threshold * STAYS)
    }

    /// The question whose answer is yes where the text is true.
    pub fn question(&self) -> String {
        let text = self.text.trim();
        match text.ends_with('?') {
            true => text.to_owned(),
            false => format!("Is there {}?", text.trim_end_matches('.')),
        }
    }
}

/// A share from 0 to 1 as a whole number, which has an order and is equal in every run.
pub fn millionths(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * 1e6).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_by_its_key() {
        let good = QuerySpec::of("a van");
        assert!(good.check().is_ok());
        let wrong: [(&str, QuerySpec); 7] = [
            ("text", QuerySpec::of("")),
            ("text", QuerySpec::of(" ?! ")),
            ("text", QuerySpec::of(&"van ".repeat(300))),
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
        let question = |text| QuerySpec::of(text).question();
        assert_eq!(
            question(" a van at the gate. "),
            "Is there a van at the gate?"
        );
        assert_eq!(question("Does it rain?"), "Does it rain?");
    }

    #[test]
    fn what_matches_stays_until_it_is_clearly_below_the_threshold() {
        let spec = QuerySpec::of("a van");
        assert_eq!((spec.enters(), spec.stays()), (500_000, 400_000));
    }
}
