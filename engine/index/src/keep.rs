//! What is no longer kept: the oldest segments go, with a gap that says so.
//!
//! Segments go by plain deletes, so that all that follows the rows by triggers follows here too. What went of a source under
//! one pack is one stretch, from the beginning of the first to the end of the last; gaps inside it are part of it.
//! Invariant: no segment goes without the stretch that tells it, and how far a source is complete never changes by that.

use std::collections::BTreeMap;

use atom_operators::qa::archive::GapReason;
use atom_operators::retention::RetentionPolicy;
use rusqlite::{Connection, OptionalExtension, Params, Result, Transaction, params};

use super::write::{Shelf, signed, unsigned};
use super::{Row, Store, StoreError};

/// Segments that go in one transaction at most, so that none is long.
const MOST_AT_ONCE: u64 = 1000;

/// Segments that go at least where a store is too large: fewer might free no page.
const LEAST_FOR_SIZE: u64 = 16;

/// What is read of a segment that goes. The last column says whether it is told: what a run from the beginning has not written
/// anew is not missed.
macro_rules! old {
    ($which:literal) => {
        concat!(
            "SELECT s.id, s.source, s.pack, c.run, s.start_ms, s.end_ms, coalesce(s.run = c.run, 0)
            FROM ",
            $which
        )
    };
}

const OLDER: &str = old!(
    "start_times k CROSS JOIN segments s ON s.source = k.source
    LEFT JOIN sources c ON c.source = s.source AND c.pack = s.pack
    WHERE k.start_utc_ms < ?1 AND s.start_ms < ?1 - k.start_utc_ms AND s.end_ms < ?1 - k.start_utc_ms
    LIMIT ?2"
);

const FIRST: &str = old!(
    "(SELECT * FROM segments ORDER BY id LIMIT ?1) s
    LEFT JOIN sources c ON c.source = s.source AND c.pack = s.pack"
);

const EXPIRED: &str = "
    SELECT start_ms, end_ms FROM gaps
    WHERE source = ?1 AND pack = ?2 AND run = ?3 AND why = 'expired'";

const SWALLOW: &str = "
    DELETE FROM gaps WHERE source = ?1 AND pack = ?2 AND start_ms >= ?3 AND end_ms <= ?4";

/// A gap that begins with the stretch and reaches farther tells more.
const TELL: &str = "INSERT OR IGNORE INTO gaps VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

impl Store {
    /// Removes at most a thousand of the segments that `keep` keeps no longer, the oldest first; how many. Whoever wants all of them gone
    /// goes on until none was.
    ///
    /// # Errors
    /// When the store cannot be written; nothing changes then.
    pub fn expire(
        &mut self,
        keep: &RetentionPolicy,
        now_ms: i64,
    ) -> std::result::Result<usize, StoreError> {
        // Looking needs no lock that others would wait for.
        let look = surplus(&self.connection, keep, now_ms);
        if look.map_err(StoreError::at(&self.path, "read"))?.is_empty() {
            return Ok(0);
        }
        self.change("remove from", |change| {
            let old = surplus(change, keep, now_ms)?;
            let mut remove = change.prepare("DELETE FROM segments WHERE id = ?1")?;
            for one in &old {
                remove.execute([one.id])?;
            }
            tell(change, &old)?;
            Ok(old.len())
        })
    }

    /// Whether a recording was worked through by some pack and nothing of it is kept any longer: no other pack need look at it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_expired(&self, source: &str) -> std::result::Result<bool, StoreError> {
        let expired = is_expired(&self.connection, source);
        expired.map_err(StoreError::at(&self.path, "read"))
    }
}

const ALL_EXPIRED: &str = "
    SELECT EXISTS (SELECT 1 FROM sources s JOIN gaps g USING (source, pack, run)
        WHERE source = ?1 AND s.ended AND NOT s.live AND g.why = 'expired')
    AND NOT EXISTS (SELECT 1 FROM segments WHERE source = ?1)";

/// See [`Store::is_expired`].
pub(super) fn is_expired(connection: &Connection, source: &str) -> Result<bool> {
    connection.query_row(ALL_EXPIRED, [source], |row| row.get(0))
}

/// A segment that is no longer kept.
struct Old {
    id: i64,
    source: String,
    pack: String,
    run: i64,
    stretch: Stretch,
    told: bool,
}

/// A stretch of a source that is no longer kept, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    start_ms: u64,
    end_ms: u64,
}

impl Stretch {
    /// Whether all of a row lies in it.
    pub(super) fn covers(self, row: &Row) -> bool {
        self.start_ms <= row.start_ms && row.end_ms <= self.end_ms
    }

    fn with(self, other: Self) -> Self {
        Self {
            start_ms: self.start_ms.min(other.start_ms),
            end_ms: self.end_ms.max(other.end_ms),
        }
    }
}

/// What of a source is no longer kept, of those rows that its run wrote.
pub(super) fn expired(connection: &Connection, shelf: &Shelf) -> Result<Option<Stretch>> {
    let mut find = connection.prepare(EXPIRED)?;
    let key = params![shelf.source, shelf.pack, shelf.run];
    let found = find.query_row(key, |row| {
        Ok(Stretch {
            start_ms: unsigned(row.get(0)?),
            end_ms: unsigned(row.get(1)?),
        })
    });
    found.optional()
}

/// The next segments to go: those of the first bound that does not hold.
fn surplus(connection: &Connection, keep: &RetentionPolicy, now_ms: i64) -> Result<Vec<Old>> {
    if let Some(age_ms) = keep.age_ms {
        let before = now_ms.saturating_sub(signed(age_ms));
        let old = read(connection, OLDER, params![before, signed(MOST_AT_ONCE)])?;
        if !old.is_empty() {
            return Ok(old);
        }
    }
    let too_many = match keep.segments {
        Some(most) => count(connection)?.saturating_sub(most),
        None => 0,
    };
    let surplus = match keep.bytes {
        Some(most) if too_many == 0 => beyond_size(connection, most)?,
        _ => too_many,
    };
    match surplus {
        0 => Ok(Vec::new()),
        _ => read(connection, FIRST, [signed(surplus.min(MOST_AT_ONCE))]),
    }
}

/// How many segments have to go for a store to be no larger than this, as far as can be told before they are gone.
fn beyond_size(connection: &Connection, most_bytes: u64) -> Result<u64> {
    let pragma = |name: &str| -> Result<u64> {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map(unsigned)
    };
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    let bytes = pages.saturating_mul(pragma("page_size")?);
    let beyond = bytes.saturating_sub(most_bytes);
    if beyond == 0 {
        return Ok(0);
    }
    let share = beyond as f64 / bytes as f64;
    Ok(((count(connection)? as f64 * share) as u64).max(LEAST_FOR_SIZE))
}

fn count(connection: &Connection) -> Result<u64> {
    connection
        .query_row("SELECT count(*) FROM segments", [], |row| row.get(0))
        .map(unsigned)
}

fn read(connection: &Connection, which: &str, bounds: impl Params) -> Result<Vec<Old>> {
    let mut find = connection.prepare(which)?;
    let old = find.query_map(bounds, |row| {
        Ok(Old {
            id: row.get(0)?,
            source: row.get(1)?,
            pack: row.get(2)?,
            run: row.get::<_, Option<i64>>(3)?.unwrap_or_default(),
            stretch: Stretch {
                start_ms: unsigned(row.get(4)?),
                end_ms: unsigned(row.get(5)?),
            },
            told: row.get(6)?,
        })
    })?;
    old.collect()
}

/// Makes the stretches of these segments part of what their sources no longer have.
fn tell(change: &Transaction, old: &[Old]) -> Result<()> {
    let mut gone: BTreeMap<(&str, &str, i64), Stretch> = BTreeMap::new();
    for one in old.iter().filter(|one| one.told) {
        let key = (one.source.as_str(), one.pack.as_str(), one.run);
        let stretch = gone.entry(key).or_insert(one.stretch);
        *stretch = stretch.with(one.stretch);
    }
    for ((source, pack, run), stretch) in gone {
        let shelf = Shelf { source, pack, run };
        let before = expired(change, &shelf)?;
        let all = before.map_or(stretch, |before| before.with(stretch));
        let (start, end) = (signed(all.start_ms), signed(all.end_ms));
        change.execute(SWALLOW, params![source, pack, start, end])?;
        change.execute(
            TELL,
            params![source, pack, start, end, run, GapReason::Expired.name()],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
