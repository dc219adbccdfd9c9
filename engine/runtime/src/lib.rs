//! Runs a plan: opens its resources, builds and drives the dataflow graph, writes results, and reports.
//!
//! [`run::run`] is the entry; an [`Observer`] gets the results. The files in reading order:
//!
//! | file | holds |
//! |---|---|
//! | `event`, `observer` | the events of a run, and their receiver |
//! | `resume_point`, `source_plan`, `source_context` | the start of a source, facts of the plan about it, values its threads share |
//! | `status`, `health`, `metrics`, `process`, `run_state` | the state of a run while it works |
//! | `sink`, `index_writer`, `retention` | files and indexes that results are written to |
//! | `resources` | everything a run needs, opened before it starts |
//! | `input_channels`, `source_queue`, `source_workers` | sources: found, queued, played into the graph |
//! | `graph`, `graph_worker` | the dataflow graph of a plan, and the loop that steps it |
//! | `writer` | results written to the observer, the sinks and the indexes |
//! | `standing_queries` | standing queries kept up to date during a run |
//! | `options`, `threads`, `run` | a whole run, from its options to its outcome |
//! | `report`, `outcome` | the counts and errors of a run |
//! | `archive`, `summarize` | questions about an index and summaries of it |
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archive;
mod error;
mod event;
mod graph;
mod graph_worker;
mod health;
mod index_writer;
mod input_channels;
pub mod metrics;
mod observer;
mod options;
mod outcome;
pub mod process;
pub mod report;
mod resources;
mod resume_point;
mod retention;
mod run;
mod run_state;
pub mod sink;
mod source_context;
mod source_plan;
mod source_queue;
mod source_workers;
mod standing_queries;
mod status;
pub mod summarize;
mod threads;
mod writer;

pub use error::RuntimeError;
pub use event::{OutputEvent, SourceEvent};
pub use graph::{GraphBuilder, GraphInputs, LanguageModules};
pub use observer::{NullObserver, Observer, Progress};
pub use options::{Questions, RunOptions, RunView, ServerHook};
pub use outcome::RunOutcome;
pub use report::Report;
pub use resources::Modules;
pub use run::run;
pub use status::{FolderProgress, RunStatus, SourceStatus};
