//! Makes one ranking of several, by reciprocal rank fusion.
//!
//! BM25 scores and cosines have no common scale, ranks do. A row gets `1 / (60 + rank)` from each ranking it is in,
//! and the sums rank anew: Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
//! rank learning methods", SIGIR 2009, which also gives the 60.
//! Equal scores share the rank of the first of them, so that many rows with one caption are told apart by their
//! vectors and not by their order in the store.

/// The constant of the paper. Larger makes the top ranks less decisive.
const K: f64 = 60.0;

/// A row by its place in the index, with a score; more is better.
pub(super) type Scored = (usize, f64);

/// The best `limit` places by fused score; equal scores by place.
pub(super) fn fuse(rankings: impl IntoIterator<Item = Vec<Scored>>, limit: usize) -> Vec<Scored> {
    let mut sums: Vec<Scored> = Vec::new();
    for ranking in rankings {
        for (place, rank) in ranks(ranking) {
            if sums.len() <= place {
                let next = sums.len();
                sums.extend((next..=place).map(|place| (place, 0.0)));
            }
            sums[place].1 += 1.0 / (K + rank as f64);
        }
    }
    sums.retain(|(_, score)| *score > 0.0);
    sort(&mut sums);
    sums.truncate(limit);
    sums
}

/// Ranks from 1, by falling score.
fn ranks(mut scored: Vec<Scored>) -> Vec<(usize, usize)> {
    sort(&mut scored);
    let mut ranked: Vec<(usize, usize)> = Vec::with_capacity(scored.len());
    for (at, (place, score)) in scored.iter().enumerate() {
        let rank = match at.checked_sub(1) {
            Some(before) if scored[before].1 == *score => ranked[before].1,
            _ => at + 1,
        };
        ranked.push((*place, rank));
    }
    ranked
}

fn sort(scored: &mut [Scored]) {
    scored.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_in_both_rankings_beats_the_first_of_one() {
        let words = vec![(7, 9.0), (3, 5.0)];
        let vectors = vec![(3, 0.4), (1, 0.9)];
        let expected = [
            (3, 1.0 / 62.0 + 1.0 / 62.0),
            (1, 1.0 / 61.0),
            (7, 1.0 / 61.0),
        ];
        assert_eq!(fuse([words, vectors], 10), expected);
    }

    #[test]
    fn equal_scores_share_a_rank_and_the_next_rank_counts_them() {
        let scored = vec![(4, 0.5), (2, 0.7), (0, 0.5), (9, 0.1)];
        assert_eq!(ranks(scored), [(2, 1), (0, 2), (4, 2), (9, 4)]);
    }

    #[test]
    fn the_limit_keeps_the_best_and_nothing_gives_nothing() {
        assert_eq!(fuse([vec![(5, 1.0), (6, 2.0)]], 1), [(6, 1.0 / 61.0)]);
        assert!(fuse([Vec::new(), Vec::new()], 3).is_empty());
    }
}
