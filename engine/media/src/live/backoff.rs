//! How long to wait before a lost camera is tried again: about twice as long each time, never longer than a bound, for ever.
//!
//! Each wait is drawn from a range, so that cameras that were lost together do not all come back at the same moment.

use std::time::Duration;

/// The waits of one source.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    from: Duration,
    to: Duration,
    next: Duration,
}

impl Retry {
    /// Waits of about `from` at first, and of at most `to`.
    pub(super) fn new(from: Duration, to: Duration) -> Self {
        Self {
            from,
            to,
            next: from,
        }
    }

    /// The camera showed something: the next wait is a first one again.
    pub(super) fn reset(&mut self) {
        self.next = self.from;
    }

    /// The next wait; `chance` is 0 to 1.
    pub(super) fn wait(&mut self, chance: f64) -> Duration {
        let wait = self.next.mul_f64(0.75 + chance / 2.0).min(self.to);
        self.next = (self.next * 2).min(self.to);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_begin_anew_after_a_success() {
        let mut retry = Retry::new(Duration::from_secs(1), Duration::from_secs(60));
        let waits: Vec<_> = (0..9).map(|_| retry.wait(0.5).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retry.wait(0.0).as_secs(), 45);
        assert_eq!(retry.wait(1.0).as_secs(), 60);
        retry.reset();
        assert_eq!(retry.wait(0.0).as_millis(), 750);
    }
}
