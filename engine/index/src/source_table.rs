//! Reads the tables of sources: their states, their current packs and their start times.
//!
//! Invariant: the current pack of a source follows from the table `sources` alone, by the view `current_sources`; it is never
//! stored.

use std::collections::BTreeMap;

use atom_operators::start_time::StartTime;
use rusqlite::{Connection, Result, Row};

use crate::column_conversion::start_origin;
use crate::source_state::{SourceFailure, SourceState};

const SOURCES: &str = "
    SELECT s.source, s.pack, s.sealed_ms, s.ended, c.pack IS NOT NULL, s.live, s.failed_stage, s.failed_reason
    FROM sources s LEFT JOIN current_sources c ON c.source = s.source AND c.pack = s.pack
    ORDER BY s.source, s.run";

/// Reads all sources with all their packs, by name and then by the age of the pack.
pub(crate) fn states(connection: &Connection) -> Result<Vec<SourceState>> {
    let mut sources = connection.prepare_cached(SOURCES)?;
    sources.query_map([], source_state)?.collect()
}

/// Reads the current state of each source, by name. Of a live source with several packs it is the one that is furthest.
pub(crate) fn current_states(connection: &Connection) -> Result<Vec<SourceState>> {
    let mut current: Vec<SourceState> = Vec::new();
    let states = states(connection)?.into_iter();
    for state in states.filter(|state| state.current) {
        let same = |last: &&mut SourceState| last.source == state.source;
        match current.last_mut().filter(same) {
            Some(last) if last.sealed_ms > state.sealed_ms => {}
            Some(last) => *last = state,
            None => current.push(state),
        }
    }
    Ok(current)
}

/// Reads the current packs of each source, each with the number of its run, which changes when it is restarted.
pub(crate) fn current_packs(
    connection: &Connection,
) -> Result<BTreeMap<String, Vec<(String, i64)>>> {
    let mut packs = BTreeMap::<String, Vec<(String, i64)>>::new();
    let mut rows = connection.prepare_cached(
        "SELECT source, pack, run FROM current_sources JOIN sources USING (source, pack)",
    )?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let of_source = packs.entry(row.get(0)?).or_default();
        of_source.push((row.get(1)?, row.get(2)?));
    }
    Ok(packs)
}

/// Reads the wall time at which the media time of each source was 0, where it is known.
pub(crate) fn start_times(connection: &Connection) -> Result<BTreeMap<String, StartTime>> {
    let mut starts =
        connection.prepare_cached("SELECT source, start_utc_ms, origin FROM start_times")?;
    let start = |row: &Row| {
        let start = StartTime {
            utc_ms: row.get(1)?,
            origin: start_origin(row, 2)?,
        };
        Ok((row.get(0)?, start))
    };
    starts.query_map([], start)?.collect()
}

fn source_state(row: &Row) -> Result<SourceState> {
    Ok(SourceState {
        source: row.get(0)?,
        pack: row.get(1)?,
        sealed_ms: row.get(2)?,
        ended: row.get(3)?,
        current: row.get(4)?,
        live: row.get(5)?,
        failure: failure(row)?,
    })
}

fn failure(row: &Row) -> Result<Option<SourceFailure>> {
    let stage: Option<String> = row.get(6)?;
    let reason: Option<String> = row.get(7)?;
    Ok(stage
        .zip(reason)
        .map(|(stage, reason)| SourceFailure { stage, reason }))
}
