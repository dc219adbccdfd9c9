//! The life of one run over one source: begin, seal again and again, finish.
//!
//! Each call is one transaction that takes the write lock at its start, so it either waits its turn or fails whole.
//! Rows and `sealed_ms` move together: a run that dies anywhere goes on at `sealed_ms` and writes equal rows over
//! those already there, none lost, none twice.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::json;

use super::{Progress, Row, Seal, Store, StoreError, compact, gaps, keep};

const BEGIN: &str = "
    INSERT INTO sources (source, pack, run) VALUES (?1, ?2, (SELECT 1 + last FROM runs))
    ON CONFLICT DO UPDATE SET run = run
    RETURNING sealed_ms, ended";

const WRITE_ROW: &str = "
    INSERT INTO segments (source, pack, run, start_ms, end_ms, caption, tags, answers, answer_words, failed, embedding,
        concepts, caption_embedding)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
    ON CONFLICT (source, start_ms, pack) DO UPDATE SET
        run = excluded.run, end_ms = excluded.end_ms, caption = excluded.caption, tags = excluded.tags,
        answers = excluded.answers, answer_words = excluded.answer_words, failed = excluded.failed,
        embedding = excluded.embedding, concepts = excluded.concepts,
        caption_embedding = excluded.caption_embedding
    RETURNING id";

/// The tables whose rows belong to a source and a pack.
const BY_PACK: [&str; 4] = ["sources", "gaps", "segments", "summaries"];

impl Store {
    /// Registers a run over `source` and tells how far an earlier one under the same `pack` came.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn begin(&mut self, source: &str, pack: &str) -> Result<Progress, StoreError> {
        self.change("begin a run in", |change| {
            Ok(change.query_row(BEGIN, params![source, pack], |row| {
                Ok(Progress {
                    sealed_ms: unsigned(row.get(0)?),
                    ended: row.get(1)?,
                })
            })?)
        })
    }

    /// Begins a run from the beginning: nothing counts as sealed any more, and the source as not ended. Its pack is the newest then.
    ///
    /// Rows and gaps of earlier runs stay until those of equal key replace them, or until `finish` removes those left over.
    ///
    /// # Errors
    /// When the store cannot be written, or the run was not begun.
    pub fn restart(&mut self, source: &str, pack: &str) -> Result<(), StoreError> {
        self.change("restart a run in", |change| {
            let found = change.execute(
                "UPDATE sources SET run = (SELECT 1 + last FROM runs), sealed_ms = 0, ended = 0
                    WHERE source = ?1 AND pack = ?2",
                params![source, pack],
            )?;
            require(found > 0, source, pack)
        })
    }

    /// Says that a source is live and goes on for ever, whatever it was before: its rows of all packs are read from now on. Gives
    /// the media time before which there are rows of any of them, in milliseconds.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn reopen(&mut self, source: &str) -> Result<u64, StoreError> {
        self.change("begin a run in", |change| {
            change.execute(
                "UPDATE sources SET ended = 0, live = 1 WHERE source = ?1",
                [source],
            )?;
            let through = "SELECT coalesce(max(sealed_ms), 0) FROM sources WHERE source = ?1";
            Ok(unsigned(
                change.query_row(through, [source], |row| row.get(0))?,
            ))
        })
    }

    /// Writes rows and gaps over those of equal start, and moves the source's sealed time, never back. Rows that this run wrote
    /// before and that are no longer kept stay away: a run that goes on writes its last rows again.
    ///
    /// # Errors
    /// When the store cannot be written, or the run was not begun; nothing at all is written then.
    pub fn seal(&mut self, source: &str, pack: &str, seal: Seal) -> Result<(), StoreError> {
        self.change("write to", |change| {
            let run = run_of(change, source, pack)?;
            let shelf = Shelf { source, pack, run };
            gaps::write(change, &shelf, seal.gaps)?;
            let expired = keep::expired(change, &shelf)?;
            let kept = |row: &&Row| expired.is_none_or(|stretch| !stretch.covers(row));
            write_rows(change, &shelf, seal.rows.iter().filter(kept))?;
            gaps::end(change, &shelf, seal.rows)?;
            change.execute(
                "UPDATE sources SET sealed_ms = max(sealed_ms, ?3) WHERE source = ?1 AND pack = ?2",
                params![source, pack, signed(seal.sealed_ms)],
            )?;
            Ok(())
        })
    }

    /// Records that `source` ended at `end_ms`.
    ///
    /// Removes what other packs and settings made of the source, and the rows and gaps that begin at or after its end or stem
    /// from runs before the last restart.
    ///
    /// # Errors
    /// When the store cannot be written, or the run was not begun; nothing changes then.
    pub fn finish(&mut self, source: &str, pack: &str, end_ms: u64) -> Result<(), StoreError> {
        self.change("finish a run in", |change| {
            let run = run_of(change, source, pack)?;
            change.execute(
                "UPDATE sources SET ended = 1, sealed_ms = ?3 WHERE source = ?1 AND pack = ?2",
                params![source, pack, signed(end_ms)],
            )?;
            change.execute("UPDATE sources SET live = 0 WHERE source = ?1", [source])?;
            for table in BY_PACK {
                let remove = format!("DELETE FROM {table} WHERE source = ?1 AND pack <> ?2");
                change.execute(&remove, params![source, pack])?;
            }
            change.execute(
                "DELETE FROM segments WHERE source = ?1 AND pack = ?2 AND (run < ?3 OR start_ms >= ?4)",
                params![source, pack, run, signed(end_ms)],
            )?;
            Ok(gaps::finish(change, &Shelf { source, pack, run }, end_ms)?)
        })
    }

    /// Runs `work` in one transaction; an error, or a panic, undoes all of it.
    pub(super) fn change<T>(
        &mut self,
        attempt: &'static str,
        work: impl FnOnce(&Transaction) -> Result<T, Undone>,
    ) -> Result<T, StoreError> {
        let told = StoreError::at(&self.path, attempt);
        let change = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&told)?;
        let outcome = work(&change).map_err(|undone| match undone {
            Undone::Sqlite(error) => told(error),
            Undone::Refused(error) => error,
        })?;
        change.commit().map_err(&told)?;
        Ok(outcome)
    }
}

/// Where rows of one run stand.
pub(super) struct Shelf<'s> {
    pub(super) source: &'s str,
    pub(super) pack: &'s str,
    pub(super) run: i64,
}

/// Why a transaction is given up: SQLite failed, or we refuse.
pub(super) enum Undone {
    Sqlite(rusqlite::Error),
    Refused(StoreError),
}

impl From<rusqlite::Error> for Undone {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn write_rows<'r>(
    change: &Transaction,
    shelf: &Shelf,
    rows: impl Iterator<Item = &'r Row>,
) -> Result<(), Undone> {
    let mut write = change.prepare(WRITE_ROW)?;
    let mut keep = change.prepare("INSERT OR REPLACE INTO thumbnails VALUES (?1, ?2)")?;
    let mut drop = change.prepare("DELETE FROM thumbnails WHERE segment = ?1")?;
    for row in rows {
        let values = params![
            shelf.source,
            shelf.pack,
            shelf.run,
            signed(row.start_ms),
            signed(row.end_ms),
            row.caption,
            row.tags,
            json!(row.answers).to_string(),
            answer_words(row),
            json!(row.failed).to_string(),
            compact::blob(&row.embedding),
            bytes(&row.concepts),
            compact::blob(&row.caption_embedding),
        ];
        let id: i64 = write.query_row(values, |written| written.get(0))?;
        match row.thumbnail.is_empty() {
            true => drop.execute([id])?,
            false => keep.execute(params![id, row.thumbnail])?,
        };
    }
    Ok(())
}

fn run_of(change: &Transaction, source: &str, pack: &str) -> Result<i64, Undone> {
    let run = change
        .query_row(
            "SELECT run FROM sources WHERE source = ?1 AND pack = ?2",
            params![source, pack],
            |row| row.get(0),
        )
        .optional()?;
    require(run.is_some(), source, pack)?;
    Ok(run.unwrap_or_default())
}

fn require(begun: bool, source: &str, pack: &str) -> Result<(), Undone> {
    if begun {
        return Ok(());
    }
    Err(Undone::Refused(StoreError::NotBegun {
        name: source.to_owned(),
        pack: pack.to_owned(),
    }))
}

/// Media time as SQLite keeps it; what lies beyond 292 million years is drawn in.
pub(super) fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// Media time as SQLite gave it back.
pub(super) fn unsigned(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

/// The answers without their questions, a line each.
fn answer_words(row: &Row) -> String {
    let answers: Vec<&str> = row.answers.iter().map(|(_, text)| text.as_str()).collect();
    answers.join("\n")
}

/// Numbers from 0 to 1 as a byte each.
fn bytes(concepts: &[f32]) -> Vec<u8> {
    concepts
        .iter()
        .map(|x| (x.clamp(0.0, 1.0) * 255.0).round() as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::super::SourceState;
    use super::super::testing::{found, row, store};
    use super::*;

    fn starts(store: &Store) -> Vec<(String, u64)> {
        let rows = store.rows(None, None, None).unwrap();
        rows.into_iter().map(|r| (r.pack, r.row.start_ms)).collect()
    }

    fn keys(pack: &str, starts: &[u64]) -> Vec<(String, u64)> {
        starts
            .iter()
            .map(|start| (pack.to_owned(), *start))
            .collect()
    }

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
    fn a_row_comes_back_as_it_was_sealed() {
        let (mut store, _folder) = store();
        let full = Row {
            start_ms: 4000,
            end_ms: 8000,
            caption: Some("it's \"quoted\" <b>".to_owned()),
            tags: "ball, 犬".to_owned(),
            answers: vec![("Is it?".to_owned(), "No.".to_owned())],
            embedding: vec![63.5, -127.0 / 2.0, 0.5],
            concepts: vec![0.0, 0.2, 1.0],
            failed: vec!["reason".to_owned()],
            caption_embedding: vec![0.0, 127.0],
            thumbnail: vec![0xff, 0xd8, 0],
        };
        let bare = Row {
            start_ms: 8000,
            end_ms: 8000,
            ..Row::default()
        };
        store.begin("door", "a").unwrap();
        store
            .seal("door", "a", Seal::of(&[full.clone(), bare.clone()], 9000))
            .unwrap();
        let back = store.rows(Some("door"), None, None).unwrap();
        assert_eq!((&back[0].row, &back[1].row), (&full, &bare));
    }

    #[test]
    fn an_equal_key_is_replaced_in_the_table_the_full_text_and_the_vectors() {
        let (mut store, _folder) = store();
        store.begin("door", "a").unwrap();
        store
            .seal(
                "door",
                "a",
                Seal::of(&[row(0, "a red ball"), row(4000, "rain")], 8000),
            )
            .unwrap();
        assert_eq!(found(&store, "ball"), [0]);
        store
            .seal("door", "a", Seal::of(&[row(0, "a blue cube")], 8000))
            .unwrap();
        assert_eq!(starts(&store), keys("a", &[0, 4000]));
        assert!(found(&store, "ball").is_empty());
        assert_eq!(found(&store, "cube"), [0]);
        store.finish("door", "a", 4000).unwrap();
        assert!(found(&store, "rain").is_empty());
        // FTS5 compares its index with the rows, and fails if they are out of step.
        store
            .connection
            .execute(
                "INSERT INTO segments_fts(segments_fts, rank) VALUES ('integrity-check', 1)",
                [],
            )
            .unwrap();
    }

    #[test]
    fn a_seal_that_dies_leaves_neither_rows_nor_progress() {
        let (mut store, folder) = store();
        store.begin("door", "a").unwrap();
        store
            .seal("door", "a", Seal::of(&[row(0, "kept")], 4000))
            .unwrap();
        let dying = store.connection.transaction().unwrap();
        assert!(
            write_rows(
                &dying,
                &Shelf {
                    source: "door",
                    pack: "a",
                    run: 0
                },
                [row(4000, "lost")].iter()
            )
            .is_ok()
        );
        dying
            .execute("UPDATE sources SET sealed_ms = 8000", [])
            .unwrap();
        drop(dying);
        drop(store);
        let mut store = Store::open(&folder.path().join("atom.db")).unwrap();
        assert_eq!(store.begin("door", "a").unwrap().sealed_ms, 4000);
        assert_eq!(starts(&store), keys("a", &[0]));
        assert!(found(&store, "lost").is_empty());
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
        };
        assert_eq!(store.sources().unwrap(), [only]);
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
