//! Searches a store by words and by vectors.
//!
//! Two rankings are fused by `rank_fusion`: words by BM25, and vectors by their cosine with the query, each pack by itself. Rows that the
//! query's sources, span or minus words exclude take part in neither.
//! A vector is like every other to some degree, so with a vector there are hits while rows last; their order carries the meaning.

mod bm25;
pub(crate) mod cached_rows;
mod execute_query;
pub(crate) mod hit_groups;
mod page_token;
pub(crate) mod query;
mod query_text;
mod rank;
mod rank_fusion;
mod row_positions;
mod search_scope;
#[cfg(test)]
mod tests;
pub(crate) mod tokenizer;
mod vector_scan;

pub use query_text::text_to_embed;
