//! Neighbouring hits as one: a scene that lies in several segments is one moment to a person.

use serde::Serialize;

use super::Hits;
use super::incomplete::NEXT_TO;

/// Hits of one source of which each begins where the one before ends, within a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// Name of the source.
    pub source: String,
    /// Media time at which the first of them begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which the last of them ends.
    pub end_ms: u64,
    /// The best score among them.
    pub score: f64,
    /// Which hits they are, from 0, best first.
    pub hits: Vec<usize>,
}

impl Hits {
    /// The hits as moments, by the best hit of each.
    pub fn moments(&self) -> Vec<Moment> {
        let mut in_time: Vec<usize> = (0..self.hits.len()).collect();
        in_time.sort_by_key(|at| (&self.hits[*at].source, self.hits[*at].start_ms));
        let mut moments: Vec<Moment> = Vec::new();
        for at in in_time {
            let hit = &self.hits[at];
            let before = moments.last_mut().filter(|before| {
                before.source == hit.source && hit.start_ms <= before.end_ms.saturating_add(NEXT_TO)
            });
            match before {
                Some(before) => {
                    before.end_ms = before.end_ms.max(hit.end_ms);
                    before.score = before.score.max(hit.score);
                    before.hits.push(at);
                }
                None => moments.push(Moment {
                    source: hit.source.clone(),
                    start_ms: hit.start_ms,
                    end_ms: hit.end_ms,
                    score: hit.score,
                    hits: vec![at],
                }),
            }
        }
        moments
            .iter_mut()
            .for_each(|moment| moment.hits.sort_unstable());
        moments.sort_by_key(|moment| moment.hits[0]);
        moments
    }
}

#[cfg(test)]
mod tests {
    use super::super::Hit;
    use super::*;

    #[test]
    fn neighbours_within_a_second_are_one_moment_in_the_order_of_the_best_of_each() {
        let hit = |source: &str, start_ms, score| Hit {
            source: source.to_owned(),
            start_ms,
            end_ms: start_ms + 4000,
            text: String::new(),
            score,
            start_utc: None,
            snippet: None,
        };
        let hits = Hits {
            hits: vec![
                hit("b", 20_000, 0.9),
                hit("a", 4000, 0.8),
                hit("b", 4000, 0.7),
                hit("a", 9000, 0.6),
                hit("a", 0, 0.5),
                hit("b", 9001, 0.4),
            ],
            ..Hits::default()
        };
        let moments = hits.moments();
        let told: Vec<_> = moments
            .iter()
            .map(|moment| {
                (
                    &*moment.source,
                    moment.start_ms,
                    moment.end_ms,
                    &moment.hits[..],
                )
            })
            .collect();
        let expected: [(&str, u64, u64, &[usize]); 4] = [
            ("b", 20_000, 24_000, &[0]),
            ("a", 0, 13_000, &[1, 3, 4]),
            ("b", 4000, 8000, &[2]),
            ("b", 9001, 13_001, &[5]),
        ];
        assert_eq!(told, expected);
        assert_eq!(moments[1].score, 0.8);
    }
}
