//! Makes a plan run: resources, the assembled graph, sinks, the index.
//!
//! In reading order: [`assemble`] and `branches` build the graph of a plan, [`mod@open`] and [`run`] run it, [`writer`] brings
//! results out to [`audience`], [`sink`] and, through [`shelf`], the index, [`vitals`] and [`metrics`] tell how it is doing, [`archive`] and [`summarize`] read what is stored, [`report`] tells what it came to.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archive;
pub mod assemble;
pub mod audience;
mod branches;
pub mod error;
mod feed;
pub mod keeper;
pub mod metrics;
pub mod open;
mod players;
mod queries;
pub mod report;
pub mod run;
pub mod shelf;
pub mod sink;
pub mod summarize;
pub mod vitals;
pub mod writer;

pub use error::RuntimeError;
pub use report::Report;
