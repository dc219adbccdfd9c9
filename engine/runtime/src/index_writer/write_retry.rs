//! Waits for an index that cannot be written now, because the disk is full or another process holds it.

use std::{path::Path, time::Duration};

use atom_index::StoreError;
use atom_models::error_chain;
use atom_operators::cancel::CancellationToken;
use tracing::warn;

use crate::run_problems::RunProblems;

/// Pause before the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// Returns the name of an index in the list of problems.
pub(crate) fn index_part(path: &Path) -> String {
    format!("index {}", path.display())
}

/// The attempts to write to an index; the first failed one is logged, and the index is listed as a problem until one
/// succeeds.
pub(crate) struct Retry<'c> {
    part: String,
    stop: &'c CancellationToken,
    problems: &'c RunProblems,
}

impl<'c> Retry<'c> {
    /// Returns the attempts to write to `part`, which end at the latest when `stop` is cancelled.
    pub(crate) fn new(
        part: String,
        stop: &'c CancellationToken,
        problems: &'c RunProblems,
    ) -> Self {
        Self {
            part,
            stop,
            problems,
        }
    }

    /// Repeats an attempt to write until it succeeds, fails for good, or the run stops.
    pub(crate) fn run<T>(
        &self,
        mut write: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            match write() {
                Err(error) if self.may_pass(&error) => self.wait(&error),
                Ok(written) => {
                    self.succeeded();
                    return Ok(written);
                }
                failed => return failed,
            }
        }
    }

    /// Returns true if another attempt is worth it.
    pub(crate) fn may_pass(&self, error: &StoreError) -> bool {
        error.is_transient() && !self.stop.is_cancelled()
    }

    /// Notes that an attempt succeeded.
    pub(crate) fn succeeded(&self) {
        self.problems.clear(&self.part);
    }

    /// Pauses after a failed attempt, at most until the run stops.
    pub(crate) fn wait(&self, error: &StoreError) {
        let reason = error_chain(error);
        if self.problems.set(&self.part, reason.clone()) {
            warn!("{reason}; retrying until it succeeds");
        }
        self.stop.wait(PAUSE);
    }
}
