//! Runs a query, from its text to its hits.
//!
//! Invariant: everything an answer holds, hits and completeness, is of one moment of the store.

use std::collections::{BTreeMap, btree_map::Entry};

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::bm25;
use super::cached_rows::SearchCache;
use super::page_token::PageToken;
use super::query::Query;
use super::query_text::{FtsQuery, any_of};
use super::rank::rank;
use super::rank_fusion::ScoredRow;
use super::search_scope::{SearchScope, wall_time};
use super::tokenizer::Tokenizer;
use crate::catalog::source_path::readable_path_of;
use crate::error::StoreError;
use crate::hit::{Hit, Hits};
use crate::read::coverage_gaps::read_incomplete;
use crate::store::Store;

const TEXT: &str = "SELECT coalesce(caption, tags) FROM segments WHERE id = ?1";
/// About 24 words, with the matches marked.
const SNIPPET: &str = "
    SELECT snippet(segments_fts, -1, '[', ']', '…', 24) FROM segments_fts
    WHERE segments_fts MATCH ?1 AND rowid = ?2";

impl Store {
    /// Returns the best segments for `query`, and how complete each searched source is.
    ///
    /// Costs one look-up in the full-text index and one pass over all vectors; the first call of a process also reads all vectors
    /// from disk, and one after a change reads what changed.
    ///
    /// # Errors
    /// If the query asks for nothing (no word, limit 0, a span that ends before it begins), names a source that does not
    /// exist or an invalid page, or the store cannot be read.
    pub fn search(&self, query: &Query) -> std::result::Result<Hits, StoreError> {
        let words = query.check()?;
        let page = PageToken::of(query)?;
        let failed = StoreError::at(&self.path, "search");
        let tokenizer = self.tokenizer().map_err(&failed)?;
        let moment = self.connection.unchecked_transaction().map_err(&failed)?;
        let mut cache = self.search_cache.borrow_mut();
        cache.refresh(&moment).map_err(&failed)?;
        let cache = &*cache;
        self.check_sources(query, cache)?;
        let scope = SearchScope::new(cache, query, page);
        let ranked = rank(&scope, &moment, tokenizer, &words).map_err(&failed)?;
        let offset = page.map_or(0, |page| page.offset);
        let on_page = ranked.iter().skip(offset).take(query.limit);
        let next = PageToken {
            newest: scope.newest,
            offset: offset.saturating_add(query.limit),
        };
        let states = scope.sources().map(|(source, span)| (&source.state, span));
        let complete_through = states
            .clone()
            .map(|(state, _)| (state.source.clone(), state.sealed_ms));
        Ok(Hits {
            hits: hits(&scope, &moment, &words, on_page).map_err(&failed)?,
            complete_through_ms: complete_through.collect(),
            start_utc: scope.start_times(),
            start_utc_from: scope.start_origins(),
            incomplete: read_incomplete(&moment, states).map_err(&failed)?,
            next: (next.offset < ranked.len()).then(|| next.format(query)),
            without_start: scope.without_start(),
        })
    }

    fn tokenizer(&self) -> Result<&Tokenizer> {
        if let Some(tokenizer) = self.tokenizer.get() {
            return Ok(tokenizer);
        }
        bm25::prepare(&self.connection)?;
        let tokenizer = Tokenizer::new()?;
        Ok(self.tokenizer.get_or_init(|| tokenizer))
    }

    fn check_sources(
        &self,
        query: &Query,
        cache: &SearchCache,
    ) -> std::result::Result<(), StoreError> {
        let present = cache.sources().iter().filter(|source| source.present);
        let mut names: Vec<&str> = present.map(|source| &*source.state.source).collect();
        names.sort_unstable();
        match query.filter.unmatched(&names) {
            Some(unmatched) => {
                let names = names.into_iter();
                Err(StoreError::unknown_source(&self.path, unmatched, names))
            }
            None => Ok(()),
        }
    }
}

/// Reads the texts of ranked rows.
fn hits<'s>(
    scope: &SearchScope,
    moment: &Connection,
    words: &FtsQuery,
    ranked: impl Iterator<Item = &'s ScoredRow>,
) -> Result<Vec<Hit>> {
    let mut texts = moment.prepare(TEXT)?;
    let mut snippets = moment.prepare(SNIPPET)?;
    let mut paths = BTreeMap::new();
    let wanted = any_of(&words.wanted);
    let mut hits = Vec::new();
    for (position, score) in ranked {
        let row = &scope.cache.rows[*position];
        let source = &scope.cache.sources()[row.source];
        let snippet = match &wanted {
            Some(wanted) => snippets
                .query_row(params![wanted, row.id], |row| row.get(0))
                .optional()?
                .flatten(),
            None => None,
        };
        let path = match paths.entry(row.source) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(readable_path_of(moment, &source.state.source)?),
        };
        hits.push(Hit {
            source: source.state.source.clone(),
            path: path.clone(),
            start_ms: row.start_ms,
            end_ms: row.end_ms,
            text: texts.query_row([row.id], |row| row.get(0))?,
            score: *score,
            start_utc: wall_time(source, row.start_ms),
            start_utc_from: source.start.map(|start| start.origin),
            snippet,
        });
    }
    Ok(hits)
}
