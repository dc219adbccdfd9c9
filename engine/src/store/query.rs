//! What can be asked of a store, and what makes no sense to ask.

use super::StoreError;
use super::words::{Words, wanted_text};

/// A question to the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Words to look for; `"several words"` are sought together, `-word` shuts out the rows that have it.
    pub text: String,
    /// The embedding of [`wanted_text`] of `text`, of length 1; without it only words count.
    pub vector: Option<Vec<f32>>,
    /// Most hits to give; at least 1.
    pub limit: usize,
    /// Leaves out segments that end at or before this media time, in milliseconds.
    pub from_ms: Option<u64>,
    /// Leaves out segments that begin at or after this media time, in milliseconds.
    pub to_ms: Option<u64>,
    /// Searches this source only.
    pub source: Option<String>,
}

impl Query {
    /// Refuses a query that can have no answer, and gives its words.
    pub(super) fn check(&self) -> Result<Words, StoreError> {
        let words = Words::of(&self.text);
        let nothing_to_rank = words.wanted.is_none() && self.vector.is_none();
        if nothing_to_rank || wanted_text(&self.text).is_empty() {
            return Err(StoreError::EmptyQuery {
                text: self.text.chars().take(100).collect(),
            });
        }
        if self.limit == 0 {
            return Err(StoreError::NoLimit);
        }
        match (self.from_ms, self.to_ms) {
            (Some(from_ms), Some(to_ms)) if from_ms > to_ms => {
                Err(StoreError::InvertedSpan { from_ms, to_ms })
            }
            _ => Ok(words),
        }
    }

    /// Whether a segment is of the wanted source and touches the wanted span, as `Store::rows` has it.
    pub(super) fn admits(&self, source: &str, start_ms: u64, end_ms: u64) -> bool {
        let (from, to) = (self.from_ms.unwrap_or(0), self.to_ms.unwrap_or(u64::MAX));
        let of_source = self.source.as_ref().is_none_or(|wanted| wanted == source);
        of_source && start_ms < to && (end_ms > from || start_ms >= from)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::query;
    use super::*;

    #[test]
    fn a_query_that_asks_for_nothing_is_the_callers_error() {
        for text in ["", "  ", "🚪", "-ball"] {
            let refused = query(text).check();
            assert!(
                matches!(refused, Err(StoreError::EmptyQuery { .. })),
                "{text:?}"
            );
        }
        let vector = Some(vec![1.0, 0.0]);
        let only_minus = Query {
            vector: vector.clone(),
            ..query("-ball")
        };
        assert!(matches!(
            only_minus.check(),
            Err(StoreError::EmptyQuery { .. })
        ));
        let picture = Query {
            vector,
            ..query("🚪")
        };
        assert!(picture.check().is_ok());
        let no_limit = Query {
            limit: 0,
            ..query("ball")
        };
        assert!(matches!(no_limit.check(), Err(StoreError::NoLimit)));
        let inverted = Query {
            from_ms: Some(2),
            to_ms: Some(1),
            ..query("ball")
        };
        assert!(matches!(
            inverted.check(),
            Err(StoreError::InvertedSpan { .. })
        ));
    }

    #[test]
    fn a_segment_is_admitted_if_it_shares_time_with_the_span_or_begins_in_it() {
        let span = Query {
            from_ms: Some(1000),
            to_ms: Some(2000),
            source: Some("door".to_owned()),
            ..query("x")
        };
        let cases = [
            (0, 1000, false),
            (0, 1001, true),
            (1000, 1000, true),
            (1999, 5000, true),
            (2000, 3000, false),
        ];
        for (start, end, admitted) in cases {
            assert_eq!(
                span.admits("door", start, end),
                admitted,
                "{start} to {end}"
            );
        }
        assert!(!span.admits("yard", 1000, 2000));
        assert!(query("x").admits("door", 0, 0));
    }
}
