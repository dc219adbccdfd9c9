//! How much of an index is kept, as people write it: `30d, 20GB`.
//!
//! Invariant: a `Keep` has at least one bound, and each fits a signed number of 64 bits, as stores count.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bounds on what an index holds; what is beyond any of them goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Keep {
    /// The age of a segment at most, in milliseconds since its end.
    pub age_ms: Option<u64>,
    /// The size of the store at most, in bytes.
    pub bytes: Option<u64>,
    /// The number of segments at most.
    pub segments: Option<u64>,
}

/// Why a text says nothing about what is kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeepError {
    /// There is no number.
    #[error(
        "{0:?} is no amount, expected a whole number and a unit, as in \"30d\", \"20GB\" or \"100000 segments\""
    )]
    Amount(String),
    /// The unit is none of ours.
    #[error(
        "{0:?} is no unit, expected min, h, d or w for an age, MB, GB or TB for a size, or segments"
    )]
    Unit(String),
    /// Zero.
    #[error("{0:?} would keep nothing, expected 1 or more")]
    Nothing(String),
    /// More than can be counted.
    #[error(
        "{0:?} is more than can be counted, expected less; without this key everything is kept"
    )]
    TooMuch(String),
    /// Two bounds of one kind.
    #[error("{0:?} is a second {1}, expected at most one age, one size and one number of segments")]
    Twice(String, &'static str),
}

/// What a unit measures.
#[derive(Clone, Copy)]
enum Measure {
    Age,
    Size,
    Number,
}

const MINUTE_MS: u64 = 60_000;
const MEGABYTE: u64 = 1_000_000;

/// All units; of each measure the largest first.
const UNITS: [(&str, Measure, u64); 9] = [
    ("w", Measure::Age, 7 * 24 * 60 * MINUTE_MS),
    ("d", Measure::Age, 24 * 60 * MINUTE_MS),
    ("h", Measure::Age, 60 * MINUTE_MS),
    ("min", Measure::Age, MINUTE_MS),
    ("TB", Measure::Size, 1_000_000 * MEGABYTE),
    ("GB", Measure::Size, 1000 * MEGABYTE),
    ("MB", Measure::Size, MEGABYTE),
    ("segments", Measure::Number, 1),
    ("segment", Measure::Number, 1),
];

impl FromStr for Keep {
    type Err = KeepError;

    fn from_str(text: &str) -> Result<Self, KeepError> {
        let mut keep = Self::default();
        for part in text.split(',').map(str::trim) {
            let (measure, amount) = amount(part)?;
            let (bound, name) = match measure {
                Measure::Age => (&mut keep.age_ms, "age"),
                Measure::Size => (&mut keep.bytes, "size"),
                Measure::Number => (&mut keep.segments, "number of segments"),
            };
            if bound.replace(amount).is_some() {
                return Err(KeepError::Twice(part.to_owned(), name));
            }
        }
        Ok(keep)
    }
}

fn amount(part: &str) -> Result<(Measure, u64), KeepError> {
    let digits = part.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = part.split_at(digits);
    let unit = unit.trim();
    if number.is_empty() || unit.is_empty() {
        return Err(KeepError::Amount(part.to_owned()));
    }
    let known = UNITS.iter().find(|(name, ..)| *name == unit);
    let (_, measure, each) = known.ok_or_else(|| KeepError::Unit(unit.to_owned()))?;
    let number: Option<u64> = number.parse().ok();
    let amount = number.and_then(|number| number.checked_mul(*each));
    match amount.filter(|amount| i64::try_from(*amount).is_ok()) {
        Some(0) => Err(KeepError::Nothing(part.to_owned())),
        Some(amount) => Ok((*measure, amount)),
        None => Err(KeepError::TooMuch(part.to_owned())),
    }
}

impl TryFrom<String> for Keep {
    type Error = KeepError;

    fn try_from(text: String) -> Result<Self, KeepError> {
        text.parse()
    }
}

impl From<Keep> for String {
    fn from(keep: Keep) -> Self {
        keep.to_string()
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = self.age_ms.map(|ms| in_unit(ms, &UNITS[..4]));
        let size = self.bytes.map(|bytes| in_unit(bytes, &UNITS[4..7]));
        let number = self.segments.map(|number| format!("{number} segments"));
        let parts: Vec<String> = [age, size, number].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

/// An amount in the largest unit of which it is a multiple.
fn in_unit(amount: u64, units: &[(&str, Measure, u64)]) -> String {
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
    fn reads_ages_sizes_and_numbers_alone_and_together() {
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
            let keep = Keep {
                age_ms,
                bytes,
                segments,
            };
            assert_eq!(text.parse(), Ok(keep), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same() {
        for text in ["90min, 3 segments", "2w", "1TB", "36h, 1500MB"] {
            let keep: Keep = text.parse().unwrap();
            assert_eq!(keep.to_string(), text);
            assert_eq!(Keep::try_from(String::from(keep)), Ok(keep));
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_text_and_what_was_expected() {
        let cases = [
            ("", "\"\" is no amount"),
            ("30", "\"30\" is no amount"),
            ("-3d", "\"-3d\" is no amount"),
            ("1.5GB", "\".5GB\" is no unit"),
            ("d", "\"d\" is no amount"),
            ("30 moons", "\"moons\" is no unit"),
            ("3m", "\"m\" is no unit"),
            ("30d,", "\"\" is no amount"),
            ("0d", "\"0d\" would keep nothing"),
            ("99999999999999999999d", "more than can be counted"),
            ("99999999999w", "more than can be counted"),
            ("9300000000000000000 segments", "more than can be counted"),
            ("30d, 2w", "\"2w\" is a second age"),
            ("1GB, 1GB", "is a second size"),
            ("1 segment, 2 segments", "is a second number of segments"),
        ];
        for (text, part) in cases {
            let told = text.parse::<Keep>().unwrap_err().to_string();
            assert!(told.contains(part), "{text}: {told}");
            assert!(told.contains("expected"), "{told}");
        }
    }
}
