//! Ranks the rows of a scope by words and by vectors.

use std::panic::resume_unwind;
use std::thread;

use rusqlite::{Connection, Result};

use super::bm25::WordIndex;
use super::query_text::FtsQuery;
use super::rank_fusion::{DEPTH, ScoredRow, VECTOR_WEIGHT, WORD_WEIGHT, fuse, interleave};
use super::search_scope::SearchScope;
use super::tokenizer::Tokenizer;

/// Returns all rows that match, best first.
pub(super) fn rank(
    scope: &SearchScope,
    moment: &Connection,
    tokenizer: &Tokenizer,
    words: &FtsQuery,
) -> Result<Vec<ScoredRow>> {
    let cache = scope.cache;
    let index = WordIndex {
        moment,
        tokenizer,
        cache,
    };
    let known = scope.known();
    let rows = cache.rows.iter().zip(&known);
    let mut kept: Vec<bool> = rows
        .map(|(row, known)| *known && scope.admits(row))
        .collect();
    if let Some(unwanted) = &words.unwanted {
        for position in index.matches(unwanted)? {
            kept[position] = false;
        }
    }
    let depth = scope.query.limit.max(DEPTH);
    // SQLite works on this thread while another scans the vectors.
    let (by_words, by_vectors) = thread::scope(|threads| {
        let scan = threads.spawn(|| rank_by_vectors(scope, &kept, depth));
        let by_words = index.rank(&words.wanted, &known, &kept);
        let by_vectors = scan.join().unwrap_or_else(|panic| resume_unwind(panic));
        (by_words, by_vectors)
    });
    let rankings = [(VECTOR_WEIGHT, by_vectors), (WORD_WEIGHT, by_words?)];
    Ok(fuse(rankings, depth, &|position| cache.order(position)))
}

/// Ranks rows by their similarity with the query, each with the query vector of its own pack.
fn rank_by_vectors(scope: &SearchScope, kept: &[bool], depth: usize) -> Vec<ScoredRow> {
    let cache = scope.cache;
    let vectors = scope.query.vectors.iter();
    let rankings = vectors.map(|(id, vector)| {
        let kept = cache.of_pack(id, kept);
        cache.vectors.similarities(vector, &kept)
    });
    interleave(rankings, depth, &|position| cache.order(position))
}
