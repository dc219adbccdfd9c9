//! BLEU-4: the share of n-grams of up to four words of all captions that people used for the same files.
//!
//! After Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation" (ACL 2002): precisions are
//! taken over the captions of all files together, an n-gram counts at most as often as in one reference, and captions that
//! are shorter than the references are penalized. The reference of the closest length counts, of two the shorter one.

use std::{collections::BTreeMap, ops::AddAssign};

use super::ngrams::{MAX_N, ngrams};

/// Added to numerators, so that no share is 0 by 0. Both values are those of the reference implementation.
const TINY: f64 = 1e-15;
/// Added to denominators.
const SMALL: f64 = 1e-9;

/// The counts of one or several captions. Counts of several captions are added, then scored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BleuCounts {
    /// N-grams that a reference has too, by their length minus one.
    matches: [usize; MAX_N],
    /// All n-grams.
    ngrams: [usize; MAX_N],
    /// Words of the captions.
    caption_length: usize,
    /// Words of the references of the closest lengths.
    reference_length: usize,
}

impl BleuCounts {
    /// Counts one caption.
    pub fn of(caption: &[String], references: &[Vec<String>]) -> Self {
        let mut most: BTreeMap<String, usize> = BTreeMap::new();
        for (gram, count) in references
            .iter()
            .flat_map(|r| ngrams(r).into_iter().flatten())
        {
            let most = most.entry(gram).or_default();
            *most = count.max(*most);
        }
        let mut counts = Self {
            caption_length: caption.len(),
            reference_length: closest_length(caption.len(), references),
            ..Self::default()
        };
        for (at, found) in ngrams(caption).into_iter().enumerate() {
            counts.ngrams[at] = found.values().sum();
            counts.matches[at] = found
                .iter()
                .map(|(gram, count)| most.get(gram).copied().unwrap_or(0).min(*count))
                .sum();
        }
        counts
    }

    /// Returns BLEU-4: the geometric mean of the four precisions, with the brevity penalty.
    pub fn score(&self) -> f64 {
        let precision =
            |(matches, all): (&usize, &usize)| (*matches as f64 + TINY) / (*all as f64 + SMALL);
        let product: f64 = self
            .matches
            .iter()
            .zip(&self.ngrams)
            .map(precision)
            .product();
        let ratio = (self.caption_length as f64 + TINY) / (self.reference_length as f64 + SMALL);
        let penalty = match ratio < 1.0 {
            true => (1.0 - 1.0 / ratio).exp(),
            false => 1.0,
        };
        product.powf(1.0 / MAX_N as f64) * penalty
    }
}

impl AddAssign for BleuCounts {
    fn add_assign(&mut self, other: Self) {
        for at in 0..MAX_N {
            self.matches[at] += other.matches[at];
            self.ngrams[at] += other.ngrams[at];
        }
        self.caption_length += other.caption_length;
        self.reference_length += other.reference_length;
    }
}

impl std::iter::Sum for BleuCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, counts| {
            sum += counts;
            sum
        })
    }
}

/// Returns the length of the reference that is closest to `length`.
fn closest_length(length: usize, references: &[Vec<String>]) -> usize {
    let lengths = references.iter().map(Vec::len);
    lengths
        .min_by_key(|reference| (reference.abs_diff(length), *reference))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{ngrams::words, reference_scores::EXPECTED};

    #[test]
    fn equals_the_reference_implementation() {
        for expected in &EXPECTED {
            let (captions, references) = (expected.captions(), expected.references());
            let counts = captions.iter().zip(&references);
            let all: BleuCounts = counts.map(|(c, r)| BleuCounts::of(c, r)).sum();
            let score = all.score();
            assert!((score - expected.bleu_4).abs() < 0.001, "{score}");
        }
    }

    #[test]
    fn a_word_counts_at_most_as_often_as_in_one_reference() {
        let references = [words("the cat is on the mat"), words("a cat")];
        let counts = BleuCounts::of(&words("the the the the"), &references);
        assert_eq!((counts.matches[0], counts.ngrams[0]), (2, 4));
    }

    #[test]
    fn of_two_equally_close_references_the_shorter_counts() {
        let references = [words("a b c d e f"), words("a b")];
        assert_eq!(closest_length(4, &references), 2);
        assert_eq!(closest_length(5, &references), 6);
    }

    #[test]
    fn empty_captions_score_zero() {
        let counts = BleuCounts::of(&[], &[words("a dog runs")]);
        assert_eq!(counts.score(), 0.0);
    }
}
