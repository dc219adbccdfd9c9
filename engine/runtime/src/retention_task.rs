//! Removes segments that an index need not keep any more, a little at a time.
//!
//! The writer's thread does it between two seals, so neither may delay the other: removal that takes too long continues after the next
//! seal. Ages are checked often, since that is cheap; counting reads one entry for each segment.

use std::time::{Duration, Instant};

use atom_index::{Store, StoreError};
use atom_operators::retention::RetentionPolicy;
use jiff::Timestamp;

/// Interval between two checks of ages.
const AGE_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between two checks of numbers and sizes.
const SIZE_INTERVAL: Duration = Duration::from_secs(10);
/// Longest time for which results wait for removal.
const TIME_SLICE: Duration = Duration::from_millis(200);
/// The writer checks after this time even without any result.
pub(crate) const IDLE_INTERVAL: Duration = Duration::from_secs(30);

/// The retention of one index.
#[derive(Debug)]
pub(crate) struct RetentionTask {
    policy: RetentionPolicy,
    last_age_check: Option<Instant>,
    last_size_check: Option<Instant>,
}

impl RetentionTask {
    /// Returns a task that never checked.
    pub(crate) fn new(policy: RetentionPolicy) -> Self {
        Self {
            policy,
            last_age_check: None,
            last_size_check: None,
        }
    }

    /// Removes expired segments within a time slice; returns their number, or `None` if no check is due.
    pub(crate) fn run(&mut self, store: &mut Store) -> Result<Option<usize>, StoreError> {
        let started = Instant::now();
        let due = self.due(started);
        if due == RetentionPolicy::default() {
            return Ok(None);
        }
        let mut total = 0;
        loop {
            let removed = store.expire(&due, Timestamp::now().as_millisecond())?;
            total += removed;
            if removed == 0 {
                return Ok(Some(total));
            }
            if started.elapsed() > TIME_SLICE {
                // There may be more: the next check is due at once.
                (self.last_age_check, self.last_size_check) = (None, None);
                return Ok(Some(total));
            }
        }
    }

    /// Removes all expired segments, however long that takes; returns their number.
    pub(crate) fn finish(&mut self, store: &mut Store) -> Result<Option<usize>, StoreError> {
        let mut total = 0;
        loop {
            match store.expire(&self.policy, Timestamp::now().as_millisecond())? {
                0 => return Ok(Some(total)),
                removed => total += removed,
            }
        }
    }

    /// Returns the limits that are due for a check.
    fn due(&mut self, now: Instant) -> RetentionPolicy {
        let mut due = RetentionPolicy::default();
        if is_due(&mut self.last_age_check, now, AGE_INTERVAL) {
            due.age_ms = self.policy.age_ms;
        }
        if is_due(&mut self.last_size_check, now, SIZE_INTERVAL) {
            (due.bytes, due.segments) = (self.policy.bytes, self.policy.segments);
        }
        due
    }
}

fn is_due(last: &mut Option<Instant>, now: Instant, every: Duration) -> bool {
    let due = last.is_none_or(|last| now.duration_since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_checked_every_second_and_sizes_every_ten_seconds() {
        let policy: RetentionPolicy = "1d, 1GB, 5 segments".parse().unwrap();
        let ages: RetentionPolicy = "1d".parse().unwrap();
        let mut task = RetentionTask::new(policy);
        let started = Instant::now();
        let cases = [
            (0, policy),
            (500, RetentionPolicy::default()),
            (1000, ages),
            (1900, RetentionPolicy::default()),
            (9000, ages),
            (10_000, policy),
        ];
        for (ms, due) in cases {
            assert_eq!(task.due(started + Duration::from_millis(ms)), due, "{ms}");
        }
    }
}
