//! Lines on stdout and stderr, printed around the progress bar.

use std::io::{self, Write};

use atom_runtime::sink::SinkError;

use super::progress_bar::suspend_progress_bar;

/// Number of names that are listed in a line.
const MAX_NAMES: usize = 8;

/// Writes a line of a result to stdout.
///
/// # Errors
/// If stdout cannot be written to, usually because its reader is gone.
pub fn print_line(line: &str) -> io::Result<()> {
    suspend_progress_bar(|| writeln!(io::stdout().lock(), "{line}"))
}

/// Writes a line for the user to stderr.
pub fn eprint_line(line: &str) {
    // There is nowhere left to report that stderr is gone.
    suspend_progress_bar(|| drop(writeln!(io::stderr().lock(), "{line}")));
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
