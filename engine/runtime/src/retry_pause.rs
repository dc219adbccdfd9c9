//! The pauses between attempts that keep failing: each twice as long as the one before, up to a bound.

use std::time::{Duration, Instant};

/// Pause after the first failed attempt.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause. A higher value saves work on what stays broken, and notices later that it was mended.
const LONGEST: Duration = Duration::from_secs(30);

/// The pause before the next attempt, if the last one failed.
#[derive(Debug, Default)]
pub(crate) struct RetryPause(Option<Pause>);

#[derive(Debug)]
struct Pause {
    length: Duration,
    until: Instant,
}

impl RetryPause {
    /// Returns true if the next attempt has to wait.
    pub(crate) fn lasts(&self, now: Instant) -> bool {
        self.0.as_ref().is_some_and(|pause| now < pause.until)
    }

    /// Notes a failed attempt.
    pub(crate) fn failed(&mut self, now: Instant) {
        let length = self
            .0
            .as_ref()
            .map_or(FIRST, |pause| (pause.length * 2).min(LONGEST));
        self.0 = Some(Pause {
            length,
            until: now + length,
        });
    }

    /// Notes a successful attempt.
    pub(crate) fn succeeded(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_start_over_after_a_success() {
        let mut pause = RetryPause::default();
        let mut now = Instant::now();
        assert!(!pause.lasts(now));
        let mut lengths = Vec::new();
        for _ in 0..9 {
            pause.failed(now);
            let before = now;
            while pause.lasts(now) {
                now += FIRST;
            }
            lengths.push((now - before).as_millis());
        }
        assert_eq!(
            lengths,
            [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
        pause.succeeded();
        assert!(!pause.lasts(now));
        pause.failed(now);
        assert!(pause.lasts(now) && !pause.lasts(now + FIRST));
    }
}
