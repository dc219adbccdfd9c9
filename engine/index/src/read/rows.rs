//! Reads rows and their thumbnails back, in order.
//!
//! Only current packs are read, so no segment comes twice.

use rusqlite::{Result, params};

use crate::column_conversion::{from_json, of_segment, segment_key, signed};
use crate::error::StoreError;
use crate::int8_vector::Int8Vector;
use crate::row::{Row, StoredRow};
use crate::store::Store;

/// The condition is that of `Span::admits`: a segment shares time with the span, or begins in it.
macro_rules! select_rows {
    ($thumbnail:literal) => {
        concat!(
            "SELECT s.source, s.pack, start_ms, end_ms, caption, tags, answers, failed, objects,
                embedding, concepts, caption_embedding, ",
            $thumbnail,
            " FROM segments s JOIN current_sources c ON c.source = s.source AND c.pack = s.pack
            WHERE (?1 IS NULL OR s.source = ?1) AND start_ms < ?3 AND (end_ms > ?2 OR start_ms >= ?2)
            ORDER BY s.source, start_ms"
        )
    };
}

const ROWS: &str = select_rows!("x''");
const ROWS_WITH_THUMBNAILS: &str =
    select_rows!("coalesce((SELECT jpeg FROM thumbnails WHERE segment = s.id), x'')");

impl Store {
    /// Returns the rows of one source, or of all, that touch the span from `from_ms` to before `to_ms`, by source and start.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn rows(
        &self,
        source: Option<&str>,
        from_ms: Option<u64>,
        to_ms: Option<u64>,
    ) -> std::result::Result<Vec<StoredRow>, StoreError> {
        let mut rows = Vec::new();
        self.visit_rows(ROWS_WITH_THUMBNAILS, (source, from_ms, to_ms), &mut |row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    /// Visits the same rows one by one, without their thumbnails, until `visit` returns false.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn visit(
        &self,
        source: Option<&str>,
        from_ms: Option<u64>,
        to_ms: Option<u64>,
        visit: &mut dyn FnMut(StoredRow) -> bool,
    ) -> std::result::Result<(), StoreError> {
        self.visit_rows(ROWS, (source, from_ms, to_ms), visit)
    }

    fn visit_rows(
        &self,
        select: &str,
        (source, from_ms, to_ms): (Option<&str>, Option<u64>, Option<u64>),
        visit: &mut dyn FnMut(StoredRow) -> bool,
    ) -> std::result::Result<(), StoreError> {
        let (from, to) = (from_ms.unwrap_or(0), to_ms.unwrap_or(u64::MAX));
        self.read(|connection| {
            let mut rows = connection.prepare_cached(select)?;
            let rows = rows.query_map(params![source, signed(from), signed(to)], stored_row)?;
            for row in rows {
                if !visit(row?) {
                    break;
                }
            }
            Ok(())
        })
    }
}

fn stored_row(row: &rusqlite::Row) -> Result<StoredRow> {
    of_segment(|| segment_key(row, 0, 2), || read_columns(row))
}

fn read_columns(row: &rusqlite::Row) -> Result<StoredRow> {
    let vector = |column| -> Result<Vec<f32>> {
        let vector = Int8Vector::from_column(row, column)?;
        Ok(vector.map_or_else(Vec::new, |vector| vector.floats().collect()))
    };
    let concepts = row.get_ref(10)?.as_blob()?.iter();
    Ok(StoredRow {
        source: row.get(0)?,
        pack: row.get(1)?,
        row: Row {
            start_ms: row.get(2)?,
            end_ms: row.get(3)?,
            caption: row.get(4)?,
            tags: row.get(5)?,
            answers: from_json(row, 6)?,
            failed: from_json(row, 7)?,
            objects: from_json(row, 8)?,
            embedding: vector(9)?,
            concepts: concepts.map(|byte| f32::from(*byte) / 255.0).collect(),
            caption_embedding: vector(11)?,
            thumbnail: row.get(12)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use atom_models::error_chain;

    use crate::row::{Row, Seal};
    use crate::testing::{query, row, seal, store};

    #[test]
    fn rows_come_by_source_and_start_and_only_from_the_span() {
        let (mut store, _folder) = store();
        for source in ["b", "a"] {
            store.begin(source, "p").unwrap();
            store
                .seal(
                    source,
                    "p",
                    Seal::of(&[row(1000, "second"), row(0, "first")], 2000),
                )
                .unwrap();
        }
        let keys = |source, from, to| -> Vec<_> {
            let rows = store.rows(source, from, to).unwrap();
            rows.into_iter()
                .map(|r| (r.source, r.row.start_ms))
                .collect()
        };
        let all = [("a", 0), ("a", 1000), ("b", 0), ("b", 1000)].map(|(s, t)| (s.to_owned(), t));
        assert_eq!(keys(None, None, None), all);
        assert_eq!(keys(Some("b"), None, None), all[2..]);
        assert_eq!(keys(Some("b"), Some(1000), None), all[3..]);
        assert_eq!(keys(Some("b"), None, Some(1000)), all[2..3]);
        assert_eq!(keys(Some("b"), Some(999), Some(1001)), all[2..]);
        assert!(keys(Some("c"), None, None).is_empty());
    }

    #[test]
    fn a_thumbnail_is_added_replaced_and_removed_with_its_row() {
        let (mut store, _folder) = store();
        let with = |jpeg: &[u8]| Row {
            thumbnail: jpeg.to_vec(),
            ..row(0, "x")
        };
        for jpeg in [&b"one"[..], b"two", b"", b"three"] {
            seal(&mut store, "door", &[with(jpeg)], 1000);
            assert_eq!(store.rows(None, None, None).unwrap()[0].row.thumbnail, jpeg);
        }
        store
            .visit(None, None, None, &mut |row| row.row.thumbnail.is_empty())
            .unwrap();
        store.finish("door", "p", 0).unwrap();
        let left: i64 = store
            .connection
            .query_row("SELECT count(*) FROM thumbnails", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 0);
    }

    #[test]
    fn a_damaged_row_is_an_error_that_names_it_and_other_sources_stay_readable() {
        let text = ["", "x", "{}", "[1]", "null", "[[\"a\"]]"].map(|text| format!("'{text}'"));
        let blob = ["x'01'", "x'01020304'", "x'0000c07f01'"].map(str::to_owned);
        let number = ["-1".to_owned()];
        let damages: [(&str, &[String]); 6] = [
            ("answers", &text),
            ("failed", &text[..5]),
            ("embedding", &blob),
            ("caption_embedding", &blob),
            ("start_ms", &number),
            ("end_ms", &number),
        ];
        for (column, values) in damages {
            for value in values {
                let (mut store, _folder) = store();
                seal(&mut store, "barn", &[row(0, "ball")], 1000);
                seal(&mut store, "door", &[row(0, "ball")], 1000);
                let damage =
                    format!("UPDATE segments SET {column} = {value} WHERE source = 'door'");
                store.connection.execute(&damage, []).unwrap();
                let error = store.rows(None, None, None).unwrap_err();
                let chain = error_chain(&error);
                assert!(
                    chain.contains("the segment of \"door\" at "),
                    "{damage}: {chain}"
                );
                assert_eq!(store.rows(Some("barn"), None, None).unwrap().len(), 1);
                if let Err(error) = store.search(&query("ball")) {
                    let chain = error_chain(&error);
                    assert!(
                        chain.contains("the segment of \"door\" at "),
                        "{damage}: {chain}"
                    );
                }
            }
        }
    }
}
