//! The index on disk: one SQLite file per *store*, written by runs, searched by words and by vectors.
//!
//! Recordings stay searchable long after the models have run, and a run that was interrupted continues where it stopped: rows and
//! the time through which a source is complete move in one transaction.
//! Invariant: a row is either in the table, the full-text index and the vectors, or in none of them.
//!
//! | module | holds |
//! |---|---|
//! | `store` | an open store |
//! | `row`, `source_state`, `source_filter`, `hit` | the types that callers see |
//! | `pack_key` | the key that the rows of a pack are stored under |
//! | `error` | the errors, each with a remedy |
//! | `schema` | the tables; opening or refusing a file |
//! | `column_conversion`, `int8_vector`, `source_table` | values as columns, vectors as bytes, the tables of sources |
//! | `write` | runs: `begin`, `restart`, `seal`, `finish` |
//! | `read` | rows, states of sources, packs, missing stretches, waiting |
//! | `catalog` | the files of the sources, and their changes |
//! | `retention` | removes the oldest segments by a policy |
//! | `change_feed` | feeds changed rows to caches in memory |
//! | `search` | queries, rankings, hits |
//! | `standing` | standing queries, their matches and events, counts |
//! | `stats` | counts of concepts and answers by hour |
//! | `maintenance` | checks, backups, compaction, statistics |
//!
//! A source is stored under a *pack*, a key that the caller makes of the pack's version and the settings. While it is indexed
//! again under another key, searches read the old rows until the new ones have caught up; `finish` then replaces them. All packs
//! of a live source stay.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod catalog;
mod change_feed;
mod column_conversion;
mod error;
mod hit;
mod int8_vector;
mod maintenance;
mod pack_key;
mod read;
mod retention;
mod row;
mod schema;
mod search;
mod source_filter;
mod source_state;
mod source_table;
mod standing;
pub mod stats;
mod store;
#[cfg(test)]
mod testing;
mod write;

pub use atom_operators::qa::archive::{CoverageGap, GapReason};
pub use catalog::catalog_file::CatalogFile;
pub use catalog::path_to_text;
pub use catalog::reconcile::{DiscoveredFile, ReconciledFile, Reconciliation};
pub use error::StoreError;
pub use hit::{Hit, Hits};
pub use maintenance::{ByteUsage, Compaction, Problem, StoreStats};
pub use pack_key::pack_id;
pub use read::pack_stats::PackStats;
pub use row::{Gap, Row, Seal, StoredRow};
pub use search::hit_groups::HitGroup;
pub use search::query::Query;
pub use search::text_to_embed;
pub use source_filter::{Filter, SelectedSource, Selection};
pub use source_state::{Progress, SourceFailure, SourceState};
pub use standing::maintainer::StandingQueryMaintainer;
pub use standing::matches::{Match, MatchChange, QueryEvent, SegmentSpan};
pub use standing::pack_scorers::PackScorer;
pub use standing::queries::{MAX_STANDING_QUERIES, StandingQuery};
pub use store::Store;
