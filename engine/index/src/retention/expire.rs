//! Removes surplus segments and records the stretch they leave.

use std::collections::BTreeMap;

use atom_operators::qa::archive::GapReason;
use atom_operators::retention::RetentionPolicy;
use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::expired_stretch::ExpiredStretch;
use super::surplus::{Surplus, surplus};
use crate::column_conversion::signed;
use crate::error::StoreError;
use crate::row::RunKey;
use crate::store::Store;

const EXPIRED: &str = "
    SELECT start_ms, end_ms FROM gaps
    WHERE source = ?1 AND pack = ?2 AND run = ?3 AND why = 'expired'";

const REMOVE_GAPS_WITHIN: &str = "
    DELETE FROM gaps WHERE source = ?1 AND pack = ?2 AND start_ms >= ?3 AND end_ms <= ?4";

/// A gap that begins with the stretch and reaches beyond it stays instead.
const ADD_GAP: &str = "INSERT OR IGNORE INTO gaps VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const FULLY_EXPIRED: &str = "
    SELECT EXISTS (SELECT 1 FROM sources s JOIN gaps g USING (source, pack, run)
        WHERE source = ?1 AND s.ended AND NOT s.live AND g.why = 'expired')
    AND NOT EXISTS (SELECT 1 FROM segments WHERE source = ?1)";

impl Store {
    /// Removes at most 1,000 of the segments that exceed the policy, the oldest first, and returns how many. Call it until it
    /// returns 0 to remove all of them.
    ///
    /// # Errors
    /// If the store cannot be written; nothing changes then.
    pub fn expire(
        &mut self,
        policy: &RetentionPolicy,
        now_ms: i64,
    ) -> std::result::Result<usize, StoreError> {
        // Looking needs no lock that others would wait for.
        if self
            .read(|connection| surplus(connection, policy, now_ms))?
            .is_empty()
        {
            return Ok(0);
        }
        self.write("remove from", |change| {
            let surplus = surplus(change, policy, now_ms)?;
            let mut remove = change.prepare("DELETE FROM segments WHERE id = ?1")?;
            for segment in &surplus {
                remove.execute([segment.id])?;
            }
            record_expired(change, &surplus)?;
            Ok(surplus.len())
        })
    }

    /// Returns true if a recording was indexed to its end and all its segments have expired since: no other pack need look at it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn is_fully_expired(&self, source: &str) -> std::result::Result<bool, StoreError> {
        self.read(|connection| is_fully_expired(connection, source))
    }
}

/// See [`Store::is_fully_expired`].
pub(crate) fn is_fully_expired(connection: &Connection, source: &str) -> Result<bool> {
    connection.query_row(FULLY_EXPIRED, [source], |row| row.get(0))
}

/// Returns the stretch of a run's rows that have expired.
pub(crate) fn expired_stretch(
    connection: &Connection,
    key: &RunKey,
) -> Result<Option<ExpiredStretch>> {
    let mut find = connection.prepare(EXPIRED)?;
    let key = params![key.source, key.pack, key.run];
    find.query_row(key, |row| ExpiredStretch::from_columns(row, 0))
        .optional()
}

/// Merges the stretches of removed segments into the expired stretch of their run.
fn record_expired(change: &Transaction, removed: &[Surplus]) -> Result<()> {
    let mut stretches: BTreeMap<(&str, &str, i64), ExpiredStretch> = BTreeMap::new();
    for segment in removed {
        if let Some(run) = segment.run {
            let key = (segment.source.as_str(), segment.pack.as_str(), run);
            let stretch = stretches.entry(key).or_insert(segment.stretch);
            *stretch = stretch.union(segment.stretch);
        }
    }
    for ((source, pack, run), stretch) in stretches {
        let before = expired_stretch(change, &RunKey { source, pack, run })?;
        let all = before.map_or(stretch, |before| before.union(stretch));
        let (start, end) = (signed(all.start_ms), signed(all.end_ms));
        change.execute(REMOVE_GAPS_WITHIN, params![source, pack, start, end])?;
        let gap = params![source, pack, start, end, run, GapReason::Expired.name()];
        change.execute(ADD_GAP, gap)?;
    }
    Ok(())
}
