//! Results on stdout: the only place of the program that writes there.
//!
//! Names, captions and queries are foreign text. Invariant: what is printed here has no character that could move the
//! cursor, forge a row or reorder a line, except those that the program itself put into a layout. JSON keeps every
//! character as an escape.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use atom_operators::printable::{printable, printable_json};
use atom_runtime::sink::SinkError;
use serde::Serialize;

use super::progress_bar::suspend_progress_bar;

/// Number of names that are listed in a line.
const MAX_NAMES: usize = 8;

/// Writes a line of a result to stdout. Line breaks and other control characters in it are shown as escapes.
///
/// # Errors
/// If stdout cannot be written to, for example because its reader is gone or the disk is full.
pub fn print_line(line: &str) -> anyhow::Result<()> {
    print_layout(&printable(line))
}

/// Writes a value to stdout as one line of JSON.
///
/// # Errors
/// As [`print_line`], or if the value cannot be JSON.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print_layout(&printable_json(&serde_json::to_string(value)?))
}

/// Writes text to stdout that the program laid out itself: tables, drawings, several lines, bold words.
///
/// Foreign text must be made [`printable`] before it is put into the layout.
///
/// # Errors
/// As [`print_line`].
pub fn print_layout(text: &str) -> anyhow::Result<()> {
    write_layout(text).context("cannot write to stdout")
}

/// Writes a line to stdout as [`print_line`] does, for callers that report the error of the system themselves.
pub(super) fn write_line(line: &str) -> io::Result<()> {
    write_layout(&printable(line))
}

/// Writes a value to stdout as [`print_json`] does, for callers that report the error of the system themselves.
pub(super) fn write_json(value: &impl Serialize) -> io::Result<()> {
    write_layout(&printable_json(&serde_json::to_string(value)?))
}

/// Writes text to stdout as [`print_layout`] does, for callers that report the error of the system themselves.
pub(super) fn write_layout(text: &str) -> io::Result<()> {
    suspend_progress_bar(|| {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        stdout.flush()
    })
}

/// Returns stdout for a sink, whose formats escape foreign text themselves.
pub fn stdout_of_sink() -> Box<dyn Write + Send> {
    Box::new(io::stdout())
}

/// Returns the columns of the terminal that stdout is, if it is one.
pub fn stdout_columns() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map(|(columns, _)| usize::from(columns.0))
}

/// Returns true if stdout is a terminal.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Returns true if an error only means that nobody reads our output any more; for a program in a pipe that is success.
pub fn closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            || cause
                .downcast_ref::<SinkError>()
                .is_some_and(SinkError::is_closed_pipe)
    })
}

/// Lists the first names, and the number of the others.
pub fn list_names(names: &[String]) -> String {
    let shown = names.iter().take(MAX_NAMES).cloned();
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MAX_NAMES) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}
