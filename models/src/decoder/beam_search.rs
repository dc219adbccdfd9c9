//! Beam search over token scores, independent of any module.
//!
//! A text's score is its log-probability divided by its length (the end token included) to the power 0.7 (Wu et al. 2016),
//! so that long sentences are not at a disadvantage. One beam is greedy search.

use crate::ModelError;

/// Exponent of the length penalty; a higher one favours longer texts.
const LENGTH_EXPONENT: f32 = 0.7;

/// A beam search in progress.
pub(crate) struct BeamSearch {
    beams: usize,
    ends: Vec<u32>,
    filter: TokenFilter,
    open: Vec<Hypothesis>,
    ended: Vec<Hypothesis>,
}

/// The tokens that texts may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenFilter {
    /// Tokens that are excluded.
    pub(crate) banned: Vec<u32>,
    /// The only tokens allowed, sorted; all if empty.
    pub(crate) allowed: Vec<u32>,
}

impl TokenFilter {
    fn accepts(&self, token: u32) -> bool {
        let allowed = self.allowed.is_empty() || self.allowed.binary_search(&token).is_ok();
        allowed && !self.banned.contains(&token)
    }
}

/// A text as tokens, with its score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hypothesis {
    pub(crate) tokens: Vec<u32>,
    /// Log-probability while open, the final score once ended.
    pub(crate) score: f32,
}

/// The continuation of an open text by one token.
pub(crate) type Continuation = (usize, u32);

impl BeamSearch {
    /// Creates a search with `beams` beams, at least one. A text ends after one of the tokens `ends`.
    pub(crate) fn new(beams: usize, ends: Vec<u32>, filter: TokenFilter) -> Self {
        let start = Hypothesis {
            tokens: Vec::new(),
            score: 0.0,
        };
        Self {
            beams: beams.max(1),
            ends,
            filter,
            open: vec![start],
            ended: Vec::new(),
        }
    }

    /// Takes the logits of each open text's next token. Returns the new open texts, each as the index of the text that it
    /// continues and its new token; none when the search is over.
    ///
    /// # Errors
    /// If a logit is not finite.
    pub(crate) fn step(
        &mut self,
        logits: &[&[f32]],
        limit: usize,
    ) -> Result<Vec<Continuation>, ModelError> {
        let candidates = self.candidates(logits)?;
        let (mut open, mut steps) = (Vec::new(), Vec::new());
        for (rank, (score, from, token)) in candidates.into_iter().enumerate() {
            let mut tokens = self.open[from].tokens.clone();
            if self.ends.contains(&token) {
                // An end that ranks below the beams, or of an empty text, is not a result, unless there is only one beam.
                if rank < self.beams && (self.beams == 1 || !tokens.is_empty()) {
                    self.ended.push(scored(tokens, score, 1));
                }
            } else if open.len() < self.beams {
                tokens.push(token);
                open.push(Hypothesis { tokens, score });
                steps.push((from, token));
            }
        }
        let full = open.first().is_none_or(|text| text.tokens.len() >= limit);
        self.open = open;
        if self.ended.len() >= self.beams || full {
            steps.clear();
        }
        Ok(steps)
    }

    /// Returns the best continuations of all open texts as log-probability, index and token, best first.
    fn candidates(&self, logits: &[&[f32]]) -> Result<Vec<(f32, usize, u32)>, ModelError> {
        let count = if self.beams == 1 { 1 } else { 2 * self.beams };
        let mut candidates = Vec::new();
        for (from, (text, row)) in self.open.iter().zip(logits).enumerate() {
            let total = log_sum_exp(row)?;
            // Banned tokens keep their share of the probability, so banning one makes no other text likelier.
            let best = top(row, count, &self.filter).into_iter();
            candidates.extend(best.map(|(token, logit)| (text.score + logit - total, from, token)));
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        candidates.truncate(count);
        Ok(candidates)
    }

    /// Returns the likeliest open text.
    pub(crate) fn partial(&self) -> Option<&[u32]> {
        self.open.first().map(|text| &*text.tokens)
    }

    /// Returns the texts found, best first. Texts cut off by the limit count only if none ended.
    pub(crate) fn finish(self) -> Vec<Hypothesis> {
        let mut found = self.ended;
        if found.is_empty() {
            found = self
                .open
                .into_iter()
                .map(|text| scored(text.tokens, text.score, 0))
                .collect();
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found
    }
}

fn scored(tokens: Vec<u32>, score: f32, end: usize) -> Hypothesis {
    let length = (tokens.len() + end).max(1) as f32;
    Hypothesis {
        score: score / length.powf(LENGTH_EXPONENT),
        tokens,
    }
}

/// Returns the logarithm of the sum of the exponentials, by which logits become log-probabilities.
///
/// # Errors
/// If a logit is not finite.
pub(crate) fn log_sum_exp(row: &[f32]) -> Result<f32, ModelError> {
    if row.iter().any(|x| !x.is_finite()) {
        return Err(ModelError::NotFinite { module: "decoder" });
    }
    let most = row.iter().copied().fold(f32::MIN, f32::max);
    Ok(most + row.iter().map(|x| (x - most).exp()).sum::<f32>().ln())
}

/// Returns the `count` highest scores among accepted tokens, highest first and the first of equals first.
fn top(row: &[f32], count: usize, filter: &TokenFilter) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(count + 1);
    for (token, logit) in row.iter().enumerate() {
        if best.len() == count && best.last().is_some_and(|last| *logit <= last.1) {
            continue;
        }
        if !filter.accepts(token as u32) {
            continue;
        }
        let rank = best.partition_point(|(_, have)| have >= logit);
        best.insert(rank, (token as u32, *logit));
        best.truncate(count);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u32 = 0;

    /// Runs a search over a table of the next token's probabilities by the last token.
    fn search(count: usize, limit: usize, next: fn(Option<u32>) -> [f32; 4]) -> Vec<Hypothesis> {
        let mut search = BeamSearch::new(count, vec![END], TokenFilter::default());
        let mut last = vec![None];
        loop {
            let logits: Vec<_> = last.iter().map(|token| next(*token).map(f32::ln)).collect();
            let logits: Vec<_> = logits.iter().map(|row| &row[..]).collect();
            let steps = search.step(&logits, limit).unwrap();
            if steps.is_empty() {
                return search.finish();
            }
            last = steps.into_iter().map(|(_, token)| Some(token)).collect();
        }
    }

    /// Token 1 is likelier at first, but the continuations of token 2 are likelier.
    fn garden_path(last: Option<u32>) -> [f32; 4] {
        match last {
            None => [0.01, 0.5, 0.48, 0.01],
            Some(1) => [0.3, 0.2, 0.2, 0.3],
            Some(2) => [0.01, 0.01, 0.01, 0.97],
            _ => [0.97, 0.01, 0.01, 0.01],
        }
    }

    #[test]
    fn one_beam_is_greedy_and_several_look_ahead() {
        assert_eq!(search(1, 9, garden_path)[0].tokens, [1]);
        assert_eq!(search(3, 9, garden_path)[0].tokens, [2, 3]);
    }

    #[test]
    fn a_text_without_an_end_is_cut_at_the_limit() {
        let found = search(2, 3, |_| [1e-6, 0.9, 0.05, 0.05]);
        assert_eq!(found[0].tokens, [1, 1, 1]);
    }

    #[test]
    fn the_best_of_equal_scores_is_the_first() {
        let best = |banned: &[u32], allowed: &[u32]| {
            let filter = TokenFilter {
                banned: banned.to_vec(),
                allowed: allowed.to_vec(),
            };
            top(&[0.0, 2.0, 2.0, 1.0], 2, &filter)
        };
        assert_eq!(best(&[], &[]), [(1, 2.0), (2, 2.0)]);
        assert_eq!(best(&[1], &[]), [(2, 2.0), (3, 1.0)]);
        assert_eq!(best(&[1], &[0, 1, 3]), [(3, 1.0), (0, 0.0)]);
    }

    #[test]
    fn refuses_scores_that_are_not_numbers() {
        assert!(
            BeamSearch::new(1, vec![], TokenFilter::default())
                .step(&[&[0.0, f32::NAN]], 9)
                .is_err()
        );
    }
}
