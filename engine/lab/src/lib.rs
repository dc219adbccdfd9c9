//! Evaluation of packs and benchmarks of the engine: [`eval`] compares a pack's output with reference captions,
//! [`mod@bench`] measures the savings of shared modules and the growth of cost.
//!
//! The commands `atom eval` and `atom bench` print these measurements. No crate that runs pipelines depends on this one.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bench;
pub mod error;
pub mod eval;

pub use error::LabError;
