//! Fuses the rankings by words and by vectors with reciprocal rank fusion.
//!
//! BM25 scores and cosines have no common scale, ranks do. A row gets `weight / (10 + rank)` from each ranking it is in,
//! and the sums give the new ranking: Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
//! rank learning methods", SIGIR 2009. Its constant of 60 suits rankings that are equally good; here vectors know more
//! than words, and a smaller one lets their first ranks count. The 10 and the weights are measured: 48 sentences over the
//! scenes of a recording and 108 over 36 clips were found more often, at rank one and among five, than with 60.
//! Equal scores share the rank of the first of them, so that many rows with one caption are ordered by their
//! vectors and not by their order in the store.

/// A larger value makes the top ranks less decisive.
const K: f64 = 10.0;
/// Weight of a ranking by vectors.
pub(super) const VECTOR_WEIGHT: f64 = 1.0;
/// Weight of a ranking by words: the words of a sentence say less of its meaning than its vector.
pub(super) const WORD_WEIGHT: f64 = 0.5;

/// The best rows of each ranking that take part, or as many as hits are wanted on a page. Deeper ranks would add less than a
/// thirtieth of a first rank, to rows that no person pages to.
pub(super) const DEPTH: usize = 2000;

/// A row by its position in the cache, with a score; higher is better.
pub(super) type ScoredRow = (usize, f64);

/// Returns all rows of some weighted rankings by fused score, best first; `order` breaks ties.
pub(super) fn fuse<O: Ord>(
    rankings: impl IntoIterator<Item = (f64, Vec<ScoredRow>)>,
    depth: usize,
    order: &impl Fn(usize) -> O,
) -> Vec<ScoredRow> {
    let mut sums: Vec<f64> = Vec::new();
    for (weight, mut ranking) in rankings {
        keep_best(&mut ranking, depth, order);
        for (position, rank) in ranks(&ranking) {
            if sums.len() <= position {
                sums.resize(position + 1, 0.0);
            }
            sums[position] += weight / (K + rank as f64);
        }
    }
    let mut fused: Vec<ScoredRow> = sums.into_iter().enumerate().collect();
    fused.retain(|(_, score)| *score > 0.0);
    let all = fused.len();
    keep_best(&mut fused, all, order);
    fused
}

/// Interleaves rankings of disjoint rows whose scores cannot be compared. Ranks are normalised by the number of rows in each
/// ranking: the first of each is first, and below that a rank among half as many rows counts as one twice as deep. So a few rows
/// of one pack neither fill the first ranks nor are lost among many of another. The scores are the negated normalised ranks.
pub(super) fn interleave<O: Ord>(
    rankings: impl IntoIterator<Item = Vec<ScoredRow>>,
    depth: usize,
    order: &impl Fn(usize) -> O,
) -> Vec<ScoredRow> {
    let rankings = rankings.into_iter().filter(|ranking| !ranking.is_empty());
    let mut rankings: Vec<_> = rankings.collect();
    if rankings.len() < 2 {
        return rankings.pop().unwrap_or_default();
    }
    let all: usize = rankings.iter().map(Vec::len).sum();
    let mut interleaved = Vec::new();
    for mut ranking in rankings {
        let stretch = all as f64 / ranking.len() as f64;
        keep_best(&mut ranking, depth, order);
        let ranks = ranks(&ranking).into_iter();
        interleaved.extend(ranks.map(|(position, rank)| (position, -stretch * (rank - 1) as f64)));
    }
    interleaved
}

/// Keeps the `most` best rows, in order.
fn keep_best<O: Ord>(scored: &mut Vec<ScoredRow>, most: usize, order: &impl Fn(usize) -> O) {
    let compare = |a: &ScoredRow, b: &ScoredRow| {
        b.1.total_cmp(&a.1)
            .then_with(|| order(a.0).cmp(&order(b.0)))
    };
    if let Some(last) = most.checked_sub(1).filter(|_| scored.len() > most) {
        // Scores alone tell which rows can be among the best; only those are sorted.
        let mut scores: Vec<f64> = scored.iter().map(|(_, score)| *score).collect();
        let (_, least, _) = scores.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
        let least = *least;
        scored.retain(|(_, score)| score.total_cmp(&least).is_ge());
    }
    scored.sort_unstable_by(compare);
    scored.truncate(most);
}

/// Returns the ranks, from 1, of rows that are in order.
fn ranks(scored: &[ScoredRow]) -> Vec<(usize, usize)> {
    let mut ranked: Vec<(usize, usize)> = Vec::with_capacity(scored.len());
    for (at, (position, score)) in scored.iter().enumerate() {
        let rank = match at.checked_sub(1) {
            Some(before) if scored[before].1 == *score => ranked[before].1,
            _ => at + 1,
        };
        ranked.push((*position, rank));
    }
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_in_both_rankings_beats_the_first_of_one() {
        let words = vec![(7, 9.0), (3, 5.0)];
        let vectors = vec![(3, 0.4), (1, 0.9)];
        let expected = [
            (3, 0.5 / 12.0 + 1.0 / 12.0),
            (1, 1.0 / 11.0),
            (7, 0.5 / 11.0),
        ];
        let rankings = [(WORD_WEIGHT, words), (VECTOR_WEIGHT, vectors)];
        assert_eq!(fuse(rankings, 9, &|position| position), expected);
    }

    #[test]
    fn rankings_of_disjoint_rows_are_interleaved_by_their_length() {
        let many: Vec<ScoredRow> = (0..8).map(|n| (n, 0.9 - 0.1 * n as f64)).collect();
        let few = vec![(21, 7.0), (20, 9.0)];
        let mut both = interleave([many.clone(), few, Vec::new()], 9, &|position| position);
        keep_best(&mut both, 10, &|position| position);
        let positions: Vec<_> = both.iter().map(|(position, _)| *position).collect();
        assert_eq!(positions, [0, 20, 1, 2, 3, 4, 21, 5, 6, 7]);
        assert_eq!(interleave([many.clone()], 9, &|position| position), many);
    }

    #[test]
    fn equal_scores_share_a_rank_and_the_next_rank_counts_them() {
        let mut scored = vec![(4, 0.5), (2, 0.7), (0, 0.5), (9, 0.1)];
        keep_best(&mut scored, 9, &|position| position);
        assert_eq!(ranks(&scored), [(2, 1), (0, 2), (4, 2), (9, 4)]);
    }

    #[test]
    fn the_best_rows_are_those_a_sort_would_keep() {
        let mut scored: Vec<ScoredRow> = (0..1000).map(|n| (n, (n * 7919 % 101) as f64)).collect();
        let mut sorted = scored.clone();
        keep_best(&mut sorted, 1000, &|position| position);
        keep_best(&mut scored, 33, &|position| position);
        assert_eq!(scored, sorted[..33]);
        assert!(fuse([(1.0, Vec::new())], 9, &|position| position).is_empty());
    }
}
