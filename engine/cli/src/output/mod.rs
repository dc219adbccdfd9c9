//! Everything the program prints: results on stdout, all else on stderr.
//!
//! - `print_line`: results on stdout, around the progress bar
//! - `messages`, `message_format`: messages on stderr, as text or as JSON
//! - `progress_bar`: the progress bar
//! - `borderless_table`, `right_to_left`: aligned columns without borders, and names of other scripts in them
//! - `run_printer`: results, source events and progress of a run, as they come
//! - `outcome_report`: failures at the end of a run, and the exit code
//! - `source_completeness`: the time through which each source is complete, and its gaps
//! - `moment_text`: times, date, source and path of a moment
//! - `player_command`: command lines that play a moment
//! - `query_lines`: matches and events of standing queries

mod borderless_table;
mod message_format;
mod messages;
mod moment_text;
mod outcome_report;
mod player_command;
mod print_line;
mod progress_bar;
mod query_lines;
mod right_to_left;
mod run_printer;
mod source_completeness;

pub use borderless_table::{TableColumn, borderless_table};
pub use message_format::{
    messages_are_json, progress_can_be_drawn, stderr_is_terminal, write_messages_as_json,
};
pub use messages::{
    eprint_error, eprint_error_lines, eprint_line, eprint_log_line, eprint_usage, eprint_warning,
    eprint_warning_lines,
};
pub use moment_text::MomentText;
pub use outcome_report::report_outcome;
pub use player_command::Player;
pub use print_line::{
    closed_pipe, list_names, print_json, print_layout, print_line, stdout_columns,
    stdout_is_terminal, stdout_of_sink,
};
pub use progress_bar::{FileProgress, clear_progress, show_partial_answer, suspend_progress_bar};
pub use query_lines::{event_line, match_line};
pub use right_to_left::isolated;
pub use run_printer::{ResultFormat, RunPrinter};
pub use source_completeness::{print_completeness, time_range};
