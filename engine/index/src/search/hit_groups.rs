//! Groups neighbouring hits: to a person, a scene that spans several segments is one result.

use serde::Serialize;

use crate::hit::Hits;
use crate::read::coverage_gaps::MERGE_DISTANCE_MS;

/// Hits of one source, each of which begins within a second of the end of the one before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HitGroup {
    /// Name of the source.
    pub source: String,
    /// Media time at which the first hit begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which the last hit ends.
    pub end_ms: u64,
    /// The best score among them.
    pub score: f64,
    /// Indexes of the hits, best first.
    pub hits: Vec<usize>,
}

impl Hits {
    /// Groups the hits, ordered by the best hit of each group.
    pub fn groups(&self) -> Vec<HitGroup> {
        let mut in_time: Vec<usize> = (0..self.hits.len()).collect();
        in_time.sort_by_key(|at| (&self.hits[*at].source, self.hits[*at].start_ms));
        let mut groups: Vec<HitGroup> = Vec::new();
        for at in in_time {
            let hit = &self.hits[at];
            let before = groups.last_mut().filter(|before| {
                before.source == hit.source
                    && hit.start_ms <= before.end_ms.saturating_add(MERGE_DISTANCE_MS)
            });
            match before {
                Some(before) => {
                    before.end_ms = before.end_ms.max(hit.end_ms);
                    before.score = before.score.max(hit.score);
                    before.hits.push(at);
                }
                None => groups.push(HitGroup {
                    source: hit.source.clone(),
                    start_ms: hit.start_ms,
                    end_ms: hit.end_ms,
                    score: hit.score,
                    hits: vec![at],
                }),
            }
        }
        for group in &mut groups {
            group.hits.sort_unstable();
        }
        groups.sort_by_key(|group| group.hits[0]);
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hit::Hit;

    fn hit(source: &str, start_ms: u64, score: f64) -> Hit {
        Hit {
            source: source.to_owned(),
            path: None,
            start_ms,
            end_ms: start_ms + 4000,
            text: String::new(),
            score,
            start_utc: None,
            start_utc_from: None,
            snippet: None,
        }
    }

    #[test]
    fn neighbours_within_a_second_form_a_group_and_groups_are_ordered_by_their_best_hit() {
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
        let groups = hits.groups();
        let found: Vec<_> = groups
            .iter()
            .map(|group| {
                (
                    &*group.source,
                    group.start_ms,
                    group.end_ms,
                    &group.hits[..],
                )
            })
            .collect();
        let expected: [(&str, u64, u64, &[usize]); 4] = [
            ("b", 20_000, 24_000, &[0]),
            ("a", 0, 13_000, &[1, 3, 4]),
            ("b", 4000, 8000, &[2]),
            ("b", 9001, 13_001, &[5]),
        ];
        assert_eq!(found, expected);
        assert_eq!(groups[1].score, 0.8);
    }
}
