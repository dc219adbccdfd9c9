//! Everything the program prints: results on stdout, all else on stderr.
//!
//! - `lines`: single lines on stdout or stderr, around the progress bar
//! - `progress`: the progress bar
//! - `table`: aligned columns without borders
//! - `observer`: results, source events and progress of a run, as they come
//! - `outcome`: failures at the end of a run, and the exit code
//! - `completeness`: the time through which each source is complete, and its gaps
//! - `query_lines`: matches and events of standing queries

mod completeness;
mod lines;
mod observer;
mod outcome;
mod progress;
mod query_lines;
mod table;

pub use completeness::{print_completeness, time_range};
pub use lines::{closed_pipe, eprint_line, list_names, print_line};
pub use observer::{ResultFormat, RunPrinter};
pub use outcome::report_outcome;
pub use progress::{FileProgress, clear_progress, show_partial_answer, suspend_progress_bar};
pub use query_lines::{event_line, match_line};
pub use table::{TableColumn, borderless_table};
