//! Counts of what was seen when: how many segments of each hour show a concept or got an answer.
//!
//! Invariant: an hour of the clock and an hour of a video are never put on one line of time.

mod hour;

use std::collections::BTreeMap;

pub use hour::Hour;

/// So many segments of one source and one hour have something in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Name of the source.
    pub source: String,
    /// The hour in which the segments begin.
    pub hour: Hour,
    /// What they have in common.
    pub what: What,
    /// How many they are.
    pub segments: u64,
}

/// What segments have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// They show it.
    Concept(String),
    /// A question about them got this answer.
    Answer {
        /// The question.
        ask: String,
        /// The answer.
        text: String,
    },
}

impl What {
    /// It in words, on one line.
    pub fn label(&self) -> String {
        let words = match self {
            Self::Concept(word) => word.clone(),
            Self::Answer { ask, text } => format!("{ask} {text}"),
        };
        words.replace(|c: char| c.is_control(), " ")
    }
}

/// Leaves only what has one of these words in its name, in whatever case; without words all of it.
pub fn only(mut seen: Vec<Seen>, words: &[String]) -> Vec<Seen> {
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    if !words.is_empty() {
        seen.retain(|one| {
            let label = one.what.label().to_lowercase();
            words.iter().any(|word| label.contains(word))
        });
    }
    seen
}

/// Leaves only the most frequent things, so many of them.
pub fn most_frequent(mut seen: Vec<Seen>, top: usize) -> Vec<Seen> {
    let frequent: Vec<What> = by_frequency(&seen)
        .into_iter()
        .take(top)
        .map(|(what, _)| what.clone())
        .collect();
    seen.retain(|one| frequent.contains(&one.what));
    seen
}

/// All things with their segments, the most frequent first; equal ones by name.
pub fn by_frequency<'s>(seen: impl IntoIterator<Item = &'s Seen>) -> Vec<(&'s What, u64)> {
    let mut totals: BTreeMap<&What, u64> = BTreeMap::new();
    for one in seen {
        *totals.entry(&one.what).or_default() += one.segments;
    }
    let mut totals: Vec<_> = totals.into_iter().collect();
    totals.sort_by_key(|(_, segments)| std::cmp::Reverse(*segments));
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many segments of a thing in an hour of the clock.
    pub(super) fn seen(source: &str, hour: i64, word: &str, segments: u64) -> Seen {
        Seen {
            source: source.to_owned(),
            hour: Hour::Wall(hour),
            what: What::Concept(word.to_owned()),
            segments,
        }
    }

    #[test]
    fn the_most_frequent_things_stay_in_all_hours_and_sources() {
        let all = vec![
            seen("door", 1, "dog", 2),
            seen("door", 2, "dog", 2),
            seen("yard", 1, "cat", 3),
            seen("yard", 1, "cow", 1),
        ];
        assert_eq!(most_frequent(all.clone(), 2), all[..3]);
        assert_eq!(most_frequent(all.clone(), 1), all[..2]);
        assert_eq!(only(all.clone(), &["CO".to_owned()]), all[3..]);
        assert_eq!(only(all.clone(), &[]), all);
    }
}
