//! What matches standing queries, and what became of that, as the store keeps it.
//!
//! Who keeps the matches (see `lookout`) works out which segments are among the best of a query and hands over what
//! changed. One transaction brings the table of matches to that and writes an event for each difference, so that an event is
//! written once however often the same is handed over, by however many programs, and none is lost by a kill.
//! Invariant: the table of matches changes if and only if an event says so, or its query goes.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, Row, Transaction, params};
use serde::Serialize;

use super::write::{signed, unsigned};
use super::{Store, StoreError};
use atom_operators::utc::utc;

/// What became of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// The segment is among the best of the query now.
    Matched,
    /// It is no longer: it went, is another now, or better ones came.
    Left,
}

impl Became {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Matched, Self::Left];

    /// Its word, in tables and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Left => "left",
        }
    }
}

/// A change of what matches a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryEvent {
    /// Its number: it rises, and none is given twice in a store.
    pub id: u64,
    /// The query's name.
    pub query: String,
    /// What became of the segment.
    pub event: Became,
    /// How likely the query is true of the segment, 0 to 1.
    pub score: f64,
    /// The segment.
    #[serde(flatten)]
    pub segment: Place,
    /// What was said of it, if it is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When the event was written.
    pub at_utc: String,
}

impl QueryEvent {
    /// As a line of JSON lines, among captions and answers.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Told<'e> {
            kind: &'static str,
            #[serde(flatten)]
            event: &'e QueryEvent,
        }
        let told = Told {
            kind: "query",
            event: self,
        };
        serde_json::to_string(&told)
            .expect("an event has only texts and numbers, which JSON can hold")
    }
}

/// Where a segment stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its source.
    pub source: String,
    /// Media time at which it begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which it ends, in milliseconds.
    pub end_ms: u64,
}

/// A segment that matches a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Match {
    /// How likely the query is true of it, 0 to 1.
    pub score: f64,
    /// The segment.
    #[serde(flatten)]
    pub segment: Place,
    /// What was said of it.
    pub text: String,
}

/// Whether a segment is among the best of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) query: u64,
    /// The segment's number.
    pub(crate) segment: i64,
    /// If it is: its score in millionths, and where it is.
    pub(crate) found: Option<(u32, Place)>,
    /// From this score on it begins to match.
    pub(crate) enters: u32,
}

/// Which changes of rows and of queries something stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) change: i64,
    pub(crate) revision: i64,
}

impl Kept {
    /// Whether all of `other` is in it.
    fn covers(self, other: Self) -> bool {
        self.change >= other.change && self.revision >= other.revision
    }
}

/// What a lookout hands over.
pub(crate) struct Handover<'h> {
    /// What the matches stand for as far as is known; nothing if it is not.
    pub(crate) from: Option<Kept>,
    /// What they are to stand for.
    pub(crate) to: Kept,
    /// What changed since `from`; without it, all of the best.
    pub(crate) stands: Vec<Stand>,
    /// Lines of time with their newest moments, or without, if they are no more.
    pub(crate) lines: Vec<(String, Option<i64>)>,
    /// Whether it can be told what matches of the rows of a pack; those of others are left as they are.
    pub(crate) weighed: &'h dyn Fn(&str) -> bool,
}

/// What came of handing over what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settling {
    /// The matches stand for this now.
    Done,
    /// Another program was here since: all of the matches have to be handed over.
    WantsAll,
    /// Another program is further ahead; there is nothing to do until that is caught up with.
    Behind,
}

const EVENTS: &str = "SELECT id, query, event, score, source, start_ms, end_ms, text, at_utc_ms
    FROM events WHERE id > ?1 ORDER BY id LIMIT ?2";

const MATCHES: &str =
    "SELECT m.score, m.source, m.start_ms, m.end_ms, coalesce(s.caption, s.tags, '')
    FROM matches m JOIN queries q ON q.id = m.query
    JOIN segments s ON s.id = m.segment AND s.source = m.source AND s.start_ms = m.start_ms
    WHERE q.name = ?1 ORDER BY m.score DESC, m.segment";

const EVENT: &str =
    "INSERT INTO events (query, event, score, source, start_ms, end_ms, text, at_utc_ms)
    VALUES ((SELECT name FROM queries WHERE id = ?1), ?2, ?3, ?4, ?5, ?6,
        (SELECT coalesce(caption, tags) FROM segments WHERE id = ?7 AND source = ?4 AND start_ms = ?5), ?8)";

impl Store {
    /// What matches a query now, the best first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn matches(&self, query: &str) -> std::result::Result<Vec<Match>, StoreError> {
        let read = || -> Result<Vec<Match>> {
            let mut matches = self.connection.prepare_cached(MATCHES)?;
            let found = |row: &Row| {
                Ok(Match {
                    score: share(row.get(0)?),
                    segment: place(row, 1)?,
                    text: row.get(4)?,
                })
            };
            matches.query_map([query], found)?.collect()
        };
        read().map_err(StoreError::at(&self.path, "read"))
    }

    /// At most so many events after one, in order. The store keeps the newest 65,536.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn events(
        &self,
        after: u64,
        limit: usize,
    ) -> std::result::Result<Vec<QueryEvent>, StoreError> {
        let read = || -> Result<Vec<QueryEvent>> {
            let mut events = self.connection.prepare_cached(EVENTS)?;
            let key = params![signed(after), limit as i64];
            events.query_map(key, event)?.collect()
        };
        read().map_err(StoreError::at(&self.path, "read"))
    }

    /// The number of the newest event, 0 if there was none yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest_event(&self) -> std::result::Result<u64, StoreError> {
        let newest = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)";
        let newest = self.connection.query_row(newest, [], |row| row.get(0));
        newest
            .map(unsigned)
            .map_err(StoreError::at(&self.path, "read"))
    }

    /// Brings the matches to what they are to stand for, writing events.
    ///
    /// # Errors
    /// When the store cannot be written; nothing changes then.
    pub(crate) fn settle(
        &mut self,
        handover: &Handover,
    ) -> std::result::Result<Settling, StoreError> {
        let Handover {
            from, to, stands, ..
        } = handover;
        self.change("write to", |change| {
            let kept = kept(change)?;
            if !to.covers(kept) {
                return Ok(Settling::Behind);
            }
            if from.is_some_and(|from| from != kept) {
                return Ok(Settling::WantsAll);
            }
            let mut table = Table::of(change)?;
            if from.is_none() {
                for gone in others(change, handover)? {
                    table.bring(&gone)?;
                }
            }
            stands.iter().try_for_each(|stand| table.bring(stand))?;
            keep_lines(change, &handover.lines)?;
            change.execute(
                "UPDATE query_state SET applied_change = ?1, applied_revision = ?2",
                [to.change, to.revision],
            )?;
            Ok(Settling::Done)
        })
    }
}

fn kept(connection: &Connection) -> Result<Kept> {
    let kept = "SELECT applied_change, applied_revision FROM query_state";
    connection.query_row(kept, [], |row| {
        Ok(Kept {
            change: row.get(0)?,
            revision: row.get(1)?,
        })
    })
}

/// The newest moment of each line of time that was ever kept.
pub(super) fn newest(connection: &Connection) -> Result<Vec<(String, i64)>> {
    let mut newest = connection.prepare_cached("SELECT timeline, latest_ms FROM watermarks")?;
    newest
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn keep_lines(change: &Transaction, lines: &[(String, Option<i64>)]) -> Result<()> {
    for (line, moment) in lines {
        match moment {
            Some(moment) => change.execute(
                "INSERT INTO watermarks VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET latest_ms =
                    iif(timeline = '', max(latest_ms, excluded.latest_ms), excluded.latest_ms)",
                params![line, moment],
            )?,
            None => change.execute("DELETE FROM watermarks WHERE timeline = ?1", [line])?,
        };
    }
    Ok(())
}

/// The matches that are not among the best handed over, as gone.
fn others(change: &Transaction, handover: &Handover) -> Result<Vec<Stand>> {
    let best = handover.stands.iter();
    let best: HashSet<_> = best.map(|stand| (stand.query, stand.segment)).collect();
    let mut matches = change.prepare_cached(
        "SELECT m.query, m.segment, s.pack FROM matches m LEFT JOIN segments s ON s.id = m.segment
         ORDER BY m.query, m.segment",
    )?;
    let mut matches = matches.query([])?;
    let mut others = Vec::new();
    while let Some(row) = matches.next()? {
        let (query, segment) = (unsigned(row.get(0)?), row.get(1)?);
        let pack = row.get_ref(2)?.as_str_or_null()?;
        if !best.contains(&(query, segment)) && pack.is_none_or(handover.weighed) {
            others.push(Stand {
                query,
                segment,
                found: None,
                enters: 0,
            });
        }
    }
    Ok(others)
}

/// The table of matches while it is brought to something, with its statements.
struct Table<'c> {
    known: CachedStatement<'c>,
    gone: CachedStatement<'c>,
    again: CachedStatement<'c>,
    new: CachedStatement<'c>,
    event: CachedStatement<'c>,
}

impl<'c> Table<'c> {
    fn of(change: &'c Transaction) -> Result<Self> {
        Ok(Self {
            known: change.prepare_cached(
                "SELECT source, start_ms, end_ms, score FROM matches WHERE query = ?1 AND segment = ?2",
            )?,
            gone: change.prepare_cached("DELETE FROM matches WHERE query = ?1 AND segment = ?2")?,
            again: change
                .prepare_cached("UPDATE matches SET score = ?3 WHERE query = ?1 AND segment = ?2")?,
            // The query may have gone since it was weighed.
            new: change.prepare_cached(
                "INSERT INTO matches (query, segment, score, source, start_ms, end_ms)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM queries WHERE id = ?1)",
            )?,
            event: change.prepare_cached(EVENT)?,
        })
    }

    /// Brings one match to where it stands.
    fn bring(&mut self, stand: &Stand) -> Result<()> {
        let key = params![signed(stand.query), stand.segment];
        let known = |row: &Row| Ok((place(row, 0)?, row.get(3)?));
        let known: Option<(Place, u32)> = self.known.query_row(key, known).optional()?;
        match (&known, &stand.found) {
            (Some((before, old)), Some((score, now))) if before == now => {
                if score != old {
                    let row = params![signed(stand.query), stand.segment, score];
                    self.again.execute(row)?;
                }
                return Ok(());
            }
            // The number of a segment that went may be given to another.
            (Some((before, score)), _) => {
                self.gone.execute(key)?;
                self.tell(stand, Became::Left, *score, before)?;
            }
            (None, _) => {}
        }
        match &stand.found {
            Some((score, place)) if *score >= stand.enters => self.enter(stand, *score, place),
            _ => Ok(()),
        }
    }

    fn enter(&mut self, stand: &Stand, score: u32, place: &Place) -> Result<()> {
        let row = params![
            signed(stand.query),
            stand.segment,
            score,
            place.source,
            signed(place.start_ms),
            signed(place.end_ms)
        ];
        match self.new.execute(row)? {
            0 => Ok(()),
            _ => self.tell(stand, Became::Matched, score, place),
        }
    }

    fn tell(&mut self, stand: &Stand, event: Became, score: u32, place: &Place) -> Result<()> {
        let row = params![
            signed(stand.query),
            event.name(),
            score,
            place.source,
            signed(place.start_ms),
            signed(place.end_ms),
            stand.segment,
            Timestamp::now().as_millisecond(),
        ];
        self.event.execute(row).map(drop)
    }
}

fn event(row: &Row) -> Result<QueryEvent> {
    let became = row.get_ref(2)?.as_str()?;
    let at = Timestamp::from_millisecond(row.get(8)?).unwrap_or_default();
    Ok(QueryEvent {
        id: unsigned(row.get(0)?),
        query: row.get(1)?,
        event: match became == Became::Left.name() {
            true => Became::Left,
            false => Became::Matched,
        },
        score: share(row.get(3)?),
        segment: place(row, 4)?,
        text: row.get(7)?,
        at_utc: utc(at),
    })
}

fn place(row: &Row, first: usize) -> Result<Place> {
    Ok(Place {
        source: row.get(first)?,
        start_ms: unsigned(row.get(first + 1)?),
        end_ms: unsigned(row.get(first + 2)?),
    })
}

fn share(millionths: u32) -> f64 {
    f64::from(millionths) / 1e6
}

#[cfg(test)]
mod tests;
