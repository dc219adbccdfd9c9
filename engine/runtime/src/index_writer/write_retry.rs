//! Waits for an index that cannot be written now, because the disk is full or another process holds it.

use std::time::Duration;

use atom_index::StoreError;
use atom_models::error_chain;
use atom_operators::cancel::CancellationToken;
use tracing::warn;

/// Pause before the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// The attempts to write to an index; the first failed one is logged.
#[derive(Default)]
pub(crate) struct Retry {
    logged: bool,
}

impl Retry {
    /// Pauses after a failed attempt, at most until the run stops.
    pub(crate) fn wait(&mut self, error: &StoreError, stop: &CancellationToken) {
        if !std::mem::replace(&mut self.logged, true) {
            warn!(
                "{}; it is tried again until that has passed",
                error_chain(error)
            );
        }
        stop.wait(PAUSE);
    }
}

/// Repeats an attempt to write until it succeeds, fails for good, or the run stops.
pub(super) fn retrying(
    mut write: impl FnMut() -> Result<(), StoreError>,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let mut retry = Retry::default();
    loop {
        match write() {
            Err(error) if error.is_transient() && !stop.is_cancelled() => retry.wait(&error, stop),
            result => return result,
        }
    }
}
