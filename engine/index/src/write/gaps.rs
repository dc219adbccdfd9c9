//! Writes and ends gaps, so that missing video is never mistaken for uneventful video.
//!
//! A gap and a row of equal key exclude each other; the later write wins. A gap whose end is not known yet ends where the next row
//! of its source begins. The gap of expired rows outranks both: only a run from the beginning overwrites it.

use rusqlite::{Connection, Result, params};

use crate::column_conversion::signed;
use crate::row::{Gap, Row, RunKey};

const WRITE: &str = "
    INSERT INTO gaps VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT DO UPDATE SET end_ms = excluded.end_ms, run = excluded.run, why = excluded.why
        WHERE why <> 'expired' OR run < excluded.run";

const REPLACE: &str = "
    DELETE FROM gaps WHERE source = ?1 AND pack = ?2 AND start_ms = ?3 AND (why <> 'expired' OR run < ?4)";

/// Writes gaps over gaps of equal start.
pub(super) fn write_gaps(change: &Connection, key: &RunKey, gaps: &[Gap]) -> Result<()> {
    let mut write = change.prepare(WRITE)?;
    for gap in gaps {
        write.execute(params![
            key.source,
            key.pack,
            signed(gap.start_ms),
            gap.end_ms.map(signed),
            key.run,
            gap.why.name(),
        ])?;
    }
    Ok(())
}

/// Removes gaps whose start is that of a row, and ends open gaps at the first row after their beginning; those of a live source
/// at the first row of any pack, since all packs share its time.
pub(super) fn end_gaps(change: &Connection, key: &RunKey, rows: &[Row]) -> Result<()> {
    let mut starts: Vec<i64> = rows.iter().map(|row| signed(row.start_ms)).collect();
    starts.sort_unstable();
    let mut replace = change.prepare(REPLACE)?;
    let mut end = change.prepare(
        "UPDATE gaps SET end_ms = ?3 WHERE source = ?1 AND start_ms < ?3 AND end_ms IS NULL
            AND (pack = ?2 OR EXISTS (SELECT 1 FROM sources s WHERE s.source = ?1 AND s.live))",
    )?;
    for start in starts {
        replace.execute(params![key.source, key.pack, start, key.run])?;
        end.execute(params![key.source, key.pack, start])?;
    }
    Ok(())
}

/// Removes gaps of earlier runs and those beyond the end of a source, and cuts the others at its end.
pub(super) fn finish_gaps(change: &Connection, key: &RunKey, end_ms: u64) -> Result<()> {
    let end_ms = signed(end_ms);
    change.execute(
        "DELETE FROM gaps WHERE source = ?1 AND pack = ?2 AND (run < ?3 OR start_ms >= ?4)",
        params![key.source, key.pack, key.run, end_ms],
    )?;
    change.execute(
        "UPDATE gaps SET end_ms = ?3 WHERE source = ?1 AND pack = ?2 AND (end_ms IS NULL OR end_ms > ?3)",
        params![key.source, key.pack, end_ms],
    )?;
    Ok(())
}
