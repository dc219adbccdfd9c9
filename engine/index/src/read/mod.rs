//! Reads a store: rows, states of sources, and how complete they are.

pub(crate) mod incomplete;
pub(crate) mod packs;
mod rows;
mod select;
mod sources;
pub(crate) mod start_times;
mod summaries;
mod wait;
