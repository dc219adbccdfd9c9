//! Removes the oldest segments by a retention policy, and leaves a gap of kind "expired".
//!
//! Segments are removed by plain deletes, so everything that follows rows by triggers follows here too. What was removed of a
//! source under one pack is one stretch, from the beginning of the first segment to the end of the last; gaps inside it merge
//! into it.
//! Invariant: no segment is removed without a stretch that records it, and removal never changes how far a source is complete.

mod expire;
mod expired_stretch;
mod surplus;
#[cfg(test)]
mod tests;

pub(crate) use expire::{expired_stretch, is_fully_expired};
