//! Benchmarks of the savings of shared modules and the cost of the engine, on the user's machine.
//!
//! In reading order:
//! - [`tasks`] has the tasks over videos, as pipeline files; [`task_run`] does some of them in this process and reports
//!   their cost; [`task_process`] does so in a process of its own.
//! - [`reuse`] runs all tasks in several shapes (`process_shapes`), `output_comparison` checks that they give the same
//!   results, [`reuse_report`] computes ratios, and [`gantt_chart`] draws the activity of modules.
//! - [`overhead`] compares a run with its module calls alone, which [`call_replay`] records and makes again, and with the
//!   graph alone, which [`graph_throughput`] runs.
//! - [`scale`] measures how cost grows, a [`sweep`] for each quantity, over [`synthetic_segments`] where no recording is
//!   long enough; [`scale_chart`] draws it.
//! - [`preloaded_modules`] has modules that stay loaded over several runs, [`round_statistics`] the median and range of
//!   rounds.
//!
//! Everything is measured in one run on one machine: numbers of different runs do not compare.

pub mod call_replay;
pub mod gantt_chart;
pub mod graph_throughput;
mod output_comparison;
pub mod overhead;
pub mod preloaded_modules;
mod process_shapes;
pub mod reuse;
pub mod reuse_report;
pub mod round_statistics;
pub mod scale;
pub mod scale_chart;
pub mod sweep;
pub mod synthetic_segments;
pub mod task_process;
pub mod task_run;
pub mod tasks;
