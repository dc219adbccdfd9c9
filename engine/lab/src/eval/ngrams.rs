//! Sentences as the metrics see them: lower-case words, and n-grams of up to four of them.

use std::collections::BTreeMap;

/// The length of the longest n-grams.
pub const MAX_N: usize = 4;

/// Returns the words of a sentence, in lower case: runs of `a` to `z`, digits and apostrophes. Everything else separates
/// words.
pub fn words(text: &str) -> Vec<String> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '\'';
    text.to_lowercase()
        .split(|c| !inside(c))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The number of each n-gram in a sentence, by its length minus one. Sorted, so that floating-point sums over them are
/// reproducible.
pub type NgramCounts = [BTreeMap<String, usize>; MAX_N];

/// Counts the n-grams of one to four words of a sentence.
pub fn ngrams(words: &[String]) -> NgramCounts {
    let mut counts_by_n = NgramCounts::default();
    for (at, counts) in counts_by_n.iter_mut().enumerate() {
        for ngram in words.windows(at + 1) {
            *counts.entry(ngram.join(" ")).or_default() += 1;
        }
    }
    counts_by_n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_letters_digits_and_apostrophes() {
        assert_eq!(
            words("A man's T-shirt: 2 dogs, caf\u{e9}!"),
            ["a", "man's", "t", "shirt", "2", "dogs", "caf"]
        );
        assert_eq!(words(" ... "), [] as [&str; 0]);
    }

    #[test]
    fn counts_ngrams_of_each_length() {
        let [one, two, three, four] = ngrams(&words("the dog the dog runs"));
        assert_eq!((one["the"], one["runs"]), (2, 1));
        assert_eq!((two["the dog"], two["dog the"]), (2, 1));
        assert_eq!((three.len(), four.len()), (3, 2));
    }
}
