//! Reads rows, their pictures, and the state of sources back, in order.
//!
//! Only what the packs made is read that are current (see the store's opening), so no segment comes twice.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, params};
use serde::de::DeserializeOwned;

use super::write::{signed, unsigned};
use super::{Row, SourceState, Store, StoreError, StoredRow, compact};

/// What every reader compares a span with: a segment is in it if they share time, or if it begins in it.
macro_rules! rows {
    ($thumbnail:literal) => {
        concat!(
            "SELECT s.source, s.pack, start_ms, end_ms, caption, tags, answers, failed, embedding, concepts,
                caption_embedding, ",
            $thumbnail,
            " FROM segments s JOIN current_sources c ON c.source = s.source AND c.pack = s.pack
            WHERE (?1 IS NULL OR s.source = ?1) AND start_ms < ?3 AND (end_ms > ?2 OR start_ms >= ?2)
            ORDER BY s.source, start_ms"
        )
    };
}

const ROWS: &str = rows!("x''");
const ROWS_WITH_THUMBNAILS: &str =
    rows!("coalesce((SELECT jpeg FROM thumbnails WHERE segment = s.id), x'')");

const THUMBNAIL: &str = "
    SELECT jpeg FROM segments s
    JOIN current_sources c ON c.source = s.source AND c.pack = s.pack
    JOIN thumbnails t ON t.segment = s.id
    WHERE s.source = ?1 AND start_ms = ?2";

const SOURCES: &str = "
    SELECT s.source, s.pack, s.sealed_ms, s.ended, c.pack IS NOT NULL, s.live
    FROM sources s LEFT JOIN current_sources c ON c.source = s.source AND c.pack = s.pack
    ORDER BY s.source, s.run";

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
        self.each(ROWS_WITH_THUMBNAILS, (source, from_ms, to_ms), &mut |row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    /// Visits the same rows one by one, without their thumbnails, as long as `visit` wants more.
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
        self.each(ROWS, (source, from_ms, to_ms), visit)
    }

    /// The picture of the segment of a source that begins at this time, as JPEG, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn thumbnail(
        &self,
        source: &str,
        start_ms: u64,
    ) -> std::result::Result<Option<Vec<u8>>, StoreError> {
        let key = params![source, signed(start_ms)];
        let found = self
            .connection
            .query_row(THUMBNAIL, key, |row| row.get(0))
            .optional();
        found.map_err(StoreError::at(&self.path, "read"))
    }

    fn each(
        &self,
        rows: &str,
        (source, from_ms, to_ms): (Option<&str>, Option<u64>, Option<u64>),
        visit: &mut dyn FnMut(StoredRow) -> bool,
    ) -> std::result::Result<(), StoreError> {
        let (from, to) = (from_ms.unwrap_or(0), to_ms.unwrap_or(u64::MAX));
        let mut read = || -> Result<()> {
            let mut rows = self.connection.prepare_cached(rows)?;
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
        let read = current_states(&self.connection);
        let mut states = read.map_err(StoreError::at(&self.path, "read"))?;
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

    /// All sources with all packs they stand under, by name and then by when these were begun.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sources(&self) -> std::result::Result<Vec<SourceState>, StoreError> {
        states(&self.connection).map_err(StoreError::at(&self.path, "read"))
    }
}

/// All sources with all packs they stand under, by name and then by age.
pub(super) fn states(connection: &Connection) -> Result<Vec<SourceState>> {
    let mut sources = connection.prepare_cached(SOURCES)?;
    sources.query_map([], source_state)?.collect()
}

/// The state of each source, by name. For the several packs of a live source the one that came furthest speaks.
pub(super) fn current_states(connection: &Connection) -> Result<Vec<SourceState>> {
    let mut current: Vec<SourceState> = Vec::new();
    for state in states(connection)?
        .into_iter()
        .filter(|state| state.current)
    {
        match current
            .last_mut()
            .filter(|last| last.source == state.source)
        {
            Some(last) if last.sealed_ms > state.sealed_ms => {}
            Some(last) => *last = state,
            None => current.push(state),
        }
    }
    Ok(current)
}

fn source_state(row: &rusqlite::Row) -> Result<SourceState> {
    Ok(SourceState {
        source: row.get(0)?,
        pack: row.get(1)?,
        sealed_ms: unsigned(row.get(2)?),
        ended: row.get(3)?,
        current: row.get(4)?,
        live: row.get(5)?,
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
            embedding: compact::floats(row.get_ref(8)?.as_blob()?),
            concepts: row
                .get_ref(9)?
                .as_blob()?
                .iter()
                .map(|byte| f32::from(*byte) / 255.0)
                .collect(),
            caption_embedding: compact::floats(row.get_ref(10)?.as_blob()?),
            thumbnail: row.get(11)?,
        },
    })
}

pub(super) fn from_json<T: DeserializeOwned>(row: &rusqlite::Row, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{row, seal, store};
    use super::super::{Row, Seal};

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
    fn a_thumbnail_comes_is_replaced_and_goes_with_its_row() {
        let (mut store, _folder) = store();
        let with = |jpeg: &[u8]| Row {
            thumbnail: jpeg.to_vec(),
            ..row(0, "x")
        };
        for jpeg in [&b"one"[..], b"two", b"", b"three"] {
            seal(&mut store, "door", &[with(jpeg)], 1000);
            let kept = store.thumbnail("door", 0).unwrap();
            assert_eq!(kept.as_deref(), Some(jpeg).filter(|jpeg| !jpeg.is_empty()));
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
        assert_eq!(store.thumbnail("door", 0).unwrap(), None);
    }
}
