//! What can be asked of a store, and what makes no sense to ask.

use std::collections::BTreeMap;

use super::words::{Words, wanted_text};
use super::{Filter, StoreError};

/// A question to the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Words to look for; `"several words"` are sought together, `-word` shuts out the rows that have it.
    pub text: String,
    /// The embedding of [`wanted_text`] of `text`, of length 1, by the id of the pack that made it: rows are compared only with
    /// that of their own pack, and those of a pack that is not here are found by words alone.
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// Most hits to give; at least 1.
    pub limit: usize,
    /// What of the store is searched.
    pub filter: Filter,
    /// Goes on where the page that gave this token ended.
    pub page: Option<String>,
}

impl Query {
    /// Refuses a query that can have no answer, and gives its words.
    pub(super) fn check(&self) -> Result<Words, StoreError> {
        let words = Words::of(&self.text);
        let nothing_to_rank = words.wanted.is_empty() && self.vectors.is_empty();
        if nothing_to_rank || wanted_text(&self.text).is_empty() {
            return Err(StoreError::EmptyQuery {
                text: self.text.chars().take(100).collect(),
            });
        }
        if self.limit == 0 {
            return Err(StoreError::NoLimit);
        }
        self.filter.check()?;
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{query, vectors};
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
        let vectors = vectors("p", [1.0, 0.0]);
        let only_minus = Query {
            vectors: vectors.clone(),
            ..query("-ball")
        };
        assert!(matches!(
            only_minus.check(),
            Err(StoreError::EmptyQuery { .. })
        ));
        let picture = Query {
            vectors,
            ..query("🚪")
        };
        assert!(picture.check().is_ok());
        let no_limit = Query {
            limit: 0,
            ..query("ball")
        };
        assert!(matches!(no_limit.check(), Err(StoreError::NoLimit)));
        let inverted = Query {
            filter: Filter {
                from_ms: Some(2),
                to_ms: Some(1),
                ..Filter::default()
            },
            ..query("ball")
        };
        assert!(matches!(
            inverted.check(),
            Err(StoreError::InvertedSpan { .. })
        ));
    }
}
