//! A circuit breaker: stops work that keeps failing, so that the run can end with the cause.
//!
//! Once it has tripped, every further item fails at once: the graph runs dry and the run reports the last fault.

use std::sync::Arc;

use atom_models::{Fault, Reason};
use parking_lot::Mutex;

/// Failures in a row that trip the breaker: a broken model fails on everything, while bad data does not come in such
/// runs without a good item between. A higher value delays the end of a hopeless run.
pub const FAILURES_TO_TRIP: u32 = 8;

/// The circuit breaker of one model's work. Clones share its state.
#[derive(Clone, Debug, Default)]
pub struct CircuitBreaker(Arc<Mutex<BreakerState>>);

#[derive(Debug, Default)]
struct BreakerState {
    successes: u64,
    failures_in_a_row: u32,
    last_fault: Option<Fault>,
}

impl CircuitBreaker {
    /// Records the result of one item. A success counts only if `counts_as_success` accepts it.
    pub(crate) fn record<O>(&self, result: &Result<O, Fault>, counts_as_success: fn(&O) -> bool) {
        let mut state = self.0.lock();
        match result {
            Ok(output) if !counts_as_success(output) => {}
            Ok(_) => {
                state.successes += 1;
                state.failures_in_a_row = 0;
            }
            // There was nothing to work on, or the client had gone: the work itself did not fail.
            Err(Fault {
                reason: Reason::Missing | Reason::Late | Reason::Cancelled,
                ..
            }) => {}
            Err(fault) => {
                state.failures_in_a_row += 1;
                state.last_fault = Some(fault.clone());
            }
        }
    }

    /// Returns the last fault if the breaker has tripped.
    pub fn tripped(&self) -> Option<Fault> {
        let state = self.0.lock();
        if state.failures_in_a_row >= FAILURES_TO_TRIP {
            state.last_fault.clone()
        } else {
            None
        }
    }

    /// Returns the last fault if no item ever succeeded.
    pub fn never_succeeded(&self) -> Option<Fault> {
        let state = self.0.lock();
        if state.successes == 0 {
            state.last_fault.clone()
        } else {
            None
        }
    }

    /// Fails if the breaker has tripped; `name` is the name of the work.
    pub(crate) fn check(&self, name: &str) -> Result<(), Fault> {
        match self.tripped() {
            Some(fault) => Err(Fault::new(
                Reason::GivenUp,
                format!("{name} was stopped after repeated failures: {fault}"),
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_after_too_many_failures_in_a_row_and_not_before() {
        let breaker = CircuitBreaker::default();
        let failed: Result<(), _> = Err(Fault::new(Reason::Model, "no"));
        for _ in 1..FAILURES_TO_TRIP {
            breaker.record(&failed, |()| true);
        }
        assert!(breaker.check("test").is_ok() && breaker.never_succeeded().is_some());
        breaker.record(&Ok(()), |()| true);
        for _ in 0..FAILURES_TO_TRIP {
            assert_eq!(breaker.tripped(), None);
            breaker.record(&failed, |()| true);
        }
        assert_eq!(breaker.check("test").unwrap_err().reason, Reason::GivenUp);
        assert_eq!(breaker.never_succeeded(), None);
    }
}
