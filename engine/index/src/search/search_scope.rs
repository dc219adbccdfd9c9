//! The part of the cache that a query is about.

use std::collections::BTreeMap;

use atom_operators::start_time::StartOrigin;

use super::cached_rows::{CachedRow, SearchCache};
use super::page_token::PageToken;
use super::query::Query;
use crate::change_feed::FeedSource;
use crate::read::start_times;
use crate::source_filter::Span;

/// The sources, spans and rows that a query searches.
pub(super) struct SearchScope<'q> {
    pub(super) cache: &'q SearchCache,
    pub(super) query: &'q Query,
    /// The newest row that takes part.
    pub(super) newest: i64,
    /// The searched span of each source, if it is searched.
    spans: Vec<Option<Span>>,
}

impl<'q> SearchScope<'q> {
    pub(super) fn new(cache: &'q SearchCache, query: &'q Query, page: Option<PageToken>) -> Self {
        let span = |source: &FeedSource| {
            let selected = source.present && query.filter.matches_name(&source.state.source);
            selected.then(|| query.filter.span(source.start_utc_ms()))?
        };
        let current = cache.rows.iter().filter(|row| row.current);
        let newest = current.map(|row| row.id).max();
        Self {
            cache,
            query,
            newest: page.map_or_else(|| newest.unwrap_or(0), |page| page.newest),
            spans: cache.sources().iter().map(span).collect(),
        }
    }

    /// Returns the searched sources, by name, with their spans.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&'q FeedSource, Span)> + Clone {
        let mut sources: Vec<_> = self
            .cache
            .sources()
            .iter()
            .zip(&self.spans)
            .filter_map(|(source, span)| Some((source, (*span)?)))
            .collect();
        sources.sort_by_key(|(source, _)| &source.state.source);
        sources.into_iter()
    }

    /// Returns the start times of the searched sources, as text.
    pub(super) fn start_times(&self) -> BTreeMap<String, String> {
        let start = |(source, _): (&FeedSource, Span)| {
            let start = wall_time(source, 0)?;
            Some((source.state.source.clone(), start))
        };
        self.sources().filter_map(start).collect()
    }

    /// Returns the origins of the start times of the searched sources.
    pub(super) fn start_origins(&self) -> BTreeMap<String, StartOrigin> {
        let origin = |(source, _): (&FeedSource, Span)| {
            let origin = source.start?.origin;
            Some((source.state.source.clone(), origin))
        };
        self.sources().filter_map(origin).collect()
    }

    /// Returns the sources that are left out because their start time is not known.
    pub(super) fn without_start(&self) -> Vec<String> {
        let sources = self.cache.sources().iter().zip(&self.spans);
        let mut names: Vec<_> = sources
            .filter(|(source, span)| {
                let name = &source.state.source;
                span.is_none() && source.present && self.query.filter.matches_name(name)
            })
            .map(|(source, _)| source.state.source.clone())
            .collect();
        names.sort_unstable();
        names
    }

    /// Returns, for each row, whether the first page of this search knew it.
    pub(super) fn known(&self) -> Vec<bool> {
        let rows = self.cache.rows.iter();
        rows.map(|row| row.current && row.id <= self.newest)
            .collect()
    }

    /// Returns true if a row lies in the searched span of its source.
    pub(super) fn admits(&self, row: &CachedRow) -> bool {
        self.spans[row.source].is_some_and(|span| span.admits(row.start_ms, row.end_ms))
    }
}

/// Formats the wall time at a media time of a source, if its start time is known.
pub(super) fn wall_time(source: &FeedSource, ms: u64) -> Option<String> {
    start_times::wall_time(source.start_utc_ms()?, ms)
}
