//! Everything the program prints: results on stdout, all else on stderr.
//!
//! - `print_line`: single lines on stdout or stderr, around the progress bar
//! - `progress_bar`: the progress bar
//! - `borderless_table`: aligned columns without borders
//! - `run_printer`: results, source events and progress of a run, as they come
//! - `outcome_report`: failures at the end of a run, and the exit code
//! - `source_completeness`: the time through which each source is complete, and its gaps
//! - `query_lines`: matches and events of standing queries

mod borderless_table;
mod outcome_report;
mod print_line;
mod progress_bar;
mod query_lines;
mod run_printer;
mod source_completeness;

pub use borderless_table::{TableColumn, borderless_table};
pub use outcome_report::report_outcome;
pub use print_line::{closed_pipe, eprint_line, list_names, print_line};
pub use progress_bar::{FileProgress, clear_progress, show_partial_answer, suspend_progress_bar};
pub use query_lines::{event_line, match_line};
pub use run_printer::{ResultFormat, RunPrinter};
pub use source_completeness::{print_completeness, time_range};
