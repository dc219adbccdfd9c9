//! Waits until others have written what is asked for.
//!
//! Between two looks only SQLite's own count of changes is read, which costs nothing to speak of; the sources are looked at
//! when it has moved.

use std::thread;
use std::time::{Duration, Instant};

use super::{Filter, Store, StoreError};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

impl Store {
    /// Waits until every source that a filter takes has ended or is complete to the end of its span, at most so long. Sources
    /// that are named and not there yet are waited for. Tells whether it came to that.
    ///
    /// # Errors
    /// When the span ends before it begins, or the store cannot be read.
    pub fn wait(&self, filter: &Filter, at_most: Duration) -> Result<bool, StoreError> {
        let begun = Instant::now();
        let mut seen = None;
        loop {
            let version = self.version()?;
            if seen.replace(version) != Some(version) && self.complete(filter)? {
                return Ok(true);
            }
            let left = at_most.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            thread::sleep(PAUSE.min(left));
        }
    }

    /// A number that is another one when another program or connection has written since.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn version(&self) -> Result<i64, StoreError> {
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0));
        version.map_err(StoreError::at(&self.path, "read"))
    }

    fn complete(&self, filter: &Filter) -> Result<bool, StoreError> {
        let chosen = match self.choose(filter) {
            Ok(choice) => choice.sources,
            Err(StoreError::UnknownSource { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut sources = chosen.iter().peekable();
        Ok(sources.peek().is_some() && sources.all(super::Chosen::complete))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{row, seal, store};
    use super::*;

    #[test]
    fn it_waits_for_sources_that_come_and_grow_and_not_for_ever() {
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
}
