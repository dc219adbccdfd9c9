//! Care of a store: whether it hangs together, a copy of it, less room for it, and what is in it.
//!
//! A damaged file is looked at as far as it can be: what SQLite cannot read is a finding, not the end of the look.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, Result};
use serde::Serialize;

use super::tables::VERSION;
use super::{PackStats, SourceState, Store, StoreError, packs};

/// Something that is wrong with a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What compaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Bytes of the file and its log before.
    pub before_bytes: u64,
    /// Bytes after.
    pub after_bytes: u64,
}

/// What is in a store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Sources.
    pub sources: u64,
    /// Segments, under all packs.
    pub segments: u64,
    /// Hours of video in them.
    pub hours: f64,
    /// Where the room goes.
    pub bytes: Bytes,
    /// Bytes of the file for each segment.
    pub bytes_per_segment: f64,
    /// What each pack made, by its name and version.
    pub packs: Vec<PackStats>,
    /// Sources that a newer pack has not caught up with yet, under the current pack and under the newer ones.
    pub under_way: Vec<SourceState>,
    /// Pages of the file that hold nothing.
    pub free_pages: u64,
    /// Version of the tables.
    pub version: u32,
}

/// Bytes of a store by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// The file and its log.
    pub file: u64,
    /// Captions, tags and answers.
    pub text: u64,
    /// Vectors and concepts.
    pub vectors: u64,
    /// Pictures.
    pub thumbnails: u64,
    /// The full text.
    pub full_text: u64,
}

const RESTORE: &str = "restore a backup, or remove the file and index again; what can be read stays readable until then";
const INDEX_AGAIN: &str = "index these sources again";

/// Each counts what must not be there.
const LAWS: [(&str, &str, &str); 7] = [
    (
        "SELECT count(*) FROM segments s WHERE NOT EXISTS
            (SELECT 1 FROM sources c WHERE c.source = s.source AND c.pack = s.pack)",
        "segments without a source",
        INDEX_AGAIN,
    ),
    (
        "SELECT count(*) FROM segments s JOIN sources c ON c.source = s.source AND c.pack = s.pack
            WHERE c.ended AND s.start_ms > c.sealed_ms",
        "segments beyond the end of their source",
        INDEX_AGAIN,
    ),
    (
        "SELECT count(*) FROM segments WHERE end_ms < start_ms OR start_ms < 0",
        "segments that end before they begin",
        INDEX_AGAIN,
    ),
    (
        "SELECT count(*) FROM segments WHERE length(embedding) BETWEEN 1 AND 4
            OR length(caption_embedding) BETWEEN 1 AND 4",
        "broken vectors",
        INDEX_AGAIN,
    ),
    (
        "SELECT count(*) FROM (SELECT 1 FROM segments WHERE length(embedding) > 0 GROUP BY pack
            HAVING count(DISTINCT length(embedding)) > 1)",
        "packs with vectors of several lengths",
        INDEX_AGAIN,
    ),
    (
        "SELECT count(*) FROM thumbnails WHERE segment NOT IN (SELECT id FROM segments)",
        "thumbnails without a segment",
        "run `atom store backup`, and index again if searches fail",
    ),
    (
        "SELECT count(*) FROM gaps g WHERE end_ms < start_ms OR NOT EXISTS
            (SELECT 1 FROM sources c WHERE c.source = g.source AND c.pack = g.pack)",
        "gaps that belong to nothing",
        INDEX_AGAIN,
    ),
];

impl Store {
    /// All that is wrong with the store; nothing if it is sound.
    ///
    /// # Errors
    /// When another process writes for too long.
    pub fn check(&self) -> std::result::Result<Vec<Problem>, StoreError> {
        let mut problems = Vec::new();
        let said = self.lines("PRAGMA integrity_check(20)");
        let whole = self.found(said, &mut problems)?;
        let wrong = whole.into_iter().flatten().filter(|line| line != "ok");
        problems.extend(wrong.map(|what| Problem {
            what,
            remedy: RESTORE,
        }));
        let words = self.connection.execute(
            "INSERT INTO segments_fts(segments_fts, rank) VALUES ('integrity-check', 1)",
            [],
        );
        // The full text of a store that cannot be written was looked at by SQLite's own check.
        let read_only =
            |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::ReadOnly);
        if !words.as_ref().is_err_and(read_only) {
            self.found(words, &mut problems)?;
        }
        for (count, what, remedy) in LAWS {
            let count: Result<i64> = self.connection.query_row(count, [], |row| row.get(0));
            let count = self.found(count, &mut problems)?;
            if let Some(count @ 1..) = count {
                problems.push(Problem {
                    what: format!("{count} {what}"),
                    remedy,
                });
            }
        }
        Ok(problems)
    }

    /// Copies the store as it is now to a new file, while others may write it. The copy appears when it is whole.
    ///
    /// # Errors
    /// When there is something at `to` already, it cannot be written, or the store cannot be read.
    pub fn backup(&self, to: &Path) -> std::result::Result<(), StoreError> {
        let exists = || StoreError::Exists {
            path: to.to_path_buf(),
        };
        let wrong = |source| StoreError::Backup {
            path: to.to_path_buf(),
            source,
        };
        if to.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let mut part = to.as_os_str().to_owned();
        part.push(format!(".{}.part", std::process::id()));
        let part = Part(PathBuf::from(part));
        // Made here, so that a folder that cannot be written is told as that.
        File::create(&part.0).map_err(wrong)?;
        self.connection
            .execute("VACUUM INTO ?1", [part.0.to_string_lossy()])
            .map_err(StoreError::at(&self.path, "copy"))?;
        File::open(&part.0)
            .and_then(|file| file.sync_all())
            .map_err(wrong)?;
        // A second name, unlike a new name, never replaces what came to stand there meanwhile.
        fs::hard_link(&part.0, to).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => exists(),
            _ => wrong(error),
        })
    }

    /// Gives room back that holds nothing any more, and puts the full text in order.
    ///
    /// # Errors
    /// When another process is at the store, or it cannot be written.
    pub fn compact(&mut self) -> std::result::Result<Compacted, StoreError> {
        let before_bytes = self.size();
        let work = || -> Result<()> {
            self.connection.execute(
                "INSERT INTO segments_fts(segments_fts) VALUES ('optimize')",
                [],
            )?;
            self.connection.execute_batch("VACUUM")?;
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        work().map_err(StoreError::at(&self.path, "compact"))?;
        Ok(Compacted {
            before_bytes,
            after_bytes: self.size(),
        })
    }

    /// What is in the store, and where its room goes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stats(&self) -> std::result::Result<Stats, StoreError> {
        let sum = |statement: &str| -> Result<u64> {
            self.connection
                .query_row(statement, [], |row| row.get::<_, i64>(0))
                .map(super::write::unsigned)
        };
        let read = || -> Result<Stats> {
            let segments = sum("SELECT count(*) FROM segments")?;
            let states = super::read::states(&self.connection)?;
            let milliseconds = sum("SELECT coalesce(sum(end_ms - start_ms), 0) FROM segments")?;
            let bytes = Bytes {
                file: self.size(),
                text: sum("SELECT coalesce(sum(length(CAST(coalesce(caption, '') || tags || answers || answer_words AS BLOB))), 0)
                    FROM segments")?,
                vectors: sum("SELECT coalesce(sum(length(embedding) + length(caption_embedding) + length(concepts)), 0)
                    FROM segments")?,
                thumbnails: sum("SELECT coalesce(sum(length(jpeg)), 0) FROM thumbnails")?,
                full_text: sum("SELECT (SELECT coalesce(sum(length(block)), 0) FROM segments_fts_data)
                    + (SELECT coalesce(sum(length(sz)), 0) FROM segments_fts_docsize)")?,
            };
            Ok(Stats {
                sources: sum("SELECT count(DISTINCT source) FROM sources")?,
                segments,
                hours: milliseconds as f64 / 3_600_000.0,
                bytes,
                bytes_per_segment: bytes.file as f64 / segments.max(1) as f64,
                packs: packs::stats(&self.connection, &states)?,
                under_way: packs::under_way(&self.connection, &states)?,
                free_pages: sum("PRAGMA freelist_count")?,
                version: VERSION,
            })
        };
        read().map_err(StoreError::at(&self.path, "read"))
    }

    fn lines(&self, statement: &str) -> Result<Vec<String>> {
        let mut lines = self.connection.prepare(statement)?;
        lines.query_map([], |row| row.get(0))?.collect()
    }

    /// What was found; an error of SQLite becomes a problem, unless it only says that the store is in use.
    fn found<T>(
        &self,
        found: Result<T>,
        problems: &mut Vec<Problem>,
    ) -> std::result::Result<Option<T>, StoreError> {
        let Err(error) = found else {
            return Ok(found.ok());
        };
        let told = StoreError::at(&self.path, "check")(error);
        if matches!(told, StoreError::Locked { .. }) {
            return Err(told);
        }
        let problem = Problem {
            what: atom_models::error_chain(&told),
            remedy: RESTORE,
        };
        if !problems.contains(&problem) {
            problems.push(problem);
        }
        Ok(None)
    }

    fn size(&self) -> u64 {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        let bytes = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
        bytes(&self.path) + bytes(Path::new(&log))
    }
}

/// A file that is not whole yet, and goes with this value.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // It may not have been made.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{query, row, seal, store};
    use super::*;

    #[test]
    fn a_sound_store_has_no_problem_and_each_broken_law_is_told() {
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
        let told: Vec<_> = store
            .check()
            .unwrap()
            .into_iter()
            .map(|problem| problem.what)
            .collect();
        let expected = [
            "1 segments beyond the end of their source",
            "1 broken vectors",
            "1 thumbnails without a segment",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_copy_is_whole_is_made_beside_a_writer_and_never_overwrites() {
        let (mut store, folder) = store();
        seal(&mut store, "door", &[row(0, "a red ball")], 1000);
        let mut writer = Store::open(&folder.path().join("atom.db")).unwrap();
        let copy = folder.path().join("copy.db");
        seal(&mut writer, "door", &[row(1000, "a dog")], 2000);
        store.backup(&copy).unwrap();
        let copied = Store::open_existing(&copy).unwrap();
        assert_eq!(
            copied.rows(None, None, None).unwrap(),
            store.rows(None, None, None).unwrap()
        );
        assert_eq!(copied.check().unwrap(), []);
        assert_eq!(copied.search(&query("dog")).unwrap().hits.len(), 1);
        assert!(matches!(
            store.backup(&copy),
            Err(StoreError::Exists { .. })
        ));
        let nowhere = store.backup(&folder.path().join("no/copy.db"));
        assert!(matches!(nowhere, Err(StoreError::Backup { .. })));
        let parts = fs::read_dir(folder.path()).unwrap();
        let parts = parts
            .filter(|entry| entry.as_ref().unwrap().path().extension() == Some("part".as_ref()));
        assert_eq!(parts.count(), 0);
    }

    #[test]
    fn compaction_gives_room_back_and_keeps_every_row() {
        let (mut store, _folder) = store();
        let rows: Vec<_> = (0..2000).map(|n| row(n, &format!("word{n}"))).collect();
        seal(&mut store, "door", &rows, 2000);
        store.finish("door", "p", 10).unwrap();
        let done = store.compact().unwrap();
        assert!(done.after_bytes < done.before_bytes / 2, "{done:?}");
        assert_eq!(store.stats().unwrap().segments, 10);
        assert_eq!(store.stats().unwrap().free_pages, 0);
        assert_eq!(store.check().unwrap(), []);
    }

    /// A damaged file may be refused, searched or found wanting, but nothing panics.
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
