//! Metrics of retrieval: the rank of the right file among all, recall, mean reciprocal rank, median rank.

use std::cmp::Ordering;

/// Returns the rank, from 1, of the right file when all are ordered by score. Files with the same score, or with NaN, count
/// as before it: an encoder that cannot distinguish files gains nothing.
pub fn rank(scores: &[f32], right: usize) -> usize {
    let lower = |score: &f32| score.partial_cmp(&scores[right]) == Some(Ordering::Less);
    scores.len() - scores.iter().filter(|score| lower(score)).count()
}

/// Returns the share of ranks that are at most `k`.
pub fn recall(ranks: &[usize], k: usize) -> f64 {
    mean(ranks, |rank| f64::from(u8::from(rank <= k)))
}

/// Returns the mean reciprocal rank: 1 if every right file is first, 1/2 if every one is second.
pub fn mean_reciprocal_rank(ranks: &[usize]) -> f64 {
    mean(ranks, |rank| 1.0 / rank as f64)
}

/// Returns the median rank, the mean of the two middle ones if their number is even; 0 if there is none.
pub fn median_rank(ranks: &mut [usize]) -> f64 {
    let (half, even) = (ranks.len() / 2, ranks.len().is_multiple_of(2));
    if ranks.is_empty() {
        return 0.0;
    }
    let (below, middle, _) = ranks.select_nth_unstable(half);
    let middle = *middle as f64;
    match below.iter().max() {
        Some(lower) if even => (*lower as f64 + middle) / 2.0,
        _ => middle,
    }
}

fn mean(ranks: &[usize], value: impl Fn(usize) -> f64) -> f64 {
    ranks.iter().map(|rank| value(*rank)).sum::<f64>() / ranks.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_counts_files_that_score_higher_or_the_same() {
        let scores = [0.1, 0.9, 0.5, 0.5];
        let ranks = [0, 1, 2, 3].map(|right| rank(&scores, right));
        assert_eq!(ranks, [4, 1, 3, 3]);
    }

    #[test]
    fn a_right_file_whose_score_is_nan_comes_last() {
        assert_eq!(rank(&[f32::NAN, 0.5, 0.1], 0), 3);
        assert_eq!(rank(&[f32::NAN, 0.5, 0.1], 1), 2);
        assert_eq!(rank(&[0.0; 5], 2), 5);
    }

    #[test]
    fn recall_median_and_reciprocal_rank() {
        let mut ranks = [1, 2, 10, 4];
        let recalls = [1, 5, 10].map(|k| recall(&ranks, k));
        assert_eq!(recalls, [0.25, 0.75, 1.0]);
        assert_eq!(mean_reciprocal_rank(&ranks), (1.0 + 0.5 + 0.1 + 0.25) / 4.0);
        assert_eq!(median_rank(&mut ranks), 3.0);
        assert_eq!(median_rank(&mut [7, 1, 2]), 2.0);
        assert_eq!(median_rank(&mut [5]), 5.0);
    }
}
