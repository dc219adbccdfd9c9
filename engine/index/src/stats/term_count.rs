//! Terms that segments have in common, and the number of segments of each source and hour that have one.

use std::collections::BTreeMap;

use super::hour::Hour;

/// The number of segments of one source and one hour that have a term in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TermCount {
    /// Name of the source.
    pub source: String,
    /// The hour in which the segments begin.
    pub hour: Hour,
    /// The term they have in common.
    pub term: Term,
    /// The number of segments.
    pub segments: u64,
}

/// A property that segments have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// A concept that they show.
    Concept(String),
    /// An answer to a question about them.
    Answer {
        /// The question.
        ask: String,
        /// The answer.
        text: String,
    },
}

impl Term {
    /// Formats the term on one line.
    pub fn label(&self) -> String {
        let words = match self {
            Self::Concept(word) => word.clone(),
            Self::Answer { ask, text } => format!("{ask} {text}"),
        };
        words.replace(|c: char| c.is_control(), " ")
    }
}

/// Keeps the counts whose label contains one of these words, in any case; without words all of them.
pub fn containing(mut counts: Vec<TermCount>, words: &[String]) -> Vec<TermCount> {
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    if !words.is_empty() {
        counts.retain(|count| {
            let label = count.term.label().to_lowercase();
            words.iter().any(|word| label.contains(word))
        });
    }
    counts
}

/// Keeps the counts of the `top` most frequent terms.
pub fn most_frequent(mut counts: Vec<TermCount>, top: usize) -> Vec<TermCount> {
    let frequent: Vec<Term> = by_frequency(&counts)
        .into_iter()
        .take(top)
        .map(|(term, _)| term.clone())
        .collect();
    counts.retain(|count| frequent.contains(&count.term));
    counts
}

/// Returns all terms with their total segments, the most frequent first; equal ones by name.
pub fn by_frequency<'s>(counts: impl IntoIterator<Item = &'s TermCount>) -> Vec<(&'s Term, u64)> {
    let mut totals: BTreeMap<&Term, u64> = BTreeMap::new();
    for count in counts {
        *totals.entry(&count.term).or_default() += count.segments;
    }
    let mut totals: Vec<_> = totals.into_iter().collect();
    totals.sort_by_key(|(_, segments)| std::cmp::Reverse(*segments));
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(source: &str, hour: i64, concept: &str, segments: u64) -> TermCount {
        TermCount {
            source: source.to_owned(),
            hour: Hour::Wall(hour),
            term: Term::Concept(concept.to_owned()),
            segments,
        }
    }

    #[test]
    fn the_most_frequent_terms_stay_in_all_hours_and_sources() {
        let all = vec![
            count("door", 1, "dog", 2),
            count("door", 2, "dog", 2),
            count("yard", 1, "cat", 3),
            count("yard", 1, "cow", 1),
        ];
        assert_eq!(most_frequent(all.clone(), 2), all[..3]);
        assert_eq!(most_frequent(all.clone(), 1), all[..2]);
        assert_eq!(containing(all.clone(), &["CO".to_owned()]), all[3..]);
        assert_eq!(containing(all.clone(), &[]), all);
    }
}
