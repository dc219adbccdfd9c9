//! CIDEr-D: how much a caption says what people say of the same file and of few others.
//!
//! After Vedantam, Zitnick and Parikh, "CIDEr: Consensus-based Image Description Evaluation" (CVPR 2015): runs of one to
//! four words, weighted by how rare they are among the files (tf-idf), compared by the cosine; counts beyond those of the
//! reference are clipped, and another length costs, by a Gaussian. The figure is ten times the mean over references and
//! lengths of runs, the scale in which published tables print it (as 0.62, or as 62 for a hundred times that).
//!
//! How rare something is comes from the references of this evaluation alone, so figures of different sets of files do not
//! compare.

use std::collections::BTreeMap;

use super::words::{Grams, LONGEST, grams};

/// Width of the Gaussian over the difference of lengths, in words.
const SIGMA: f64 = 6.0;
/// The scale of the figure.
const SCALE: f64 = 10.0;

/// Scores captions against the references of all files.
pub struct Cider {
    /// Logarithm of the number of files.
    files: f64,
    /// In the references of how many files each run of words is.
    seen_in: BTreeMap<String, usize>,
}

/// A sentence as vectors of weights, one for each length of runs.
struct Weighted<'g> {
    weights: Vec<BTreeMap<&'g str, f64>>,
    norms: Vec<f64>,
    /// Pairs of neighbouring words: what the usual implementation takes for the length.
    length: f64,
}

impl Cider {
    /// Learns what is rare from the references of all files: for each file its sentences, in words.
    pub fn new(files: &[Vec<Vec<String>>]) -> Self {
        let mut seen_in = BTreeMap::new();
        for references in files {
            let mut of_file = BTreeMap::new();
            for reference in references {
                of_file.extend(grams(reference).into_iter().flatten());
            }
            for gram in of_file.into_keys() {
                *seen_in.entry(gram).or_default() += 1;
            }
        }
        Self {
            files: (files.len() as f64).ln(),
            seen_in,
        }
    }

    /// The score of one file's caption against its references.
    pub fn score(&self, caption: &[String], references: &[Vec<String>]) -> f64 {
        let caption = grams(caption);
        let caption = self.weighted(&caption);
        let sum: f64 = references
            .iter()
            .map(|reference| similarity(&caption, &self.weighted(&grams(reference))))
            .sum();
        SCALE * sum / references.len().max(1) as f64
    }

    fn weighted<'g>(&self, grams: &'g Grams) -> Weighted<'g> {
        let weigh = |(gram, count): (&'g String, &usize)| {
            // What no reference says is as rare as what those of one file say.
            let seen_in = self.seen_in.get(gram).copied().unwrap_or(1) as f64;
            (gram.as_str(), *count as f64 * (self.files - seen_in.ln()))
        };
        let weights: Vec<BTreeMap<_, _>> = grams
            .iter()
            .map(|counts| counts.iter().map(weigh).collect())
            .collect();
        let norm = |vector: &BTreeMap<_, f64>| vector.values().map(|w| w * w).sum::<f64>().sqrt();
        Weighted {
            norms: weights.iter().map(norm).collect(),
            weights,
            length: grams[1].values().sum::<usize>() as f64,
        }
    }
}

/// Mean over the lengths of runs of the clipped cosine, less for another length.
fn similarity(caption: &Weighted<'_>, reference: &Weighted<'_>) -> f64 {
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
    (0..LONGEST).map(cosine).sum::<f64>() / LONGEST as f64 * penalty
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{testing::EXPECTED, words::words};

    #[test]
    fn equals_the_usual_implementation() {
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
