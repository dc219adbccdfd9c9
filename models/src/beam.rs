//! Beam search: which tokens to go on with, and which texts come out best. Knows no module, only scores.
//!
//! A text's score is its log-probability divided by its length (the end counted) to the power 0.7, as Wu et al. 2016
//! do, so that long sentences are not at a loss. One beam is greedy search.

use crate::error::ModelError;

/// How far a longer text is forgiven.
const POWER: f32 = 0.7;

/// Texts under way and texts that have ended.
pub(crate) struct Search {
    count: usize,
    ends: Vec<u32>,
    tokens: Tokens,
    open: Vec<Beam>,
    ended: Vec<Beam>,
}

/// Which tokens texts may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    /// Not these.
    pub(crate) withheld: Vec<u32>,
    /// Only these, in order; any if there are none.
    pub(crate) allowed: Vec<u32>,
}

impl Tokens {
    fn may_be(&self, token: u32) -> bool {
        let allowed = self.allowed.is_empty() || self.allowed.binary_search(&token).is_ok();
        allowed && !self.withheld.contains(&token)
    }
}

/// A text as tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Beam {
    pub(crate) tokens: Vec<u32>,
    /// Log-probability while open, the score once ended.
    pub(crate) score: f32,
}

impl Search {
    /// `count` beams, at least one; `ends` are tokens after which a text is over.
    pub(crate) fn new(count: usize, ends: Vec<u32>, tokens: Tokens) -> Self {
        let start = Beam {
            tokens: Vec::new(),
            score: 0.0,
        };
        Self {
            count: count.max(1),
            ends,
            tokens,
            open: vec![start],
            ended: Vec::new(),
        }
    }

    /// Takes the logits of the next token of each open text. Gives the texts to go on with, each as the place
    /// of the text that it continues and its new token; none when the search is over.
    ///
    /// # Errors
    /// If a logit is not a finite number.
    pub(crate) fn step(
        &mut self,
        logits: &[&[f32]],
        limit: usize,
    ) -> Result<Vec<(usize, u32)>, ModelError> {
        let looked = if self.count == 1 { 1 } else { 2 * self.count };
        let mut candidates = Vec::new();
        for (from, (beam, row)) in self.open.iter().zip(logits).enumerate() {
            let total = log_sum(row)?;
            // What is withheld keeps its share of the probability: leaving it out makes no other text likelier.
            let best = top(row, looked, &self.tokens).into_iter();
            candidates.extend(best.map(|(token, logit)| (beam.score + logit - total, from, token)));
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        candidates.truncate(looked);
        let (mut open, mut steps) = (Vec::new(), Vec::new());
        for (rank, (score, from, token)) in candidates.into_iter().enumerate() {
            let mut tokens = self.open[from].tokens.clone();
            if self.ends.contains(&token) {
                // An end that would not have been followed, or of nothing, is no result, unless it is the only one.
                if rank < self.count && (self.count == 1 || !tokens.is_empty()) {
                    self.ended.push(scored(tokens, score, 1));
                }
            } else if open.len() < self.count {
                tokens.push(token);
                open.push(Beam { tokens, score });
                steps.push((from, token));
            }
        }
        let full = open.first().is_none_or(|beam| beam.tokens.len() >= limit);
        self.open = open;
        if self.ended.len() >= self.count || full {
            steps.clear();
        }
        Ok(steps)
    }

    /// The likeliest open text.
    pub(crate) fn so_far(&self) -> Option<&[u32]> {
        self.open.first().map(|beam| &*beam.tokens)
    }

    /// The texts found, best first. Texts cut off by the limit count only if none came to its end.
    pub(crate) fn finish(self) -> Vec<Beam> {
        let mut found = self.ended;
        if found.is_empty() {
            found = self
                .open
                .into_iter()
                .map(|beam| scored(beam.tokens, beam.score, 0))
                .collect();
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found
    }
}

fn scored(tokens: Vec<u32>, score: f32, end: usize) -> Beam {
    let length = (tokens.len() + end).max(1) as f32;
    Beam {
        score: score / length.powf(POWER),
        tokens,
    }
}

pub(crate) fn log_sum(row: &[f32]) -> Result<f32, ModelError> {
    if row.iter().any(|x| !x.is_finite()) {
        return Err(ModelError::NotFinite { module: "decoder" });
    }
    let most = row.iter().copied().fold(f32::MIN, f32::max);
    Ok(most + row.iter().map(|x| (x - most).exp()).sum::<f32>().ln())
}

/// The `count` highest scores of tokens that may be, highest first; of equals the first.
fn top(row: &[f32], count: usize, tokens: &Tokens) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(count + 1);
    for (token, logit) in row.iter().enumerate() {
        if best.len() == count && best.last().is_some_and(|last| *logit <= last.1) {
            continue;
        }
        if !tokens.may_be(token as u32) {
            continue;
        }
        let place = best.partition_point(|(_, have)| have >= logit);
        best.insert(place, (token as u32, *logit));
        best.truncate(count);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u32 = 0;

    /// Runs a search over a table: the next token's probabilities by the last token.
    fn search(count: usize, limit: usize, next: fn(Option<u32>) -> [f32; 4]) -> Vec<Beam> {
        let mut search = Search::new(count, vec![END], Tokens::default());
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

    /// Token 1 is likelier at first, but what follows token 2 is much surer.
    fn garden_path(last: Option<u32>) -> [f32; 4] {
        match last {
            None => [0.01, 0.5, 0.48, 0.01],
            Some(1) => [0.3, 0.2, 0.2, 0.3],
            Some(2) => [0.01, 0.01, 0.01, 0.97],
            _ => [0.97, 0.01, 0.01, 0.01],
        }
    }

    #[test]
    fn one_beam_is_greedy_and_more_look_ahead() {
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
        let best = |withheld: &[u32], allowed: &[u32]| {
            let tokens = Tokens {
                withheld: withheld.to_vec(),
                allowed: allowed.to_vec(),
            };
            top(&[0.0, 2.0, 2.0, 1.0], 2, &tokens)
        };
        assert_eq!(best(&[], &[]), [(1, 2.0), (2, 2.0)]);
        assert_eq!(best(&[1], &[]), [(2, 2.0), (3, 1.0)]);
        assert_eq!(best(&[1], &[0, 1, 3]), [(3, 1.0), (0, 0.0)]);
    }

    #[test]
    fn refuses_scores_that_are_not_numbers() {
        assert!(
            Search::new(1, vec![], Tokens::default())
                .step(&[&[0.0, f32::NAN]], 9)
                .is_err()
        );
    }
}
