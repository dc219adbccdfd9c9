//! The most frequent of many sentences, as one line of text with counts.

use std::{cmp::Reverse, collections::HashMap};

/// Highest number of different sentences that are chosen.
const MAX_SENTENCES: usize = 5;

/// Returns the most frequent sentences with their counts, each once, in the order of their first occurrence. Among
/// equally frequent ones it chooses some evenly spread over all.
pub(crate) fn most_frequent(sentences: &[String]) -> Vec<(&str, usize)> {
    let (mut counts, mut positions) = (Vec::<(&str, usize)>::new(), HashMap::new());
    for sentence in sentences {
        let position = *positions
            .entry(sentence.to_lowercase())
            .or_insert(counts.len());
        match counts.get_mut(position) {
            Some((_, count)) => *count += 1,
            None => counts.push((sentence, 1)),
        }
    }
    let mut sorted: Vec<usize> = counts.iter().map(|(_, count)| *count).collect();
    sorted.sort_by_key(|count| Reverse(*count));
    let threshold = sorted.get(MAX_SENTENCES - 1).copied().unwrap_or(0);
    let mut chosen: Vec<bool> = counts.iter().map(|(_, count)| *count > threshold).collect();
    let room = MAX_SENTENCES.saturating_sub(chosen.iter().filter(|chosen| **chosen).count());
    let equal: Vec<_> = (0..counts.len())
        .filter(|at| counts[*at].1 == threshold)
        .collect();
    for n in 0..room.min(equal.len()) {
        // The middle of each of `room` equal parts.
        chosen[equal[(2 * n + 1) * equal.len() / (2 * room)]] = true;
    }
    let counts = counts.into_iter().zip(chosen);
    counts
        .filter_map(|(count, chosen)| chosen.then_some(count))
        .collect()
}

/// Returns the most frequent sentences with their counts, as one line.
///
/// ```
/// use atom_operators::summary::frequent_sentences::condense;
///
/// let captions = ["A dog.", "A cat.", "A dog."].map(str::to_owned);
/// assert_eq!(condense(&captions), "A dog (2 times). A cat.");
/// ```
pub fn condense(sentences: &[String]) -> String {
    join_with_counts(&most_frequent(sentences))
}

/// Joins sentences to one line; those that occurred more than once are followed by their count.
pub(crate) fn join_with_counts(counts: &[(&str, usize)]) -> String {
    let sentences = counts.iter().map(|(sentence, count)| match count {
        1 => (*sentence).to_owned(),
        count => format!("{} ({count} times).", sentence.trim_end_matches('.')),
    });
    sentences.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_sentences_are_listed_once_with_their_count() {
        let some = [
            "a dog.", "A dog.", "b.", "c.", "c.", "d.", "e.", "e.", "f.", "f.",
        ];
        assert_eq!(
            condense(&some.map(str::to_owned)),
            "a dog (2 times). c (2 times). d. e (2 times). f (2 times)."
        );
        let many: Vec<_> = (0..15).map(|n| format!("{n}.")).collect();
        assert_eq!(condense(&many), "1. 4. 7. 10. 13.");
    }
}
