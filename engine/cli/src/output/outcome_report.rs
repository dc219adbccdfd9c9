//! The end of a run: failures, errors, sources that are incomplete, and the exit code.
//!
//! Each failure is named once: that of a recording in a folder when it happens, so that its count is enough at the end.

use std::process::ExitCode;

use atom_operators::{counted::counted, media_time::MediaTime};
use atom_runtime::RunOutcome;

use super::{eprint_error, eprint_warning};

/// Number of incomplete sources that are named.
const MAX_NAMED: usize = 10;

/// Prints the failures and errors of a run, and returns the exit code.
pub fn report_outcome(outcome: &RunOutcome) -> ExitCode {
    for (stage, reasons) in &outcome.report.failures {
        let counts: Vec<_> = reasons
            .iter()
            .map(|(reason, count)| format!("{count} x {reason}"))
            .collect();
        eprint_warning(&format!("failures in stage {stage}: {}", counts.join(", ")));
    }
    for error in outcome.error_messages() {
        eprint_error(&error);
    }
    if !outcome.failed.is_empty() {
        let recordings = counted(outcome.failed.len(), "recording");
        eprint_error(&format!("{recordings} failed, as reported above"));
    }
    report_incomplete(outcome);
    match outcome.succeeded() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Names the first sources that were not processed to their end, and counts the others.
fn report_incomplete(outcome: &RunOutcome) {
    for (source, complete_through_ms) in outcome.incomplete.iter().take(MAX_NAMED) {
        let through = MediaTime::from_millis(*complete_through_ms);
        eprint_error(&format!(
            "{source} was not processed to its end; it is complete through {through}"
        ));
    }
    if let Some(more @ 1..) = outcome.incomplete.len().checked_sub(MAX_NAMED) {
        let sources = counted(more, "more source");
        eprint_error(&format!("{sources} not processed to the end"));
    }
}
