//! CIDEr-D: the agreement of a caption with the references of its file, in words that are rare in other references.
//!
//! After Vedantam, Zitnick and Parikh, "CIDEr: Consensus-based Image Description Evaluation" (CVPR 2015): n-grams of
//! one to four words, weighted by their rarity among the files (tf-idf), compared by the cosine. Counts beyond those of
//! the reference are clipped, and a different length is penalized by a Gaussian. The score is ten times the mean over
//! references and n, the scale of published tables (as 0.62, or as 62 for a hundred times that).
//!
//! Rarity comes from the references of this dataset alone, so scores on different datasets do not compare.

use std::collections::BTreeMap;

use super::ngrams::{MAX_N, NgramCounts, ngrams};

/// Standard deviation of the Gaussian over the difference of lengths, in words.
const SIGMA: f64 = 6.0;
/// The scale of the score.
const SCALE: f64 = 10.0;

/// Scores captions against the references of all files.
pub struct Cider {
    /// Logarithm of the number of files.
    files: f64,
    /// The number of files whose references contain each n-gram.
    document_frequency: BTreeMap<String, usize>,
}

/// A sentence as tf-idf vectors, one for each n.
struct TfIdf<'g> {
    weights: Vec<BTreeMap<&'g str, f64>>,
    norms: Vec<f64>,
    /// Number of pairs of adjacent words, which the reference implementation takes as the length.
    length: f64,
}

impl Cider {
    /// Counts document frequencies in the references of all files: for each file its sentences, in words.
    pub fn new(files: &[Vec<Vec<String>>]) -> Self {
        let mut document_frequency = BTreeMap::new();
        for references in files {
            let mut of_file = BTreeMap::new();
            for reference in references {
                of_file.extend(ngrams(reference).into_iter().flatten());
            }
            for gram in of_file.into_keys() {
                *document_frequency.entry(gram).or_default() += 1;
            }
        }
        Self {
            files: (files.len() as f64).ln(),
            document_frequency,
        }
    }

    /// Returns the score of a caption against the references of its file.
    pub fn score(&self, caption: &[String], references: &[Vec<String>]) -> f64 {
        let caption = ngrams(caption);
        let caption = self.tf_idf(&caption);
        let sum: f64 = references
            .iter()
            .map(|reference| similarity(&caption, &self.tf_idf(&ngrams(reference))))
            .sum();
        SCALE * sum / references.len().max(1) as f64
    }

    fn tf_idf<'g>(&self, ngrams: &'g NgramCounts) -> TfIdf<'g> {
        let weight = |(gram, count): (&'g String, &usize)| {
            // An n-gram that no reference has is as rare as one of a single file.
            let document_frequency = self.document_frequency.get(gram).copied().unwrap_or(1) as f64;
            (
                gram.as_str(),
                *count as f64 * (self.files - document_frequency.ln()),
            )
        };
        let weights: Vec<BTreeMap<_, _>> = ngrams
            .iter()
            .map(|counts| counts.iter().map(weight).collect())
            .collect();
        let norm = |vector: &BTreeMap<_, f64>| vector.values().map(|w| w * w).sum::<f64>().sqrt();
        TfIdf {
            norms: weights.iter().map(norm).collect(),
            weights,
            length: ngrams[1].values().sum::<usize>() as f64,
        }
    }
}

/// Returns the mean over n of the clipped cosine, with the penalty for a different length.
fn similarity(caption: &TfIdf<'_>, reference: &TfIdf<'_>) -> f64 {
    let difference = caption.length - reference.length;
    let penalty = (-difference * difference / (2.0 * SIGMA * SIGMA)).exp();
    let cosine = |at: usize| {
        let common = caption.weights[at].iter().filter_map(|(gram, weight)| {
            let other = reference.weights[at].get(gram)?;
            Some(weight.min(*other) * other)
        });
        let norms = caption.norms[at] * reference.norms[at];
        match norms > 0.0 {
            true => common.sum::<f64>() / norms,
            false => 0.0,
        }
    };
    (0..MAX_N).map(cosine).sum::<f64>() / MAX_N as f64 * penalty
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{ngrams::words, reference_scores::EXPECTED};

    #[test]
    fn equals_the_reference_implementation() {
        for expected in &EXPECTED {
            let (captions, references) = (expected.captions(), expected.references());
            let cider = Cider::new(&references);
            let samples = captions.iter().zip(&references);
            let scores: Vec<f64> = samples.map(|(c, r)| cider.score(c, r)).collect();
            let wanted = expected.cider_d_of_files.iter();
            for (at, (score, wanted)) in scores.iter().zip(wanted).enumerate() {
                assert!((score - wanted).abs() < 0.001, "file {at}: {score}");
            }
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            assert!((mean - expected.cider_d).abs() < 0.001, "{mean}");
        }
    }

    #[test]
    fn with_one_file_nothing_is_rare_and_all_scores_are_0() {
        let references = vec![vec![words("a dog runs")]];
        let cider = Cider::new(&references);
        assert_eq!(cider.score(&words("a dog runs"), &references[0]), 0.0);
    }
}
