//! Applies a filter to the sources of a store.

use crate::error::StoreError;
use crate::source_filter::{Filter, SelectedSource, Selection};
use crate::source_table::start_times;
use crate::store::Store;

impl Store {
    /// Returns the sources that a filter selects, with the selected span of each.
    ///
    /// # Errors
    /// If the filter names a source that does not exist, a span ends before it begins, or the store cannot be read.
    pub fn select(&self, filter: &Filter) -> Result<Selection, StoreError> {
        filter.check()?;
        let states = self.current(None)?;
        let names: Vec<&str> = states.iter().map(|state| state.source.as_str()).collect();
        if let Some(unmatched) = filter.unmatched(&names) {
            let names = names.into_iter();
            return Err(StoreError::unknown_source(&self.path, unmatched, names));
        }
        let starts = self.read(start_times)?;
        let mut selection = Selection::default();
        for state in states {
            if !filter.matches_name(&state.source) {
                continue;
            }
            let start = starts.get(&state.source);
            match filter.span(start.map(|start| start.utc_ms)) {
                Some(span) => selection.sources.push(SelectedSource {
                    state,
                    from_ms: span.from_ms,
                    to_ms: (span.to_ms < u64::MAX).then_some(span.to_ms),
                }),
                None => selection.without_start.push(state.source),
            }
        }
        Ok(selection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{row, seal, start_at, store};

    #[test]
    fn a_wall_time_is_another_media_time_in_each_source() {
        let (mut store, _folder) = store();
        for (source, start) in [("a", Some(1000)), ("b", Some(5000)), ("c", None)] {
            seal(&mut store, source, &[row(0, "x")], 1000);
            if let Some(start) = start {
                store.set_start(source, start_at(start)).unwrap();
            }
        }
        let filter = Filter {
            from_utc_ms: Some(3000),
            to_utc_ms: Some(6000),
            ..Filter::default()
        };
        let selection = store.select(&filter).unwrap();
        let spans: Vec<_> = selection
            .sources
            .iter()
            .map(|selected| {
                (
                    selected.state.source.as_str(),
                    selected.from_ms,
                    selected.to_ms,
                )
            })
            .collect();
        assert_eq!(spans, [("a", 2000, Some(5000)), ("b", 0, Some(1000))]);
        assert_eq!(selection.without_start, ["c"]);
    }

    #[test]
    fn sources_are_selected_by_names_and_patterns_and_each_must_match() {
        let (mut store, _folder) = store();
        for source in ["barn", "door", "yard/1", "yard/2"] {
            seal(&mut store, source, &[], 0);
        }
        let select = |sources: &[&str]| {
            let filter = Filter {
                sources: sources.iter().map(|source| (*source).to_owned()).collect(),
                ..Filter::default()
            };
            let selection = store.select(&filter)?;
            let names = selection
                .sources
                .into_iter()
                .map(|selected| selected.state.source);
            Ok::<Vec<String>, StoreError>(names.collect())
        };
        assert_eq!(select(&[]).unwrap().len(), 4);
        assert_eq!(
            select(&["yard/*", "door"]).unwrap(),
            ["door", "yard/1", "yard/2"]
        );
        let message = select(&["door", "y*x"]).unwrap_err().to_string();
        assert!(message.contains("no source \"y*x\""), "{message}");
    }
}
