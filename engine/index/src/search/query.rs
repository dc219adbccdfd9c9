//! A search query and its checks.

use std::collections::BTreeMap;

use super::query_text::{FtsQuery, text_to_embed};
use crate::error::StoreError;
use crate::source_filter::Filter;

/// A search of a store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Words to look for; `"several words"` are a phrase, `-word` excludes the rows that have it.
    pub text: String,
    /// The embedding of [`text_to_embed`] of `text`, of length 1, by the id of the pack that made it. Rows are compared only with
    /// the vector of their own pack; rows of a pack without one are found by words alone.
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// Most hits to return; at least 1.
    pub limit: usize,
    /// The searched part of the store.
    pub filter: Filter,
    /// Continues where the page that gave this token ended.
    pub page: Option<String>,
}

impl Query {
    /// Rejects a query that can have no answer, and returns its full-text expressions.
    pub(super) fn check(&self) -> Result<FtsQuery, StoreError> {
        let words = FtsQuery::parse(&self.text);
        let nothing_to_rank = words.wanted.is_empty() && self.vectors.is_empty();
        if nothing_to_rank || text_to_embed(&self.text).is_empty() {
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
    use super::*;
    use crate::testing::{query, vectors};

    #[test]
    fn a_query_that_asks_for_nothing_is_rejected() {
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
