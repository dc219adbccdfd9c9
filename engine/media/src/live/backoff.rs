//! Waits between attempts to reconnect: exponential backoff with jitter, up to a bound, without end.
//!
//! The jitter keeps cameras that were lost together from all coming back at the same moment.

use std::time::Duration;

/// The waits of one source.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Returns waits of about `first` at first, and of at most `longest`.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// Starts over after a successful connection.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    /// Returns the next wait: 0.75 to 1.25 of the current step, by `random` from 0 to 1.
    pub(super) fn next_wait(&mut self, random: f64) -> Duration {
        let wait = self.next.mul_f64(0.75 + random / 2.0).min(self.longest);
        self.next = (self.next * 2).min(self.longest);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_start_over_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let waits: Vec<_> = (0..9).map(|_| backoff.next_wait(0.5).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(backoff.next_wait(0.0).as_secs(), 45);
        assert_eq!(backoff.next_wait(1.0).as_secs(), 60);
        backoff.reset();
        assert_eq!(backoff.next_wait(0.0).as_millis(), 750);
    }
}
