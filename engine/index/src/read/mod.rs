//! Reads a store: rows, states of sources, and their completeness.

pub(crate) mod coverage_gaps;
pub(crate) mod pack_stats;
mod rows;
mod source_selection;
mod source_states;
pub(crate) mod start_times;
mod wait_until_complete;
