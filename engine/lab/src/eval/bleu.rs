//! BLEU-4: which share of the words, and of runs of up to four words, of all captions people used for the same files.
//!
//! After Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation" (ACL 2002): shares are taken over
//! the captions of all files together, a run counts at most as often as in one reference, and captions shorter than the
//! references cost. The reference whose length is closest counts, of two equally close ones the shorter.

use std::{collections::BTreeMap, ops::AddAssign};

use super::words::{LONGEST, grams};

/// Added to hits and to runs, so that no share is 0 by 0: the values of the usual implementation, for figures that compare.
const TINY: f64 = 1e-15;
const SMALL: f64 = 1e-9;

/// The counts of some captions. Counts of several captions are added, then scored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Runs that a reference has too, by the length of the run minus one.
    hits: [usize; LONGEST],
    /// All runs.
    runs: [usize; LONGEST],
    /// Words.
    length: usize,
    /// Words of the references of the closest lengths.
    reference: usize,
}

impl Counts {
    /// The counts of one caption.
    pub fn of(caption: &[String], references: &[Vec<String>]) -> Self {
        let mut most: BTreeMap<String, usize> = BTreeMap::new();
        for (gram, count) in references
            .iter()
            .flat_map(|r| grams(r).into_iter().flatten())
        {
            let most = most.entry(gram).or_default();
            *most = count.max(*most);
        }
        let mut counts = Self {
            length: caption.len(),
            reference: closest(caption.len(), references),
            ..Self::default()
        };
        for (at, found) in grams(caption).into_iter().enumerate() {
            counts.runs[at] = found.values().sum();
            counts.hits[at] = found
                .iter()
                .map(|(gram, count)| most.get(gram).copied().unwrap_or(0).min(*count))
                .sum();
        }
        counts
    }

    /// BLEU-4: the geometric mean of the four shares, less if the captions are short.
    pub fn score(&self) -> f64 {
        let share = |(hits, runs): (&usize, &usize)| (*hits as f64 + TINY) / (*runs as f64 + SMALL);
        let product: f64 = self.hits.iter().zip(&self.runs).map(share).product();
        let ratio = (self.length as f64 + TINY) / (self.reference as f64 + SMALL);
        let penalty = match ratio < 1.0 {
            true => (1.0 - 1.0 / ratio).exp(),
            false => 1.0,
        };
        product.powf(1.0 / LONGEST as f64) * penalty
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        for at in 0..LONGEST {
            self.hits[at] += other.hits[at];
            self.runs[at] += other.runs[at];
        }
        self.length += other.length;
        self.reference += other.reference;
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, counts| {
            sum += counts;
            sum
        })
    }
}

fn closest(length: usize, references: &[Vec<String>]) -> usize {
    let lengths = references.iter().map(Vec::len);
    lengths
        .min_by_key(|reference| (reference.abs_diff(length), *reference))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{testing::EXPECTED, words::words};

    #[test]
    fn equals_the_usual_implementation() {
        for expected in &EXPECTED {
            let (captions, references) = (expected.captions(), expected.references());
            let counts = captions.iter().zip(&references);
            let all: Counts = counts.map(|(c, r)| Counts::of(c, r)).sum();
            let score = all.score();
            assert!((score - expected.bleu_4).abs() < 0.001, "{score}");
        }
    }

    #[test]
    fn a_word_counts_no_oftener_than_in_one_reference() {
        let references = [words("the cat is on the mat"), words("a cat")];
        let counts = Counts::of(&words("the the the the"), &references);
        assert_eq!((counts.hits[0], counts.runs[0]), (2, 4));
    }

    #[test]
    fn of_two_references_equally_close_the_shorter_counts() {
        let references = [words("a b c d e f"), words("a b")];
        assert_eq!(closest(4, &references), 2);
        assert_eq!(closest(5, &references), 6);
    }

    #[test]
    fn captions_that_say_nothing_score_nothing() {
        let counts = Counts::of(&[], &[words("a dog runs")]);
        assert_eq!(counts.score(), 0.0);
    }
}
