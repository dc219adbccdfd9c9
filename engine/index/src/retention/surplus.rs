//! Finds the segments that exceed a retention policy.

use atom_operators::retention::RetentionPolicy;
use rusqlite::{Connection, Params, Result, params};

use super::expired_stretch::ExpiredStretch;
use crate::column_conversion::signed;

/// Most segments removed in one transaction, so that none is long.
const MAX_BATCH: u64 = 1000;

/// Fewest segments removed from a store that is too large: fewer might free no page.
const MIN_BATCH_FOR_SIZE: u64 = 16;

/// The last column is the run that wrote the segment; NULL for rows left over from before a restart, whose removal is not
/// recorded as a gap.
macro_rules! select_surplus {
    ($which:literal) => {
        concat!(
            "SELECT s.id, s.source, s.pack, s.start_ms, s.end_ms, iif(s.run = c.run, s.run, NULL)
            FROM ",
            $which
        )
    };
}

const OLDER_THAN: &str = select_surplus!(
    "start_times k CROSS JOIN segments s ON s.source = k.source
    LEFT JOIN sources c ON c.source = s.source AND c.pack = s.pack
    WHERE k.start_utc_ms < ?1 AND s.start_ms < ?1 - k.start_utc_ms AND s.end_ms < ?1 - k.start_utc_ms
    LIMIT ?2"
);

const FIRST_WRITTEN: &str = select_surplus!(
    "(SELECT * FROM segments ORDER BY id LIMIT ?1) s
    LEFT JOIN sources c ON c.source = s.source AND c.pack = s.pack"
);

/// A segment that exceeds the policy.
pub(super) struct Surplus {
    pub(super) id: i64,
    pub(super) source: String,
    pub(super) pack: String,
    pub(super) stretch: ExpiredStretch,
    /// The run in which its removal is recorded as a gap, if it is to be recorded.
    pub(super) run: Option<i64>,
}

/// Returns the next segments to remove: those beyond the first bound that is exceeded.
pub(super) fn surplus(
    connection: &Connection,
    policy: &RetentionPolicy,
    now_ms: i64,
) -> Result<Vec<Surplus>> {
    if let Some(age_ms) = policy.age_ms {
        let before = now_ms.saturating_sub(signed(age_ms));
        let bounds = params![before, signed(MAX_BATCH)];
        let old = read(connection, OLDER_THAN, bounds)?;
        if !old.is_empty() {
            return Ok(old);
        }
    }
    let too_many = match policy.segments {
        Some(most) => count(connection)?.saturating_sub(most),
        None => 0,
    };
    let surplus = match policy.bytes {
        Some(most) if too_many == 0 => beyond_size(connection, most)?,
        _ => too_many,
    };
    match surplus {
        0 => Ok(Vec::new()),
        _ => read(connection, FIRST_WRITTEN, [signed(surplus.min(MAX_BATCH))]),
    }
}

/// Estimates how many segments must go for the store to fit into `most_bytes`.
fn beyond_size(connection: &Connection, most_bytes: u64) -> Result<u64> {
    let pragma =
        |name: &str| -> Result<u64> { connection.pragma_query_value(None, name, |row| row.get(0)) };
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    let bytes = pages.saturating_mul(pragma("page_size")?);
    let beyond = bytes.saturating_sub(most_bytes);
    if beyond == 0 {
        return Ok(0);
    }
    let share = beyond as f64 / bytes as f64;
    Ok(((count(connection)? as f64 * share) as u64).max(MIN_BATCH_FOR_SIZE))
}

fn count(connection: &Connection) -> Result<u64> {
    connection.query_row("SELECT count(*) FROM segments", [], |row| row.get(0))
}

fn read(connection: &Connection, select: &str, bounds: impl Params) -> Result<Vec<Surplus>> {
    let mut rows = connection.prepare(select)?;
    let rows = rows.query_map(bounds, |row| {
        Ok(Surplus {
            id: row.get(0)?,
            source: row.get(1)?,
            pack: row.get(2)?,
            stretch: ExpiredStretch::from_columns(row, 3)?,
            run: row.get(5)?,
        })
    })?;
    rows.collect()
}
