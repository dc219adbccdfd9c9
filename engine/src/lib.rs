//! Makes a plan run: sources, the assembled graph, sinks, the store.
//!
//! In reading order: [`source`] brings frames, [`assemble`] and `branches` build the graph of a plan, [`mod@open`] and [`run`] run it, [`writer`] brings
//! results out to [`audience`], [`sink`] and, through [`shelf`], [`store`], [`vitals`], [`metrics`] and [`serve`] tell how it is doing, [`archive`] and [`summarize`] read what is stored, [`report`] tells what it came to. [`eval`] measures a pack, [`mod@bench`] what sharing modules saves. The program `atom` is
//! `main.rs` and `cli`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archive;
pub mod assemble;
pub mod audience;
pub mod bench;
mod branches;
pub mod error;
pub mod eval;
mod feed;
pub mod keeper;
pub mod metrics;
pub mod open;
mod players;
mod queries;
pub mod report;
pub mod run;
pub mod serve;
pub mod shelf;
pub mod sink;
pub mod source;
pub mod stats;
pub mod store;
pub mod summarize;
pub mod vitals;
pub mod writer;

pub use error::EngineError;
pub use report::Report;
