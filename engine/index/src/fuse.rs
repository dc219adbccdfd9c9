//! Makes one ranking of two, by words and by vectors, with reciprocal rank fusion.
//!
//! BM25 scores and cosines have no common scale, ranks do. A row gets `weight / (10 + rank)` from each ranking it is in,
//! and the sums rank anew: Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
//! rank learning methods", SIGIR 2009. Its constant of 60 is for rankings that are equally good; here vectors know more
//! than words, and a smaller one lets their first places count. The 10 and the weights are measured: 48 sentences over the
//! scenes of a recording and 108 over 36 clips were found more often, at the first place and among five, than with 60.
//! Equal scores share the rank of the first of them, so that many rows with one caption are told apart by their
//! vectors and not by their order in the store.

/// Larger makes the top ranks less decisive.
const K: f64 = 10.0;
/// What a ranking by vectors counts.
pub(super) const VECTORS: f64 = 1.0;
/// What a ranking by words counts: the words of a sentence say less of what is meant than its vector.
pub(super) const WORDS: f64 = 0.5;

/// So many of the best rows of each ranking take part, or as many as hits are wanted on a page. What lies deeper would add
/// less than a thirtieth of what a first place gives, to rows that no person pages to.
pub(super) const DEPTH: usize = 2000;

/// A row by its place in the index, with a score; more is better.
pub(super) type Scored = (usize, f64);

/// All places of some rankings, each with its weight, by fused score, best first; `order` breaks ties.
pub(super) fn fuse<O: Ord>(
    rankings: impl IntoIterator<Item = (f64, Vec<Scored>)>,
    depth: usize,
    order: &impl Fn(usize) -> O,
) -> Vec<Scored> {
    let mut sums: Vec<f64> = Vec::new();
    for (weight, mut ranking) in rankings {
        best(&mut ranking, depth, order);
        for (place, rank) in ranks(&ranking) {
            if sums.len() <= place {
                sums.resize(place + 1, 0.0);
            }
            sums[place] += weight / (K + rank as f64);
        }
    }
    let mut fused: Vec<Scored> = sums.into_iter().enumerate().collect();
    fused.retain(|(_, score)| *score > 0.0);
    let all = fused.len();
    best(&mut fused, all, order);
    fused
}

/// One ranking of rankings of different rows, whose scores have nothing in common. The first of each is a first; below that, a
/// rank among half as many rows counts as one twice as deep, for among all of them it would stand about there. So a few rows
/// of one pack neither fill the first places nor are lost among many of another. The scores are those ranks, less than nothing.
pub(super) fn merged<O: Ord>(
    rankings: impl IntoIterator<Item = Vec<Scored>>,
    depth: usize,
    order: &impl Fn(usize) -> O,
) -> Vec<Scored> {
    let rankings = rankings.into_iter().filter(|ranking| !ranking.is_empty());
    let mut rankings: Vec<_> = rankings.collect();
    if rankings.len() < 2 {
        return rankings.pop().unwrap_or_default();
    }
    let all: usize = rankings.iter().map(Vec::len).sum();
    let mut merged = Vec::new();
    for mut ranking in rankings {
        let share = all as f64 / ranking.len() as f64;
        best(&mut ranking, depth, order);
        let ranks = ranks(&ranking).into_iter();
        merged.extend(ranks.map(|(place, rank)| (place, -share * (rank - 1) as f64)));
    }
    merged
}

/// Keeps the best, in order.
fn best<O: Ord>(scored: &mut Vec<Scored>, most: usize, order: &impl Fn(usize) -> O) {
    let compare = |a: &Scored, b: &Scored| {
        b.1.total_cmp(&a.1)
            .then_with(|| order(a.0).cmp(&order(b.0)))
    };
    if let Some(last) = most.checked_sub(1).filter(|_| scored.len() > most) {
        // The scores alone tell what can be among the best; only that is put in order.
        let mut scores: Vec<f64> = scored.iter().map(|(_, score)| *score).collect();
        let (_, least, _) = scores.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
        let least = *least;
        scored.retain(|(_, score)| score.total_cmp(&least).is_ge());
    }
    scored.sort_unstable_by(compare);
    scored.truncate(most);
}

/// Ranks from 1 of what is in order already.
fn ranks(scored: &[Scored]) -> Vec<(usize, usize)> {
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
        let rankings = [(WORDS, words), (VECTORS, vectors)];
        assert_eq!(fuse(rankings, 9, &|place| place), expected);
    }

    #[test]
    fn rankings_of_different_rows_take_turns_by_how_many_rows_they_have() {
        let many: Vec<Scored> = (0..8).map(|n| (n, 0.9 - 0.1 * n as f64)).collect();
        let few = vec![(21, 7.0), (20, 9.0)];
        let mut both = merged([many.clone(), few, Vec::new()], 9, &|place| place);
        best(&mut both, 10, &|place| place);
        let places: Vec<_> = both.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [0, 20, 1, 2, 3, 4, 21, 5, 6, 7]);
        assert_eq!(merged([many.clone()], 9, &|place| place), many);
    }

    #[test]
    fn equal_scores_share_a_rank_and_the_next_rank_counts_them() {
        let mut scored = vec![(4, 0.5), (2, 0.7), (0, 0.5), (9, 0.1)];
        best(&mut scored, 9, &|place| place);
        assert_eq!(ranks(&scored), [(2, 1), (0, 2), (4, 2), (9, 4)]);
    }

    #[test]
    fn the_best_of_more_than_are_wanted_are_those_a_sort_would_keep() {
        let mut scored: Vec<Scored> = (0..1000).map(|n| (n, (n * 7919 % 101) as f64)).collect();
        let mut sorted = scored.clone();
        best(&mut sorted, 1000, &|place| place);
        best(&mut scored, 33, &|place| place);
        assert_eq!(scored, sorted[..33]);
        assert!(fuse([(1.0, Vec::new())], 9, &|place| place).is_empty());
    }
}
