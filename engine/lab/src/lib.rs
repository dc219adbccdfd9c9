//! Evaluation and benchmarks: [`eval`] measures a pack against what people wrote, [`mod@bench`] what sharing modules saves.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bench;
pub mod eval;
