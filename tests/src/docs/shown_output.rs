//! Compares what a page shows with what a command printed.
//!
//! `...` on a line of its own stands for any lines, within a line for any part of it. The results of the models differ a
//! little between processors, because sums are rounded in another order. So two kinds of text are compared with a
//! tolerance: sentences, which captions are (a capital letter, then words up to a full stop), must share half of their
//! words; decimal numbers and percentages, which scores and probabilities are, may differ by a tenth of the scale or a
//! quarter of their value. Messages, and everything else (times, durations, paths, counts, labels), must be equal.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::{Captures, Regex};

/// Stands for what is left out.
const LEFT_OUT: &str = "...";
/// The beginnings of lines that are messages of the program, not results of a model.
const MESSAGES: [&str; 5] = ["error", "warning", "hint", "usage", "Usage"];
/// Words that say nothing about a picture.
const COMMON_WORDS: [&str; 14] = [
    "a", "an", "the", "of", "in", "on", "at", "with", "and", "is", "are", "it", "to", "its",
];

/// The parts of a line in the order of preference: exact ones before those that look alike.
static PARTS: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        r"(?<left_out>\.\.\.)",
        r"(?<exact>\d+(?::\d+)+(?:\.\d+)?|\d+(?:\.\d+){2,}|\d+\.\d+ s\b|[\w-]+\.\w*[a-z]\w*)",
        r"(?<percent>\d+(?:\.\d+)? ?%)",
        r"(?<decimal>\d+\.\d+)",
        r"(?<sentence>[A-Z][A-Za-z'-]*(?:,? [A-Za-z'-]+)+\.)",
    ];
    Regex::new(&parts.join("|")).expect("the pattern is valid")
});

/// Returns true if the lines that a page shows are those that were printed.
pub fn matches(shown: &[String], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.iter().all(|line| line.trim().is_empty()),
        Some((line, rest)) if line.trim() == LEFT_OUT => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, others)| line_matches(line, first) && matches(rest, others)),
    }
}

/// Returns the first line before any that is left out that was not printed, and what was printed in its place.
pub fn first_difference<'a>(
    shown: &'a [String],
    printed: &[&'a str],
) -> Option<(&'a str, &'a str)> {
    let before = shown.iter().take_while(|line| line.trim() != LEFT_OUT);
    before.enumerate().find_map(|(at, line)| {
        let found = printed.get(at).copied().unwrap_or("(nothing)");
        (!line_matches(line, found)).then_some((line.as_str(), found))
    })
}

/// Returns true if a line that a page shows is the one that was printed.
pub fn line_matches(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (shown.trim_end(), printed.trim_end());
    let message = MESSAGES
        .iter()
        .any(|start| shown.trim_start().starts_with(start));
    let (pattern, expected) = pattern_of(shown, message);
    let Some(found) = pattern.captures(printed) else {
        return false;
    };
    let found = found.iter().skip(1).flatten().map(|part| part.as_str());
    expected
        .iter()
        .zip(found)
        .all(|(part, found)| part.is_like(found))
}

/// A part of a line that is compared with a tolerance.
enum ModelPart {
    Percent(f64),
    Decimal(f64),
    Sentence(BTreeSet<String>),
}

impl ModelPart {
    fn of(part: &Captures) -> Option<Self> {
        if let Some(percent) = part.name("percent") {
            return Some(Self::Percent(number(percent.as_str())));
        }
        if let Some(decimal) = part.name("decimal") {
            return Some(Self::Decimal(number(decimal.as_str())));
        }
        let sentence = part.name("sentence")?;
        Some(Self::Sentence(words(sentence.as_str())))
    }

    /// Returns the pattern of a text of the same kind.
    fn pattern(&self) -> &'static str {
        match self {
            Self::Percent(_) => r"(\d+(?:\.\d+)? ?%)",
            Self::Decimal(_) => r"(\d+\.\d+)",
            Self::Sentence(_) => r"([A-Z][A-Za-z ,'-]*\.)",
        }
    }

    fn is_like(&self, found: &str) -> bool {
        match self {
            Self::Percent(shown) => is_near(*shown, number(found), 10.0),
            Self::Decimal(shown) => is_near(*shown, number(found), 0.1_f64.min(shown / 2.0)),
            Self::Sentence(shown) => {
                let found = words(found);
                let shared = shown.intersection(&found).count();
                2 * 2 * shared >= shown.len() + found.len()
            }
        }
    }
}

fn is_near(shown: f64, found: f64, tolerance: f64) -> bool {
    (shown - found).abs() <= tolerance.max(shown / 4.0)
}

fn number(text: &str) -> f64 {
    let digits = text.trim_end_matches(['%', ' ']);
    digits.parse().expect("the pattern finds numbers")
}

fn words(sentence: &str) -> BTreeSet<String> {
    let words = sentence.split(|c: char| !c.is_alphabetic());
    words
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty() && !COMMON_WORDS.contains(&word.as_str()))
        .collect()
}

/// Returns the pattern of a line, and its parts that are compared with a tolerance in the order of the pattern's groups.
fn pattern_of(shown: &str, message: bool) -> (Regex, Vec<ModelPart>) {
    let mut pattern = "^".to_owned();
    let mut parts = Vec::new();
    let mut end = 0;
    for part in PARTS.captures_iter(shown) {
        let whole = part.get(0).expect("group 0 is the whole match");
        pattern += &regex::escape(&shown[end..whole.start()]);
        end = whole.end();
        let model = if message { None } else { ModelPart::of(&part) };
        if part.name("left_out").is_some() {
            // A column is as wide as what is in it.
            pattern.truncate(pattern.trim_end().len());
            end += shown[end..].len() - shown[end..].trim_start().len();
            pattern += ".*";
        } else if let Some(model) = model {
            pattern += model.pattern();
            parts.push(model);
        } else {
            pattern += &regex::escape(whole.as_str());
        }
    }
    pattern += &regex::escape(&shown[end..]);
    pattern.push('$');
    (Regex::new(&pattern).expect("the parts are escaped"), parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIT: &str =
        "0.1364  00:00:08.000 - 00:00:10.000  street.mp4  A man with a bicycle.  (58 %)";

    #[test]
    fn results_of_a_model_may_differ_a_little() {
        assert!(line_matches(HIT, HIT));
        assert!(line_matches(
            HIT,
            &HIT.replace("0.1364", "0.12").replace("58", "61")
        ));
        assert!(line_matches(HIT, &HIT.replace("with a", "on his")));
    }

    #[test]
    fn other_results_are_not_accepted() {
        for (from, to) in [
            ("0.1364", "0.5"),
            ("58 %", "83 %"),
            ("A man with a bicycle", "A street with cars"),
            ("00:00:08.000", "00:00:06.000"),
            ("street.mp4", "door.mp4"),
            ("  (58 %)", ""),
        ] {
            assert!(!line_matches(HIT, &HIT.replace(from, to)), "{from} {to}");
        }
        assert!(!line_matches("seen 2.0 s in all", "seen 2.1 s in all"));
        assert!(!line_matches("in 3 of 6 segments", "in 4 of 6 segments"));
        assert!(!line_matches("atom 0.1.0", "atom 0.1.1"));
        assert!(!line_matches(
            "error: no file. Name a file.",
            "error: no file. Name a video."
        ));
    }

    #[test]
    fn parts_and_lines_can_be_left_out() {
        assert!(line_matches(
            "wrote ... (12 files)",
            "wrote a.srt (12 files)"
        ));
        assert!(!line_matches(
            "wrote ... (12 files)",
            "wrote a.srt (13 files)"
        ));
        assert!(line_matches("time    ...   median", "time  12.5  median"));
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let printed = ["a", "b", "c", "d"];
        assert!(matches(&lines("a\n...\nd"), &printed));
        assert!(matches(&lines("...\nc\n..."), &printed));
        assert!(!matches(&lines("a\n...\nc"), &printed));
        let shown = lines("a\nx\n...");
        assert_eq!(first_difference(&shown, &printed), Some(("x", "b")));
    }
}
