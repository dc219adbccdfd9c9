//! ROUGE-L: the longest common subsequence of a caption and its references.
//!
//! After Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004): the length of the subsequence as a share of
//! the caption (precision) and of the reference (recall), each the best over the references, combined into an F measure.

/// Weight of recall against precision.
const BETA: f64 = 1.2;

/// Returns the score of a caption against the references of its file, 0 to 1.
pub fn rouge_l(caption: &[String], references: &[Vec<String>]) -> f64 {
    let (mut precision, mut recall) = (0f64, 0f64);
    for reference in references {
        let common = common_length(caption, reference) as f64;
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

/// Returns the length of the longest common subsequence.
fn common_length(one: &[String], other: &[String]) -> usize {
    // The lengths for the words of `one` read so far and each prefix of `other`.
    let mut lengths = vec![0; other.len() + 1];
    for word in one {
        let mut diagonal = 0;
        for (at, same) in other.iter().enumerate() {
            let above = lengths[at + 1];
            lengths[at + 1] = match word == same {
                true => diagonal + 1,
                false => above.max(lengths[at]),
            };
            diagonal = above;
        }
    }
    lengths[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{ngrams::words, reference_scores::EXPECTED};

    #[test]
    fn equals_the_reference_implementation() {
        for expected in &EXPECTED {
            let (captions, references) = (expected.captions(), expected.references());
            let scores = captions.iter().zip(&references);
            let mean = scores.map(|(c, r)| rouge_l(c, r)).sum::<f64>() / captions.len() as f64;
            assert!((mean - expected.rouge_l).abs() < 0.001, "{mean}");
        }
    }

    #[test]
    fn finds_the_longest_common_subsequence() {
        let common = |a, b| common_length(&words(a), &words(b));
        assert_eq!(common("a b c d", "b x c a d"), 3);
        assert_eq!(common("a a b", "a b a"), 2);
        assert_eq!(common("", "a"), 0);
    }
}
