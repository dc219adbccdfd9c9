//! How well queries find their files: the place of the right file among all, and what the places come to.

use std::cmp::Ordering;

/// The place, from 1, of the right file when all are ordered by their scores. Another file with the same score counts as
/// before it (and so does one whose score is no number): an encoder that cannot tell files apart gains nothing by it.
pub fn rank(scores: &[f32], right: usize) -> usize {
    let behind = |score: &f32| score.partial_cmp(&scores[right]) == Some(Ordering::Less);
    scores.len() - scores.iter().filter(|score| behind(score)).count()
}

/// The share of places not beyond the k-th.
pub fn recall(ranks: &[usize], k: usize) -> f64 {
    mean(ranks, |rank| f64::from(u8::from(rank <= k)))
}

/// The mean reciprocal rank: 1 if every right file is first, 1/2 if every one is second.
pub fn reciprocal(ranks: &[usize]) -> f64 {
    mean(ranks, |rank| 1.0 / rank as f64)
}

/// The median place; the middle of the two middle ones if their number is even. 0 of none.
pub fn median(ranks: &mut [usize]) -> f64 {
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

fn mean(ranks: &[usize], of: impl Fn(usize) -> f64) -> f64 {
    ranks.iter().map(|rank| of(*rank)).sum::<f64>() / ranks.len().max(1) as f64
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
    fn scores_that_are_no_numbers_come_last() {
        assert_eq!(rank(&[f32::NAN, 0.5, 0.1], 0), 3);
        assert_eq!(rank(&[f32::NAN, 0.5, 0.1], 1), 2);
        assert_eq!(rank(&[0.0; 5], 2), 5);
    }

    #[test]
    fn recall_median_and_reciprocal_rank() {
        let mut ranks = [1, 2, 10, 4];
        let recalls = [1, 5, 10].map(|k| recall(&ranks, k));
        assert_eq!(recalls, [0.25, 0.75, 1.0]);
        assert_eq!(reciprocal(&ranks), (1.0 + 0.5 + 0.1 + 0.25) / 4.0);
        assert_eq!(median(&mut ranks), 3.0);
        assert_eq!(median(&mut [7, 1, 2]), 2.0);
        assert_eq!(median(&mut [5]), 5.0);
    }
}
