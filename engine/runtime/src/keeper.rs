//! When it is looked whether a store holds more than is to be kept, and how long removing may take at a time.
//!
//! The thread that writes does it between two seals, so neither may hold up the other: what is not done in its time goes on after
//! the next seal. Ages are looked at often, since that costs nothing; counting reads as many entries as there are segments.

use std::time::{Duration, Instant};

use atom_operators::keep::Keep;
use jiff::Timestamp;

use atom_index::{Store, StoreError};

/// From one look at ages to the next.
const AGES: Duration = Duration::from_secs(1);
/// From one look at numbers and sizes to the next.
const AMOUNTS: Duration = Duration::from_secs(10);
/// How long results wait while segments are removed.
const AT_ONCE: Duration = Duration::from_millis(200);
/// After so long without any result it is looked all the same.
pub(crate) const QUIET: Duration = Duration::from_secs(30);

/// Looks after one store.
#[derive(Debug)]
pub struct Keeper {
    keep: Keep,
    ages: Option<Instant>,
    amounts: Option<Instant>,
    in_trouble: bool,
}

impl Keeper {
    /// One that never looked.
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            ages: None,
            amounts: None,
            in_trouble: false,
        }
    }

    /// Takes note of whether the store could be written; whether there is trouble that was not there before.
    pub(crate) fn troubled(&mut self, now: bool) -> bool {
        let before = std::mem::replace(&mut self.in_trouble, now);
        now && !before
    }

    /// Removes what is kept no longer, as long as others can wait; how many segments. Nothing if it is not yet time to look.
    pub(crate) fn look(&mut self, store: &mut Store) -> Result<Option<usize>, StoreError> {
        let begun = Instant::now();
        let due = self.due(begun);
        if due == Keep::default() {
            return Ok(None);
        }
        let mut all = 0;
        loop {
            let removed = store.expire(&due, Timestamp::now().as_millisecond())?;
            all += removed;
            if removed == 0 {
                return Ok(Some(all));
            }
            if begun.elapsed() > AT_ONCE {
                // There may be more, which is looked at next.
                (self.ages, self.amounts) = (None, None);
                return Ok(Some(all));
            }
        }
    }

    /// Removes all that is kept no longer, however long that takes; how many segments.
    pub(crate) fn finish(&mut self, store: &mut Store) -> Result<Option<usize>, StoreError> {
        let mut all = 0;
        loop {
            match store.expire(&self.keep, Timestamp::now().as_millisecond())? {
                0 => return Ok(Some(all)),
                removed => all += removed,
            }
        }
    }

    /// The bounds that are to be looked at now.
    fn due(&mut self, now: Instant) -> Keep {
        let mut due = Keep::default();
        if is_due(&mut self.ages, now, AGES) {
            due.age_ms = self.keep.age_ms;
        }
        if is_due(&mut self.amounts, now, AMOUNTS) {
            (due.bytes, due.segments) = (self.keep.bytes, self.keep.segments);
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
    fn ages_are_looked_at_every_second_and_amounts_every_ten() {
        let keep: Keep = "1d, 1GB, 5 segments".parse().unwrap();
        let ages: Keep = "1d".parse().unwrap();
        let mut keeper = Keeper::new(keep);
        let begun = Instant::now();
        let cases = [
            (0, keep),
            (500, Keep::default()),
            (1000, ages),
            (1900, Keep::default()),
            (9000, ages),
            (10_000, keep),
        ];
        for (ms, due) in cases {
            assert_eq!(keeper.due(begun + Duration::from_millis(ms)), due, "{ms}");
        }
    }
}
