//! The retention policy of an index, as written in pipeline files: `30d, 20GB`.
//!
//! Invariant: a parsed policy has at least one limit, and each limit fits a signed 64-bit number, as databases count.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::counted::counted;

/// Limits on the contents of an index; segments beyond any of them are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RetentionPolicy {
    /// Highest age of a segment, in milliseconds since its end.
    pub age_ms: Option<u64>,
    /// Largest size of the store, in bytes.
    pub bytes: Option<u64>,
    /// Maximum number of segments.
    pub segments: Option<u64>,
}

/// The reason why a text is not a retention policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RetentionError {
    /// The number or the unit is missing.
    #[error(
        "{0:?} is not an amount, expected a whole number and a unit, as in \"30d\", \"20GB\" or \"100000 segments\""
    )]
    Amount(String),
    /// The unit is unknown.
    #[error(
        "{0:?} is not a unit, expected min, h, d or w for an age, MB, GB or TB for a size, or segments"
    )]
    Unit(String),
    /// The amount is zero.
    #[error("{0:?} would keep nothing, expected 1 or more")]
    Nothing(String),
    /// The amount is too large.
    #[error("{0:?} is too large, expected a smaller number; to keep everything, leave this out")]
    TooMuch(String),
    /// Two limits have the same kind.
    #[error(
        "{0:?} is a second limit on {1}, expected at most one age, one size and one number of segments"
    )]
    Twice(String, &'static str),
}

/// The quantity that a unit measures.
#[derive(Clone, Copy)]
enum Quantity {
    Age,
    Size,
    Number,
}

const MINUTE_MS: u64 = 60_000;
const MEGABYTE: u64 = 1_000_000;

/// All units; the largest of each quantity first.
const UNITS: [(&str, Quantity, u64); 9] = [
    ("w", Quantity::Age, 7 * 24 * 60 * MINUTE_MS),
    ("d", Quantity::Age, 24 * 60 * MINUTE_MS),
    ("h", Quantity::Age, 60 * MINUTE_MS),
    ("min", Quantity::Age, MINUTE_MS),
    ("TB", Quantity::Size, 1_000_000 * MEGABYTE),
    ("GB", Quantity::Size, 1000 * MEGABYTE),
    ("MB", Quantity::Size, MEGABYTE),
    ("segments", Quantity::Number, 1),
    ("segment", Quantity::Number, 1),
];

impl FromStr for RetentionPolicy {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let mut policy = Self::default();
        for part in text.split(',').map(str::trim) {
            let (quantity, amount) = parse_amount(part)?;
            let (limit, name) = match quantity {
                Quantity::Age => (&mut policy.age_ms, "age"),
                Quantity::Size => (&mut policy.bytes, "size"),
                Quantity::Number => (&mut policy.segments, "the number of segments"),
            };
            if limit.replace(amount).is_some() {
                return Err(RetentionError::Twice(part.to_owned(), name));
            }
        }
        Ok(policy)
    }
}

fn parse_amount(part: &str) -> Result<(Quantity, u64), RetentionError> {
    let digits = part.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = part.split_at(digits);
    let unit = unit.trim();
    if number.is_empty() || unit.is_empty() {
        return Err(RetentionError::Amount(part.to_owned()));
    }
    let known = UNITS.iter().find(|(name, ..)| *name == unit);
    let (_, quantity, each) = known.ok_or_else(|| RetentionError::Unit(unit.to_owned()))?;
    let number: Option<u64> = number.parse().ok();
    let amount = number.and_then(|number| number.checked_mul(*each));
    match amount.filter(|amount| i64::try_from(*amount).is_ok()) {
        Some(0) => Err(RetentionError::Nothing(part.to_owned())),
        Some(amount) => Ok((*quantity, amount)),
        None => Err(RetentionError::TooMuch(part.to_owned())),
    }
}

impl TryFrom<String> for RetentionPolicy {
    type Error = RetentionError;

    fn try_from(text: String) -> Result<Self, RetentionError> {
        text.parse()
    }
}

impl From<RetentionPolicy> for String {
    fn from(policy: RetentionPolicy) -> Self {
        policy.to_string()
    }
}

impl fmt::Display for RetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = self.age_ms.map(|ms| in_unit(ms, &UNITS[..4]));
        let size = self.bytes.map(|bytes| in_unit(bytes, &UNITS[4..7]));
        let number = self.segments.map(|number| counted(number, "segment"));
        let parts: Vec<String> = [age, size, number].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

/// Formats an amount in the largest unit that divides it.
fn in_unit(amount: u64, units: &[(&str, Quantity, u64)]) -> String {
    let whole = units
        .iter()
        .find(|(_, _, each)| amount.is_multiple_of(*each));
    match whole.or(units.last()) {
        Some((unit, _, each)) => format!("{}{unit}", amount / each),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_ages_sizes_and_numbers_alone_and_together() {
        let day = 24 * 60 * MINUTE_MS;
        let cases = [
            ("90min", (Some(90 * MINUTE_MS), None, None)),
            ("30d", (Some(30 * day), None, None)),
            ("2w", (Some(14 * day), None, None)),
            ("20GB", (None, Some(20_000_000_000), None)),
            ("100000 segments", (None, None, Some(100_000))),
            ("1 segment", (None, None, Some(1))),
            (
                " 36 h,500MB , 7 segments",
                (Some(36 * 60 * MINUTE_MS), Some(500_000_000), Some(7)),
            ),
        ];
        for (text, (age_ms, bytes, segments)) in cases {
            let policy = RetentionPolicy {
                age_ms,
                bytes,
                segments,
            };
            assert_eq!(text.parse(), Ok(policy), "{text}");
        }
    }

    #[test]
    fn a_formatted_policy_parses_to_the_same_policy() {
        for text in ["90min, 3 segments", "2w", "1TB", "36h, 1500MB"] {
            let policy: RetentionPolicy = text.parse().unwrap();
            assert_eq!(policy.to_string(), text);
            assert_eq!(RetentionPolicy::try_from(String::from(policy)), Ok(policy));
        }
    }

    #[test]
    fn an_error_names_the_fault_and_the_expected_form() {
        let cases = [
            ("", "\"\" is not an amount"),
            ("30", "\"30\" is not an amount"),
            ("-3d", "\"-3d\" is not an amount"),
            ("1.5GB", "\".5GB\" is not a unit"),
            ("d", "\"d\" is not an amount"),
            ("30 moons", "\"moons\" is not a unit"),
            ("3m", "\"m\" is not a unit"),
            ("30d,", "\"\" is not an amount"),
            ("0d", "\"0d\" would keep nothing"),
            ("99999999999999999999d", "is too large"),
            ("99999999999w", "is too large"),
            ("9300000000000000000 segments", "is too large"),
            ("30d, 2w", "\"2w\" is a second limit on age"),
            ("1GB, 1GB", "is a second limit on size"),
            (
                "1 segment, 2 segments",
                "is a second limit on the number of segments",
            ),
        ];
        for (text, part) in cases {
            let message = text.parse::<RetentionPolicy>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
            assert!(message.contains("expected"), "{message}");
        }
    }
}
