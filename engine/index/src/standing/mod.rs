//! Standing queries: texts whose best matches are kept up to date, and counts of concepts.
//!
//! The maintainer follows the rows of a store, scores them by every query, feeds both into a differential dataflow, and writes
//! the differences to the table of matches, with an event for each.

mod apply_match_delta;
pub(crate) mod maintainer;
mod match_delta;
pub(crate) mod matches;
pub(crate) mod pack_scorers;
pub(crate) mod queries;
mod query_vectors;
mod segment_counts;
mod term_numbers;
mod tracked_segments;
mod watermarks;
