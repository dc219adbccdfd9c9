//! Reads rows and the state of sources back, in order.
//!
//! Only the current pack of each source is read (see the store's opening), so no segment comes twice.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, params};
use serde::de::DeserializeOwned;

use super::write::{signed, unsigned};
use super::{Row, SourceState, Store, StoreError, StoredRow};

/// What every reader compares a span with: a segment is in it if they share time, or if it begins in it.
const ROWS: &str = "
    SELECT s.source, s.pack, start_ms, end_ms, caption, tags, answers, failed, embedding, concepts
    FROM segments s JOIN current_sources c ON c.source = s.source AND c.pack = s.pack
    WHERE (?1 IS NULL OR s.source = ?1) AND start_ms < ?3 AND (end_ms > ?2 OR start_ms >= ?2)
    ORDER BY s.source, start_ms";

const SOURCES: &str = "
    SELECT s.source, s.pack, s.sealed_ms, s.ended, c.pack = s.pack
    FROM sources s JOIN current_sources c ON c.source = s.source
    ORDER BY s.source, s.begun";

impl Store {
    /// The rows of one source, or of all, that touch the span from `from_ms` to before `to_ms`, by source and start.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rows(
        &self,
        source: Option<&str>,
        from_ms: Option<u64>,
        to_ms: Option<u64>,
    ) -> std::result::Result<Vec<StoredRow>, StoreError> {
        let mut rows = Vec::new();
        self.visit(source, from_ms, to_ms, &mut |row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    /// Visits the same rows one by one, as long as `visit` wants more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn visit(
        &self,
        source: Option<&str>,
        from_ms: Option<u64>,
        to_ms: Option<u64>,
        visit: &mut dyn FnMut(StoredRow) -> bool,
    ) -> std::result::Result<(), StoreError> {
        let (from, to) = (from_ms.unwrap_or(0), to_ms.unwrap_or(u64::MAX));
        let mut read = || -> Result<()> {
            let mut rows = self.connection.prepare(ROWS)?;
            let rows = rows.query_map(params![source, signed(from), signed(to)], stored_row)?;
            for row in rows {
                if !visit(row?) {
                    break;
                }
            }
            Ok(())
        };
        read().map_err(StoreError::at(&self.path, "read"))
    }

    /// The current state of one source, or of all, by name.
    ///
    /// # Errors
    /// When the store cannot be read, or the source is not there.
    pub fn current(
        &self,
        source: Option<&str>,
    ) -> std::result::Result<Vec<SourceState>, StoreError> {
        let mut states = self.sources()?;
        states.retain(|state| state.current);
        let Some(wanted) = source else {
            return Ok(states);
        };
        let known: Vec<_> = states.iter().map(|state| state.source.clone()).collect();
        states.retain(|state| state.source == wanted);
        match states.is_empty() {
            true => Err(self.unknown(wanted, known.iter().map(String::as_str))),
            false => Ok(states),
        }
    }

    /// All sources with all packs they stand under, by name and then by when they were begun.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sources(&self) -> std::result::Result<Vec<SourceState>, StoreError> {
        let read = || -> Result<_> {
            let mut sources = self.connection.prepare(SOURCES)?;
            sources.query_map([], source_state)?.collect()
        };
        read().map_err(StoreError::at(&self.path, "read"))
    }
}

/// What a hit shows of the row with this id; nothing if it is gone.
pub(super) fn shown_text(connection: &Connection, id: i64) -> Result<Option<String>> {
    let text = "SELECT coalesce(caption, tags) FROM segments WHERE id = ?1";
    connection
        .query_row(text, [id], |row| row.get(0))
        .optional()
}

/// The numbers in a little-endian blob; a broken end is left out.
pub(super) fn floats(blob: &[u8]) -> impl Iterator<Item = f32> + '_ {
    let (numbers, _rest) = blob.as_chunks::<4>();
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

fn source_state(row: &rusqlite::Row) -> Result<SourceState> {
    Ok(SourceState {
        source: row.get(0)?,
        pack: row.get(1)?,
        sealed_ms: unsigned(row.get(2)?),
        ended: row.get(3)?,
        current: row.get(4)?,
    })
}

fn stored_row(row: &rusqlite::Row) -> Result<StoredRow> {
    Ok(StoredRow {
        source: row.get(0)?,
        pack: row.get(1)?,
        row: Row {
            start_ms: unsigned(row.get(2)?),
            end_ms: unsigned(row.get(3)?),
            caption: row.get(4)?,
            tags: row.get(5)?,
            answers: from_json(row, 6)?,
            failed: from_json(row, 7)?,
            embedding: floats(row.get_ref(8)?.as_blob()?).collect(),
            concepts: row
                .get_ref(9)?
                .as_blob()?
                .iter()
                .map(|byte| f32::from(*byte) / 255.0)
                .collect(),
        },
    })
}

fn from_json<T: DeserializeOwned>(row: &rusqlite::Row, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{row, store};
    use super::*;

    #[test]
    fn rows_come_by_source_and_start_and_only_from_the_span() {
        let (mut store, _folder) = store();
        for source in ["b", "a"] {
            store.begin(source, "p").unwrap();
            store
                .seal(source, "p", &[row(1000, "second"), row(0, "first")], 2000)
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
    fn a_blob_cut_short_gives_the_whole_numbers_in_it() {
        let blob = [0, 0, 128, 63, 0, 0];
        assert_eq!(floats(&blob).collect::<Vec<_>>(), [1.0]);
    }
}
