//! Evaluation of packs and benchmarks of the engine: [`eval`] compares a pack's output with what people wrote,
//! [`mod@bench`] measures what sharing modules saves and how cost grows.
//!
//! The commands `atom eval` and `atom bench` print these measurements. No crate that runs pipelines depends on this one.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bench;
pub mod error;
pub mod eval;

pub use error::LabError;
