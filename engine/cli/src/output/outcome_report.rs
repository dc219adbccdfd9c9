//! The end of a run: failures, errors, sources that are incomplete, and the exit code.

use std::process::ExitCode;

use atom_operators::media_time::MediaTime;
use atom_runtime::RunOutcome;

use super::{eprint_error, eprint_warning};

/// Prints what went wrong in a run, and returns the exit code.
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
    for (source, complete_through_ms) in &outcome.incomplete {
        let through = MediaTime::from_millis(*complete_through_ms);
        eprint_error(&format!(
            "{source} was not worked through to its end, it is complete through {through}"
        ));
    }
    match outcome.errors.is_empty() && outcome.incomplete.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
