//! Checks a store.
//!
//! A damaged file is checked as far as possible: a part that SQLite cannot read is a finding, not the end of the check.

use atom_models::error_chain;
use atom_operators::counted::counted;
use rusqlite::{ErrorCode, Result};
use serde::Serialize;

use crate::error::StoreError;
use crate::store::Store;

/// A defect of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The defect.
    pub what: String,
    /// The remedy.
    pub remedy: &'static str,
}

/// A condition that must hold between tables.
struct Invariant {
    /// Counts the rows that violate it.
    violations: &'static str,
    /// Names one of them.
    noun: &'static str,
    /// Describes them, after their number and noun.
    defect: &'static str,
    remedy: &'static str,
}

const RESTORE: &str = "restore a backup, or remove the file and index again; until then, the undamaged part stays readable";
const INDEX_AGAIN: &str = "index the sources again";

const INVARIANTS: [Invariant; 7] = [
    Invariant {
        violations: "SELECT count(*) FROM segments s WHERE NOT EXISTS
            (SELECT 1 FROM sources c WHERE c.source = s.source AND c.pack = s.pack)",
        noun: "segment",
        defect: "without a source",
        remedy: INDEX_AGAIN,
    },
    Invariant {
        violations: "SELECT count(*) FROM segments s JOIN sources c ON c.source = s.source AND c.pack = s.pack
            WHERE c.ended AND s.start_ms > c.sealed_ms",
        noun: "segment",
        defect: "after the end of the source",
        remedy: INDEX_AGAIN,
    },
    Invariant {
        violations: "SELECT count(*) FROM segments WHERE end_ms < start_ms OR start_ms < 0",
        noun: "segment",
        defect: "with an invalid time span",
        remedy: INDEX_AGAIN,
    },
    Invariant {
        violations: "SELECT count(*) FROM segments WHERE length(embedding) BETWEEN 1 AND 4
            OR length(caption_embedding) BETWEEN 1 AND 4",
        noun: "segment",
        defect: "with an invalid vector",
        remedy: INDEX_AGAIN,
    },
    Invariant {
        violations: "SELECT count(*) FROM (SELECT 1 FROM segments WHERE length(embedding) > 0 GROUP BY pack
            HAVING count(DISTINCT length(embedding)) > 1)",
        noun: "pack",
        defect: "with vectors of different lengths",
        remedy: INDEX_AGAIN,
    },
    Invariant {
        violations: "SELECT count(*) FROM thumbnails WHERE segment NOT IN (SELECT id FROM segments)",
        noun: "thumbnail",
        defect: "without a segment",
        remedy: "make a backup with `atom store backup`; if searches fail, index again",
    },
    Invariant {
        violations: "SELECT count(*) FROM gaps g WHERE end_ms < start_ms OR NOT EXISTS
            (SELECT 1 FROM sources c WHERE c.source = g.source AND c.pack = g.pack)",
        noun: "gap",
        defect: "without a source or with an invalid time span",
        remedy: INDEX_AGAIN,
    },
];

impl Store {
    /// Returns the defects of the store; none if it is sound.
    ///
    /// # Errors
    /// If another process writes for too long.
    pub fn check(&self) -> std::result::Result<Vec<Problem>, StoreError> {
        let mut problems = Vec::new();
        let findings = self.or_problem(self.integrity_check(), &mut problems)?;
        let findings = findings.into_iter().flatten().filter(|line| line != "ok");
        problems.extend(findings.map(|what| Problem {
            what,
            remedy: RESTORE,
        }));
        let full_text = self.connection.execute(
            "INSERT INTO segments_fts(segments_fts, rank) VALUES ('integrity-check', 1)",
            [],
        );
        // In a read-only store, SQLite's own check has covered the full-text index.
        let read_only =
            |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::ReadOnly);
        if !full_text.as_ref().is_err_and(read_only) {
            self.or_problem(full_text, &mut problems)?;
        }
        for invariant in INVARIANTS {
            let violations = self
                .connection
                .query_row(invariant.violations, [], |row| row.get::<_, u64>(0));
            let violations = self.or_problem(violations, &mut problems)?;
            if let Some(count @ 1..) = violations {
                problems.push(Problem {
                    what: format!("{} {}", counted(count, invariant.noun), invariant.defect),
                    remedy: invariant.remedy,
                });
            }
        }
        Ok(problems)
    }

    fn integrity_check(&self) -> Result<Vec<String>> {
        let mut lines = self.connection.prepare("PRAGMA integrity_check(20)")?;
        lines.query_map([], |row| row.get(0))?.collect()
    }

    /// Returns the result of a check; turns an error of SQLite into a problem, unless the store is only in use.
    fn or_problem<T>(
        &self,
        result: Result<T>,
        problems: &mut Vec<Problem>,
    ) -> std::result::Result<Option<T>, StoreError> {
        let error = match result {
            Ok(found) => return Ok(Some(found)),
            Err(error) => StoreError::at(&self.path, "check")(error),
        };
        if matches!(error, StoreError::Locked { .. }) {
            return Err(error);
        }
        let problem = Problem {
            what: error_chain(&error),
            remedy: RESTORE,
        };
        if !problems.contains(&problem) {
            problems.push(problem);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{query, row, seal, store};

    #[test]
    fn a_sound_store_has_no_problem_and_each_violated_invariant_is_one() {
        let (mut store, _folder) = store();
        seal(
            &mut store,
            "door",
            &[row(0, "a red ball"), row(1000, "x")],
            2000,
        );
        assert_eq!(store.check().unwrap(), []);
        store
            .connection
            .execute_batch(
                "INSERT INTO thumbnails VALUES (99, x'00');
                 UPDATE sources SET sealed_ms = 500, ended = 1;
                 UPDATE segments SET embedding = x'0000' WHERE id = 1;",
            )
            .unwrap();
        let problems: Vec<_> = store
            .check()
            .unwrap()
            .into_iter()
            .map(|problem| problem.what)
            .collect();
        let expected = [
            "1 segment after the end of the source",
            "1 segment with an invalid vector",
            "1 thumbnail without a segment",
        ];
        assert_eq!(problems, expected);
    }

    /// A damaged file may be refused, searched or found defective, but nothing panics.
    #[test]
    fn bytes_flipped_anywhere_never_cause_a_panic() {
        let (mut store, folder) = store();
        let rows: Vec<_> = (0..200)
            .map(|n| row(n * 1000, &format!("ball number {n}")))
            .collect();
        seal(&mut store, "door", &rows, 200_000);
        drop(store);
        let whole = fs::read(folder.path().join("atom.db")).unwrap();
        let mut found = 0;
        for at in (0..whole.len()).step_by(whole.len() / 400) {
            let mut bytes = whole.clone();
            bytes[at..(at + 8).min(whole.len())]
                .iter_mut()
                .for_each(|byte| *byte ^= 0xa5);
            let path = folder.path().join("flipped.db");
            fs::write(&path, &bytes).unwrap();
            let Ok(store) = Store::open_existing(&path) else {
                found += 1;
                continue;
            };
            let problems = store.check();
            let searched = store.search(&query("ball"));
            let read = store.rows(None, None, None);
            found += usize::from(
                problems.is_err()
                    || searched.is_err()
                    || read.is_err()
                    || !problems.unwrap().is_empty(),
            );
            drop(store);
            for beside in ["flipped.db-wal", "flipped.db-shm"] {
                let _ = fs::remove_file(folder.path().join(beside));
            }
        }
        assert!(found > 50, "only {found} were found");
    }
}
