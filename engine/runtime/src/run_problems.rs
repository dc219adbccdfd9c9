//! The parts that a run cannot write or keep up to date at the moment, each with its reason, for health checks.
//!
//! Invariant: a problem is listed from the first failed attempt until an attempt succeeds; one that cannot pass stays
//! until the run ends.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;

/// The present problems of a run. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct RunProblems(Arc<RwLock<BTreeMap<String, String>>>);

impl RunProblems {
    /// Notes why something, such as `index "a.db"`, cannot be written or kept up to date. Returns true if it had no
    /// problem before.
    pub(crate) fn set(&self, part: &str, reason: String) -> bool {
        self.0.write().insert(part.to_owned(), reason).is_none()
    }

    /// Notes that it has no problem any more. Returns true if it had one.
    pub(crate) fn clear(&self, part: &str) -> bool {
        // This runs after each write, and there is rarely a problem.
        self.0.read().contains_key(part) && self.0.write().remove(part).is_some()
    }

    /// Returns the reasons by what they concern; empty if all is well.
    pub fn all(&self) -> BTreeMap<String, String> {
        self.0.read().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_listed_with_its_latest_reason_until_it_has_passed() {
        let problems = RunProblems::default();
        assert!(!problems.clear("index") && problems.all().is_empty());
        assert!(problems.set("index", "locked".into()));
        assert!(!problems.clone().set("index", "the disk is full".into()));
        assert!(problems.set("sink", "closed".into()));
        assert_eq!(problems.all()["index"], "the disk is full");
        assert!(problems.clear("index") && !problems.clear("index"));
        assert_eq!(problems.all().into_keys().collect::<Vec<_>>(), ["sink"]);
    }
}
