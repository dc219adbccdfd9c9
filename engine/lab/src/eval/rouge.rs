//! ROUGE-L: how much of a caption and of a reference is in both, in the same order.
//!
//! After Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004): the longest common subsequence as a share of
//! the caption and as a share of the reference, each the best over the references, together as an F measure.

/// How much more the share of the reference weighs than that of the caption.
const BETA: f64 = 1.2;

/// The score of one file's caption against its references, 0 to 1.
pub fn rouge_l(caption: &[String], references: &[Vec<String>]) -> f64 {
    let (mut precision, mut recall) = (0f64, 0f64);
    for reference in references {
        let common = in_common(caption, reference) as f64;
        if common > 0.0 {
            precision = precision.max(common / caption.len() as f64);
            recall = recall.max(common / reference.len() as f64);
        }
    }
    match precision > 0.0 {
        true => (1.0 + BETA * BETA) * precision * recall / (recall + BETA * BETA * precision),
        false => 0.0,
    }
}

/// The length of the longest common subsequence.
fn in_common(one: &[String], other: &[String]) -> usize {
    // The lengths for what is read of `one` and each beginning of `other`.
    let mut lengths = vec![0; other.len() + 1];
    for word in one {
        let mut before = 0;
        for (at, same) in other.iter().enumerate() {
            let above = lengths[at + 1];
            lengths[at + 1] = match word == same {
                true => before + 1,
                false => above.max(lengths[at]),
            };
            before = above;
        }
    }
    lengths[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{testing::EXPECTED, words::words};

    #[test]
    fn equals_the_usual_implementation() {
        for expected in &EXPECTED {
            let (captions, references) = (expected.captions(), expected.references());
            let scores = captions.iter().zip(&references);
            let mean = scores.map(|(c, r)| rouge_l(c, r)).sum::<f64>() / captions.len() as f64;
            assert!((mean - expected.rouge_l).abs() < 0.001, "{mean}");
        }
    }

    #[test]
    fn finds_the_longest_common_subsequence() {
        let common = |a, b| in_common(&words(a), &words(b));
        assert_eq!(common("a b c d", "b x c a d"), 3);
        assert_eq!(common("a a b", "a b a"), 2);
        assert_eq!(common("", "a"), 0);
    }
}
