//! Scores of given texts under the decoder: each option is followed to its end, whatever the decoder prefers.
//!
//! A text's score is the mean log-probability of its tokens, so that long texts are not at a disadvantage.

use crate::{
    ModelError,
    decoder::beam_search::{Continuation, Hypothesis, log_sum_exp},
};

/// The scoring of several options, token by token.
pub(crate) struct OptionScoring {
    options: Vec<Vec<u32>>,
    scores: Vec<f32>,
    /// Tokens of each option that are scored.
    scored: usize,
}

impl OptionScoring {
    /// Starts to score options of at least one token each.
    pub(crate) fn new(options: Vec<Vec<u32>>) -> Self {
        Self {
            scores: vec![0.0; options.len()],
            options,
            scored: 0,
        }
    }

    /// Takes the logits of the next token: first those after the prompt, then those of each option still followed. Returns
    /// the options to follow, each as its index among those before and its newest token; none when all have ended.
    ///
    /// # Errors
    /// If a logit is not finite, or the decoder does not score a token.
    pub(crate) fn step(&mut self, logits: &[&[f32]]) -> Result<Vec<Continuation>, ModelError> {
        let (at, mut next, mut index) = (self.scored, Vec::new(), 0);
        for (option, score) in self.options.iter().zip(&mut self.scores) {
            let Some(token) = option.get(at) else {
                continue;
            };
            let from = if at == 0 { 0 } else { index };
            let logit = logits[from].get(*token as usize);
            let logit = logit.ok_or(ModelError::UnscoredToken {
                token: *token,
                scored: logits[from].len(),
            })?;
            *score += logit - log_sum_exp(logits[from])?;
            if at + 1 < option.len() {
                next.push((from, *token));
            }
            index += 1;
        }
        self.scored += 1;
        Ok(next)
    }

    /// Returns the options, the likeliest first and the first of equals first.
    pub(crate) fn finish(self) -> Vec<Hypothesis> {
        let options = self.options.into_iter().zip(self.scores);
        let mut found: Vec<_> = options
            .map(|(tokens, score)| Hypothesis {
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
    fn scores_each_option_by_its_mean_log_probability() {
        let mut scoring = OptionScoring::new(vec![vec![1], vec![2, 1], vec![2, 0, 0]]);
        let row = |odds: [f32; 3]| odds.map(f32::ln);
        let first = row([0.2, 0.3, 0.5]);
        assert_eq!(scoring.step(&[&first]).unwrap(), [(0, 2), (0, 2)]);
        let (a, b) = (row([0.1, 0.9, 0.0001]), row([0.6, 0.3, 0.1]));
        assert_eq!(scoring.step(&[&a, &b]).unwrap(), [(1, 0)]);
        assert_eq!(scoring.step(&[&first]).unwrap(), []);
        let found = scoring.finish();
        let order: Vec<_> = found.iter().map(|option| option.tokens.len()).collect();
        assert_eq!(order, [2, 3, 1]);
        let mean = |found: &Hypothesis| found.score.exp().powf(found.tokens.len() as f32);
        let expected = [0.45, 0.5 * 0.6 * 0.2, 0.3];
        for (found, expected) in found.iter().zip(expected) {
            assert!((mean(found) - expected).abs() < 1e-3, "{found:?}");
        }
    }
}
