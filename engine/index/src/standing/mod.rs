//! Standing queries: texts whose best matches are kept up to date, and counts of what was seen.
//!
//! The maintainer follows the rows of a store, scores them by every query, feeds both into a differential dataflow, and writes
//! the differences to the table of matches, with an event for each.

mod apply;
mod counts;
mod delta;
pub(crate) mod maintainer;
pub(crate) mod matches;
pub(crate) mod queries;
mod query_vectors;
pub(crate) mod scorers;
mod segments;
mod terms;
mod watermarks;
