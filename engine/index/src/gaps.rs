//! Stretches of a source of which there is no row, and why: so that nobody takes what is missing for what did not happen.
//!
//! A gap stands under the key of a row, and whichever of the two is written last stays. One whose end is not known yet ends
//! where the next row of its source begins. The stretch that is no longer kept stands above both: only a run from the
//! beginning writes over it.

use atom_operators::qa::archive::GapReason;
use rusqlite::types::Type;
use rusqlite::{Connection, Result, params};

use super::Row;
use super::write::{Shelf, signed};

/// A stretch of a source of which there is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Media time at which it begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which it ends, if that is known already.
    pub end_ms: Option<u64>,
    /// Why there is no row.
    pub why: GapReason,
}

/// Why something is not there, by its word in a column.
pub(super) fn why(row: &rusqlite::Row, column: usize) -> Result<GapReason> {
    let word = row.get_ref(column)?.as_str()?;
    let found = GapReason::ALL.into_iter().find(|why| why.name() == word);
    found.ok_or_else(|| {
        let reason = format!("expected waiting, lost, failed or expired, found {word:?}");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, reason.into())
    })
}

const WRITE: &str = "
    INSERT INTO gaps VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT DO UPDATE SET end_ms = excluded.end_ms, run = excluded.run, why = excluded.why
        WHERE why <> 'expired' OR run < excluded.run";

const REPLACE: &str = "
    DELETE FROM gaps WHERE source = ?1 AND pack = ?2 AND start_ms = ?3 AND (why <> 'expired' OR run < ?4)";

/// Writes gaps over gaps of equal start.
pub(super) fn write(change: &Connection, shelf: &Shelf, gaps: &[Gap]) -> Result<()> {
    let mut write = change.prepare(WRITE)?;
    for gap in gaps {
        write.execute(params![
            shelf.source,
            shelf.pack,
            signed(gap.start_ms),
            gap.end_ms.map(signed),
            shelf.run,
            gap.why.name(),
        ])?;
    }
    Ok(())
}

/// What rows do to gaps: those of equal start go, and those without an end end at the first row after their beginning; of a live
/// source at the first row of any pack, since all of them are of one time.
pub(super) fn end(change: &Connection, shelf: &Shelf, rows: &[Row]) -> Result<()> {
    let mut starts: Vec<i64> = rows.iter().map(|row| signed(row.start_ms)).collect();
    starts.sort_unstable();
    let mut replace = change.prepare(REPLACE)?;
    let mut end = change.prepare(
        "UPDATE gaps SET end_ms = ?3 WHERE source = ?1 AND start_ms < ?3 AND end_ms IS NULL
            AND (pack = ?2 OR EXISTS (SELECT 1 FROM sources s WHERE s.source = ?1 AND s.live))",
    )?;
    for start in starts {
        replace.execute(params![shelf.source, shelf.pack, start, shelf.run])?;
        end.execute(params![shelf.source, shelf.pack, start])?;
    }
    Ok(())
}

/// The end of a source: gaps of earlier runs and beyond the end go; none reaches beyond it.
pub(super) fn finish(change: &Connection, shelf: &Shelf, end_ms: u64) -> Result<()> {
    let key = params![shelf.source, shelf.pack, shelf.run, signed(end_ms)];
    change.execute(
        "DELETE FROM gaps WHERE source = ?1 AND pack = ?2 AND (run < ?3 OR start_ms >= ?4)",
        key,
    )?;
    let key = params![shelf.source, shelf.pack, signed(end_ms)];
    change.execute(
        "UPDATE gaps SET end_ms = ?3 WHERE source = ?1 AND pack = ?2 AND (end_ms IS NULL OR end_ms > ?3)",
        key,
    )?;
    Ok(())
}
