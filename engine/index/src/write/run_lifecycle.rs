//! Begins, restarts, reopens and finishes runs.

use rusqlite::params;

use super::gaps::finish_gaps;
use super::seal_rows::run_key;
use crate::column_conversion::signed;
use crate::error::StoreError;
use crate::source_state::{Progress, SourceFailure};
use crate::store::{Abort, Store};

const BEGIN: &str = "
    INSERT INTO sources (source, pack, run) VALUES (?1, ?2, (SELECT 1 + last FROM runs))
    ON CONFLICT DO UPDATE SET failed_stage = NULL, failed_reason = NULL
    RETURNING sealed_ms, ended";

/// The tables whose rows belong to a source and a pack.
const TABLES_BY_PACK: [&str; 3] = ["gaps", "segments", "sources"];

impl Store {
    /// Registers a run over `source` and returns the progress of earlier ones under the same `pack`. A failure of an earlier run
    /// is forgotten: the source is tried again.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn begin(&mut self, source: &str, pack: &str) -> Result<Progress, StoreError> {
        self.write("start a run in", |change| {
            Ok(change.query_row(BEGIN, params![source, pack], |row| {
                Ok(Progress {
                    sealed_ms: row.get(0)?,
                    ended: row.get(1)?,
                })
            })?)
        })
    }

    /// Starts a run from the beginning: nothing counts as sealed any more, the source has not ended, and its pack is the newest.
    ///
    /// Rows and gaps of earlier runs stay until those of equal key replace them, or until `finish` removes the rest.
    ///
    /// # Errors
    /// If the store cannot be written, or the run was not begun.
    pub fn restart(&mut self, source: &str, pack: &str) -> Result<(), StoreError> {
        self.write("restart a run in", |change| {
            let updated = change.execute(
                "UPDATE sources SET run = (SELECT 1 + last FROM runs), sealed_ms = 0, ended = 0
                    WHERE source = ?1 AND pack = ?2",
                params![source, pack],
            )?;
            match updated {
                0 => Err(Abort::not_begun(source, pack)),
                _ => Ok(()),
            }
        })
    }

    /// Marks a source as live, whatever it was before: rows of all its packs are current from now on. Returns the media time before
    /// which any of them has rows, in milliseconds.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn reopen(&mut self, source: &str) -> Result<u64, StoreError> {
        self.write("start a run in", |change| {
            change.execute(
                "UPDATE sources SET ended = 0, live = 1 WHERE source = ?1",
                [source],
            )?;
            let through = "SELECT coalesce(max(sealed_ms), 0) FROM sources WHERE source = ?1";
            Ok(change.query_row(through, [source], |row| row.get(0))?)
        })
    }

    /// Records that a run ended before the end of `source`, for a reason that lies in the source: nothing more comes from it until
    /// it changes or is indexed again. A source that has ended has not failed.
    ///
    /// # Errors
    /// If the store cannot be written, or the run was not begun.
    pub fn fail(
        &mut self,
        source: &str,
        pack: &str,
        failure: &SourceFailure,
    ) -> Result<(), StoreError> {
        self.write("write to", |change| {
            let key = run_key(change, source, pack)?;
            let set = "UPDATE sources SET failed_stage = ?3, failed_reason = ?4
                WHERE source = ?1 AND pack = ?2 AND NOT ended";
            let values = params![key.source, key.pack, failure.stage, failure.reason];
            Ok(change.execute(set, values).map(drop)?)
        })
    }

    /// Records that `source` ended at `end_ms`.
    ///
    /// Removes what earlier runs with other packs and settings made of the source, and the rows and gaps that begin at or after its end or stem
    /// from runs before the last restart.
    ///
    /// # Errors
    /// If the store cannot be written, or the run was not begun; nothing changes then.
    pub fn finish(&mut self, source: &str, pack: &str, end_ms: u64) -> Result<(), StoreError> {
        self.write("finish a run in", |change| {
            let key = run_key(change, source, pack)?;
            change.execute(
                "UPDATE sources SET ended = 1, live = 0, sealed_ms = ?3, failed_stage = NULL, failed_reason = NULL WHERE source = ?1 AND pack = ?2",
                params![source, pack, signed(end_ms)],
            )?;
            for table in TABLES_BY_PACK {
                // A newer run, which another process may be writing, stays, and so does what a camera of this name showed.
                let remove = format!(
                    "DELETE FROM {table} WHERE source = ?1 AND pack IN (
                        SELECT pack FROM sources WHERE source = ?1 AND run < ?2 AND NOT live
                    )"
                );
                change.execute(&remove, params![source, key.run])?;
            }
            change.execute(
                "DELETE FROM segments WHERE source = ?1 AND pack = ?2 AND (run < ?3 OR start_ms >= ?4)",
                params![source, pack, key.run, signed(end_ms)],
            )?;
            Ok(finish_gaps(change, &key, end_ms)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;
    use crate::row::Seal;
    use crate::source_state::SourceState;
    use crate::testing::{found, keys, row, starts, store};

    #[test]
    fn a_run_goes_on_where_the_last_seal_left_it() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("atom.db");
        let mut store = Store::open(&path).unwrap();
        let fresh = Progress {
            sealed_ms: 0,
            ended: false,
        };
        assert_eq!(store.begin("door", "a").unwrap(), fresh);
        store
            .seal("door", "a", Seal::of(&[row(0, "one")], 4000))
            .unwrap();
        store.seal("door", "a", Seal::of(&[], 2000)).unwrap();
        drop(store);
        let mut store = Store::open(&path).unwrap();
        let left = Progress {
            sealed_ms: 4000,
            ended: false,
        };
        assert_eq!(store.begin("door", "a").unwrap(), left);
        store.finish("door", "a", 3900).unwrap();
        let done = Progress {
            sealed_ms: 3900,
            ended: true,
        };
        assert_eq!(store.begin("door", "a").unwrap(), done);
    }

    #[test]
    fn a_restart_keeps_old_rows_until_they_are_replaced_or_the_run_finishes() {
        let (mut store, _folder) = store();
        store.begin("door", "a").unwrap();
        store
            .seal(
                "door",
                "a",
                Seal::of(&[row(0, "old"), row(2000, "old"), row(4000, "old")], 6000),
            )
            .unwrap();
        store.finish("door", "a", 6000).unwrap();
        store.restart("door", "a").unwrap();
        assert_eq!(store.sources().unwrap()[0].sealed_ms, 0);
        assert_eq!(starts(&store), keys("a", &[0, 2000, 4000]));
        store
            .seal("door", "a", Seal::of(&[row(0, "new")], 4000))
            .unwrap();
        store.begin("door", "a").unwrap();
        store
            .seal("door", "a", Seal::of(&[row(4000, "new")], 6000))
            .unwrap();
        assert_eq!(found(&store, "old"), [2000]);
        store.finish("door", "a", 6000).unwrap();
        assert_eq!(starts(&store), keys("a", &[0, 4000]));
    }

    #[test]
    fn new_settings_are_read_only_once_they_have_replaced_the_old_ones() {
        let (mut store, _folder) = store();
        store.begin("door", "p-old").unwrap();
        store
            .seal("door", "p-old", Seal::of(&[row(0, "ball")], 4000))
            .unwrap();
        store.begin("door", "p-new").unwrap();
        assert_eq!(
            starts(&store),
            keys("p-old", &[0]),
            "there is nothing new yet"
        );
        store.begin("door", "p-old").unwrap();
        store.finish("door", "p-old", 4000).unwrap();
        store.begin("door", "p-new").unwrap();
        store
            .seal(
                "door",
                "p-new",
                Seal::of(&[row(0, "cube"), row(1000, "cube")], 2000),
            )
            .unwrap();
        assert_eq!(starts(&store), keys("p-old", &[0]));
        assert!(found(&store, "cube").is_empty());
        store.finish("door", "p-new", 2000).unwrap();
        assert_eq!(starts(&store), keys("p-new", &[0, 1000]));
        let only = SourceState {
            source: "door".to_owned(),
            pack: "p-new".to_owned(),
            sealed_ms: 2000,
            ended: true,
            current: true,
            live: false,
            failure: None,
        };
        assert_eq!(store.sources().unwrap(), [only]);
    }

    #[test]
    fn a_finished_run_spares_a_newer_run_and_what_a_camera_of_that_name_showed() {
        let (mut store, _folder) = store();
        for (pack, caption) in [("camera", "live"), ("old", "ball"), ("new", "cube")] {
            store.begin("door", pack).unwrap();
            store
                .seal("door", pack, Seal::of(&[row(0, caption)], 4000))
                .unwrap();
            if pack == "camera" {
                store.reopen("door").unwrap();
            }
        }
        store.finish("door", "old", 4000).unwrap();
        let packs = store.sources().unwrap().into_iter().map(|state| state.pack);
        assert_eq!(packs.collect::<Vec<_>>(), ["camera", "old", "new"]);
        store
            .seal("door", "new", Seal::of(&[row(4000, "cube")], 8000))
            .unwrap();
        store.finish("door", "new", 8000).unwrap();
        assert_eq!(found(&store, "live"), [0]);
        assert!(found(&store, "ball").is_empty());
    }

    #[test]
    fn a_failure_is_remembered_until_the_source_is_tried_again() {
        let (mut store, _folder) = store();
        let failure = SourceFailure {
            stage: "source".to_owned(),
            reason: "it contains no frames".to_owned(),
        };
        let remembered = |store: &Store| store.sources().unwrap()[0].failure.clone();
        store.begin("door", "a").unwrap();
        store.fail("door", "a", &failure).unwrap();
        assert_eq!(remembered(&store), Some(failure.clone()));
        store.begin("door", "a").unwrap();
        assert_eq!(remembered(&store), None);
        store.fail("door", "a", &failure).unwrap();
        store.finish("door", "a", 0).unwrap();
        assert_eq!(remembered(&store), None);
        store.fail("door", "a", &failure).unwrap();
        assert_eq!(
            remembered(&store),
            None,
            "a source that has ended has not failed"
        );
    }

    #[test]
    fn a_failed_run_with_other_settings_leaves_the_rows_of_the_old_ones_complete() {
        let (mut store, _folder) = store();
        store.begin("door", "old").unwrap();
        let rows = [row(0, "ball")];
        store.seal("door", "old", Seal::of(&rows, 4000)).unwrap();
        store.finish("door", "old", 4000).unwrap();
        store.begin("door", "new").unwrap();
        let failure = SourceFailure {
            stage: "source".to_owned(),
            reason: "damaged".to_owned(),
        };
        store.fail("door", "new", &failure).unwrap();
        assert_eq!(found(&store, "ball"), [0]);
        assert!(crate::testing::incomplete(&store, "door", None, None).is_empty());
    }

    #[test]
    fn a_run_that_never_began_is_refused() {
        let (mut store, _folder) = store();
        for refused in [
            store.seal("door", "a", Seal::of(&[], 1)),
            store.restart("door", "a"),
            store.finish("door", "a", 1),
        ] {
            assert!(matches!(refused, Err(StoreError::NotBegun { .. })));
        }
    }
}
