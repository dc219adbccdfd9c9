//! Which of several given texts the decoder finds likeliest: each is followed to its end, whatever it would rather say.
//! Knows no module, only scores. A text's score is the mean
//! log-probability of its tokens, so that a long one is not at a loss.

use crate::{
    beam::{Beam, log_sum},
    error::ModelError,
};

/// Given texts, and how far they are followed.
pub(crate) struct Choice {
    texts: Vec<Vec<u32>>,
    scores: Vec<f32>,
    /// So many tokens of each are scored.
    scored: usize,
}

impl Choice {
    /// Texts of at least one token each.
    pub(crate) fn new(texts: Vec<Vec<u32>>) -> Self {
        Self {
            scores: vec![0.0; texts.len()],
            texts,
            scored: 0,
        }
    }

    /// Takes the logits of the next token: of the prompt at first, then of each text that was gone on with. Gives the texts
    /// to go on with, each as its place among those before and its newest token; none when all are at their end.
    ///
    /// # Errors
    /// If a logit is not a finite number.
    pub(crate) fn step(&mut self, logits: &[&[f32]]) -> Result<Vec<(usize, u32)>, ModelError> {
        let (at, mut next, mut place) = (self.scored, Vec::new(), 0);
        for (text, score) in self.texts.iter().zip(&mut self.scores) {
            let Some(token) = text.get(at) else { continue };
            let from = if at == 0 { 0 } else { place };
            *score += logits[from][*token as usize] - log_sum(logits[from])?;
            if at + 1 < text.len() {
                next.push((from, *token));
            }
            place += 1;
        }
        self.scored += 1;
        Ok(next)
    }

    /// The texts, the likeliest first; of equals the first.
    pub(crate) fn finish(self) -> Vec<Beam> {
        let texts = self.texts.into_iter().zip(self.scores);
        let mut found: Vec<_> = texts
            .map(|(tokens, score)| Beam {
                score: score / tokens.len() as f32,
                tokens,
            })
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_mean_of_the_log_probabilities_of_each_text() {
        let mut choice = Choice::new(vec![vec![1], vec![2, 1], vec![2, 0, 0]]);
        let row = |odds: [f32; 3]| odds.map(f32::ln);
        let first = row([0.2, 0.3, 0.5]);
        assert_eq!(choice.step(&[&first]).unwrap(), [(0, 2), (0, 2)]);
        let (a, b) = (row([0.1, 0.9, 0.0001]), row([0.6, 0.3, 0.1]));
        assert_eq!(choice.step(&[&a, &b]).unwrap(), [(1, 0)]);
        assert_eq!(choice.step(&[&first]).unwrap(), []);
        let found = choice.finish();
        let order: Vec<_> = found.iter().map(|beam| beam.tokens.len()).collect();
        assert_eq!(order, [2, 3, 1]);
        let mean = |found: &Beam| found.score.exp().powf(found.tokens.len() as f32);
        let expected = [0.45, 0.5 * 0.6 * 0.2, 0.3];
        for (found, expected) in found.iter().zip(expected) {
            assert!((mean(found) - expected).abs() < 1e-3, "{found:?}");
        }
    }
}
