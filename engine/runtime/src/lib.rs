//! Runs a plan: opens its resources, builds and drives the dataflow graph, writes results, and reports.
//!
//! [`run::run`] is the entry; an [`Observer`] gets the results. The files in reading order:
//!
//! | file | holds |
//! |---|---|
//! | `output_event`, `observer` | the events of a run, and their receiver |
//! | `resume_point`, `source_plan_facts` | the start of a source, and facts of the plan about it |
//! | `intake_context` | the context that all threads around the sources share |
//! | `run_status`, `run_problems`, `module_health`, `metrics`, `process_usage` | the state of a run while it works |
//! | `run_context` | the context that all threads of a run share |
//! | `sink`, `index_writer`, `retention_task` | files and indexes that results are written to |
//! | `resources` | everything a run needs, opened before it starts |
//! | `input_channels`, `source_queue`, `source_workers` | sources: found, queued, played into the graph |
//! | `graph`, `graph_worker` | the dataflow graph of a plan, and the loop that steps it |
//! | `writer` | results written to the observer, the sinks and the indexes |
//! | `retry_pause`, `standing_queries` | standing queries kept up to date during a run |
//! | `run_options`, `run_threads`, `run` | a whole run, from its options to its outcome |
//! | `run_report`, `run_outcome` | the counts and errors of a run |
//! | `store_archive`, `index_summarizer` | questions about an index and summaries of it |
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod graph;
mod graph_worker;
pub mod index_summarizer;
mod index_writer;
mod input_channels;
mod intake_context;
pub mod metrics;
mod module_health;
mod observer;
mod output_event;
pub mod process_usage;
mod resources;
mod resume_point;
mod retention_task;
mod retry_pause;
mod run;
mod run_context;
mod run_options;
mod run_outcome;
mod run_problems;
pub mod run_report;
mod run_status;
mod run_threads;
pub mod sink;
mod source_plan_facts;
mod source_queue;
mod source_workers;
mod standing_queries;
pub mod store_archive;
mod writer;

pub use error::RuntimeError;
pub use graph::{GraphBuilder, GraphInputs, LanguageModules};
pub use observer::{NullObserver, Observer, Progress};
pub use output_event::{OutputEvent, SourceEvent};
pub use resources::Modules;
pub use run::run;
pub use run_options::{Questions, RunHandles, RunOptions, StartServer};
pub use run_outcome::RunOutcome;
pub use run_problems::RunProblems;
pub use run_report::Report;
pub use run_status::{FolderProgress, RunStatus, SourceStatus};
