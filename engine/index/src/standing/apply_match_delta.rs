//! Applies a delta to the stored matches.
//!
//! One transaction brings the table of matches to the delta and writes an event for each difference, so that an event is
//! written once however often the same delta is applied, by however many programs, and none is lost by a kill.
//! Invariant: the table of matches changes if and only if an event says so, or its query is removed.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, Row, Transaction, params};

use super::match_delta::{ApplyOutcome, MatchDelta, MatchState, MatchVersion};
use super::matches::{MatchChange, SegmentSpan};
use super::watermarks::save_watermarks;
use crate::column_conversion::signed;
use crate::error::StoreError;
use crate::store::Store;

const ADD_EVENT: &str =
    "INSERT INTO events (query, event, score, source, start_ms, end_ms, text, at_utc_ms)
    VALUES ((SELECT name FROM queries WHERE id = ?1), ?2, ?3, ?4, ?5, ?6,
        (SELECT coalesce(caption, tags) FROM segments WHERE id = ?7 AND source = ?4 AND start_ms = ?5), ?8)";

impl Store {
    /// Brings the stored matches to a new version, and writes an event for each difference.
    ///
    /// # Errors
    /// If the store cannot be written; nothing changes then.
    pub(super) fn apply_matches(
        &mut self,
        delta: &MatchDelta,
    ) -> std::result::Result<ApplyOutcome, StoreError> {
        self.write("write to", |change| {
            let stored = stored_version(change)?;
            if !delta.to.covers(stored) {
                return Ok(ApplyOutcome::Behind);
            }
            if delta.from.is_some_and(|from| from != stored) {
                return Ok(ApplyOutcome::NeedsFull);
            }
            let mut table = MatchTable::prepare(change)?;
            if delta.from.is_none() {
                for state in unmentioned(change, delta)? {
                    table.apply(&state)?;
                }
            }
            for state in &delta.states {
                table.apply(state)?;
            }
            save_watermarks(change, &delta.watermarks)?;
            change.execute(
                "UPDATE query_state SET applied_change = ?1, applied_revision = ?2",
                [delta.to.change, delta.to.revision],
            )?;
            Ok(ApplyOutcome::Applied)
        })
    }
}

fn stored_version(connection: &Connection) -> Result<MatchVersion> {
    let version = "SELECT applied_change, applied_revision FROM query_state";
    connection.query_row(version, [], |row| {
        Ok(MatchVersion {
            change: row.get(0)?,
            revision: row.get(1)?,
        })
    })
}

/// Returns the stored matches that a full delta does not mention, as no longer among the best.
fn unmentioned(change: &Transaction, delta: &MatchDelta) -> Result<Vec<MatchState>> {
    let states = delta.states.iter();
    let mentioned: HashSet<_> = states.map(|state| (state.query, state.segment)).collect();
    let mut matches = change.prepare_cached(
        "SELECT m.query, m.segment, s.pack FROM matches m LEFT JOIN segments s ON s.id = m.segment
         ORDER BY m.query, m.segment",
    )?;
    let mut matches = matches.query([])?;
    let mut unmentioned = Vec::new();
    while let Some(row) = matches.next()? {
        let (query, segment) = (row.get(0)?, row.get(1)?);
        let pack = row.get_ref(2)?.as_str_or_null()?;
        if !mentioned.contains(&(query, segment)) && pack.is_none_or(delta.can_score) {
            unmentioned.push(MatchState {
                query,
                segment,
                best: None,
                enter_score: 0,
            });
        }
    }
    Ok(unmentioned)
}

/// The statements that change the table of matches.
struct MatchTable<'c> {
    find: CachedStatement<'c>,
    remove: CachedStatement<'c>,
    set_score: CachedStatement<'c>,
    add: CachedStatement<'c>,
    add_event: CachedStatement<'c>,
}

impl<'c> MatchTable<'c> {
    fn prepare(change: &'c Transaction) -> Result<Self> {
        Ok(Self {
            find: change.prepare_cached(
                "SELECT source, start_ms, end_ms, score FROM matches WHERE query = ?1 AND segment = ?2",
            )?,
            remove: change
                .prepare_cached("DELETE FROM matches WHERE query = ?1 AND segment = ?2")?,
            set_score: change
                .prepare_cached("UPDATE matches SET score = ?3 WHERE query = ?1 AND segment = ?2")?,
            // The query may have been removed since the segment was scored.
            add: change.prepare_cached(
                "INSERT INTO matches (query, segment, score, source, start_ms, end_ms)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM queries WHERE id = ?1)",
            )?,
            add_event: change.prepare_cached(ADD_EVENT)?,
        })
    }

    /// Brings one match to a state.
    fn apply(&mut self, state: &MatchState) -> Result<()> {
        let key = params![signed(state.query), state.segment];
        let stored = |row: &Row| Ok((SegmentSpan::from_columns(row, 0)?, row.get(3)?));
        let stored: Option<(SegmentSpan, u32)> = self.find.query_row(key, stored).optional()?;
        match (&stored, &state.best) {
            (Some((before, old)), Some((score, now))) if before == now => {
                if score != old {
                    let row = params![signed(state.query), state.segment, score];
                    self.set_score.execute(row)?;
                }
                return Ok(());
            }
            // The id of a removed segment may be given to another one.
            (Some((before, score)), _) => {
                self.remove.execute(key)?;
                self.write_event(state, MatchChange::Left, *score, before)?;
            }
            (None, _) => {}
        }
        match &state.best {
            Some((score, span)) if *score >= state.enter_score => self.enter(state, *score, span),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, state: &MatchState, score: u32, span: &SegmentSpan) -> Result<()> {
        let row = params![
            signed(state.query),
            state.segment,
            score,
            span.source,
            signed(span.start_ms),
            signed(span.end_ms)
        ];
        match self.add.execute(row)? {
            0 => Ok(()),
            _ => self.write_event(state, MatchChange::Matched, score, span),
        }
    }

    fn write_event(
        &mut self,
        state: &MatchState,
        event: MatchChange,
        score: u32,
        span: &SegmentSpan,
    ) -> Result<()> {
        let row = params![
            signed(state.query),
            event.name(),
            score,
            span.source,
            signed(span.start_ms),
            signed(span.end_ms),
            state.segment,
            Timestamp::now().as_millisecond(),
        ];
        self.add_event.execute(row).map(drop)
    }
}

#[cfg(test)]
mod tests;
