//! Waits until other programs have written what is asked for.
//!
//! Each poll reads only SQLite's count of changes, which costs next to nothing; the sources are read when it has moved.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::StoreError;
use crate::source_filter::{Filter, SelectedSource};
use crate::store::Store;

/// Time between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl Store {
    /// Waits until every source that a filter selects has ended, has failed, or is complete to the end of its span, at most for
    /// `timeout`.
    /// Sources that are named and do not exist yet are waited for. Returns false on timeout.
    ///
    /// # Errors
    /// If the span ends before it begins, or the store cannot be read.
    pub fn wait(&self, filter: &Filter, timeout: Duration) -> Result<bool, StoreError> {
        let started = Instant::now();
        let mut last = None;
        loop {
            let version = self.data_version()?;
            if last.replace(version) != Some(version) && self.is_complete(filter)? {
                return Ok(true);
            }
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            thread::sleep(POLL_INTERVAL.min(left));
        }
    }

    /// Returns a number that changes when another program or connection writes.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            connection.pragma_query_value(None, "data_version", |row| row.get(0))
        })
    }

    fn is_complete(&self, filter: &Filter) -> Result<bool, StoreError> {
        let selected = match self.select(filter) {
            Ok(selection) => selection.sources,
            Err(StoreError::UnknownSource { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(!selected.is_empty() && selected.iter().all(SelectedSource::complete))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source_state::SourceFailure;
    use crate::testing::{row, seal, store};

    #[test]
    fn waits_for_sources_that_appear_and_grow_until_the_timeout() {
        let (store, folder) = store();
        let filter = Filter {
            sources: vec!["door".to_owned()],
            to_ms: Some(2000),
            ..Filter::default()
        };
        assert!(!store.wait(&filter, Duration::ZERO).unwrap());
        thread::scope(|threads| {
            threads.spawn(|| {
                let mut other = Store::open(&folder.path().join("atom.db")).unwrap();
                for end in [1000, 2000] {
                    seal(&mut other, "door", &[row(end - 1000, "x")], end);
                }
            });
            assert!(store.wait(&filter, Duration::from_secs(60)).unwrap());
        });
        let more = Filter {
            to_ms: Some(2001),
            ..filter
        };
        assert!(!store.wait(&more, Duration::ZERO).unwrap());
        let mut other = Store::open(&folder.path().join("atom.db")).unwrap();
        other.finish("door", "p", 2000).unwrap();
        assert!(store.wait(&more, Duration::ZERO).unwrap());
    }
    #[test]
    fn a_source_that_failed_is_not_waited_for() {
        let (mut store, _folder) = store();
        seal(&mut store, "door", &[row(0, "x")], 1000);
        assert!(!store.wait(&Filter::default(), Duration::ZERO).unwrap());
        let failure = SourceFailure {
            stage: "source".to_owned(),
            reason: "damaged".to_owned(),
        };
        store.fail("door", "p", &failure).unwrap();
        assert!(store.wait(&Filter::default(), Duration::ZERO).unwrap());
    }
}
