//! Seals rows and gaps of a run, together with how far its source is complete.

use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;

use super::gaps::{end_gaps, write_gaps};
use crate::column_conversion::signed;
use crate::error::StoreError;
use crate::int8_vector::encode;
use crate::retention::expired_stretch;
use crate::row::{Row, RunKey, Seal};
use crate::store::{Abort, Store};

const WRITE_ROW: &str = "
    INSERT INTO segments (source, pack, run, start_ms, end_ms, caption, tags, answers, answer_words, failed, objects,
        embedding, concepts, caption_embedding)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
    ON CONFLICT (source, start_ms, pack) DO UPDATE SET
        run = excluded.run, end_ms = excluded.end_ms, caption = excluded.caption, tags = excluded.tags,
        answers = excluded.answers, answer_words = excluded.answer_words, failed = excluded.failed,
        objects = excluded.objects, embedding = excluded.embedding, concepts = excluded.concepts,
        caption_embedding = excluded.caption_embedding
    RETURNING id";

impl Store {
    /// Writes rows and gaps over those of equal start, and moves the source's sealed time, never back. Rows that this run wrote
    /// before and that have expired are not written again: a resumed run repeats its last rows.
    ///
    /// # Errors
    /// If the store cannot be written, or the run was not begun; nothing at all is written then.
    pub fn seal(&mut self, source: &str, pack: &str, seal: Seal) -> Result<(), StoreError> {
        self.write("write to", |change| {
            let key = run_key(change, source, pack)?;
            write_gaps(change, &key, seal.gaps)?;
            let expired = expired_stretch(change, &key)?;
            let kept = |row: &&Row| expired.is_none_or(|stretch| !stretch.covers(row));
            write_rows(change, &key, seal.rows.iter().filter(kept))?;
            end_gaps(change, &key, seal.rows)?;
            change.execute(
                "UPDATE sources SET sealed_ms = max(sealed_ms, ?3) WHERE source = ?1 AND pack = ?2",
                params![source, pack, signed(seal.sealed_ms)],
            )?;
            Ok(())
        })
    }
}

impl Abort {
    pub(super) fn not_begun(source: &str, pack: &str) -> Self {
        Self::Refused(StoreError::NotBegun {
            name: source.to_owned(),
            pack: pack.to_owned(),
        })
    }
}

/// Looks up the run of a source and pack, which must have begun.
pub(super) fn run_key<'s>(
    change: &Transaction,
    source: &'s str,
    pack: &'s str,
) -> Result<RunKey<'s>, Abort> {
    let run = change
        .query_row(
            "SELECT run FROM sources WHERE source = ?1 AND pack = ?2",
            params![source, pack],
            |row| row.get(0),
        )
        .optional()?;
    let run = run.ok_or_else(|| Abort::not_begun(source, pack))?;
    Ok(RunKey { source, pack, run })
}

fn write_rows<'r>(
    change: &Transaction,
    key: &RunKey,
    rows: impl Iterator<Item = &'r Row>,
) -> rusqlite::Result<()> {
    let mut write = change.prepare(WRITE_ROW)?;
    let mut set_thumbnail = change.prepare("INSERT OR REPLACE INTO thumbnails VALUES (?1, ?2)")?;
    let mut remove_thumbnail = change.prepare("DELETE FROM thumbnails WHERE segment = ?1")?;
    for row in rows {
        let values = params![
            key.source,
            key.pack,
            key.run,
            signed(row.start_ms),
            signed(row.end_ms),
            row.caption,
            row.tags,
            json!(row.answers).to_string(),
            answer_words(row),
            json!(row.failed).to_string(),
            json!(row.objects).to_string(),
            encode(&row.embedding),
            concept_bytes(&row.concepts),
            encode(&row.caption_embedding),
        ];
        let id: i64 = write.query_row(values, |written| written.get(0))?;
        match row.thumbnail.is_empty() {
            true => remove_thumbnail.execute([id])?,
            false => set_thumbnail.execute(params![id, row.thumbnail])?,
        };
    }
    Ok(())
}

/// Joins the answers without their questions, one on each line.
fn answer_words(row: &Row) -> String {
    let answers: Vec<&str> = row.answers.iter().map(|(_, text)| text.as_str()).collect();
    answers.join("\n")
}

/// Encodes shares from 0 to 1 as a byte each.
fn concept_bytes(concepts: &[f32]) -> Vec<u8> {
    concepts
        .iter()
        .map(|x| (x.clamp(0.0, 1.0) * 255.0).round() as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    use atom_operators::seen_objects::SeenObjects;

    use super::*;
    use crate::testing::{found, keys, row, starts, store};

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
            objects: vec![SeenObjects {
                name: "traffic light".to_owned(),
                most: 3,
                at_ms: 4500,
                frames: 2,
            }],
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
                &RunKey {
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
}
