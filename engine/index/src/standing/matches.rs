//! Matches of standing queries, and the events that changed them, as the store has them.

use atom_operators::{printable::printable_json, utc::utc};
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Result, Row, params};
use serde::Serialize;

use crate::catalog::readable;
use crate::column_conversion::{signed, unknown_value};
use crate::error::StoreError;
use crate::read::start_times::wall_time;
use crate::store::Store;

/// The kind of a query event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchChange {
    /// The segment became one of the best of the query.
    Matched,
    /// It no longer is: it was removed or replaced, or better ones came.
    Left,
}

impl MatchChange {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Matched, Self::Left];

    /// Returns its name in tables and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Left => "left",
        }
    }

    fn from_column(row: &Row, column: usize) -> Result<Self> {
        let name = row.get_ref(column)?.as_str()?;
        let known = Self::ALL.into_iter().find(|change| change.name() == name);
        known.ok_or_else(|| {
            let message = format!("expected matched or left, found {name:?}");
            unknown_value(column, Type::Text, message)
        })
    }
}

/// A change to the matches of a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueryEvent {
    /// Its id: it rises, and none is given twice in a store.
    pub id: u64,
    /// The query's name.
    pub query: String,
    /// The kind of change.
    pub event: MatchChange,
    /// The probability that the query is true of the segment, 0 to 1.
    pub score: f64,
    /// The segment.
    #[serde(flatten)]
    pub segment: SegmentSpan,
    /// The present path of its file, if its source is a recording in the catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Wall time at which the segment begins, if the start time of its source is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_utc: Option<String>,
    /// Its caption or tags, if the segment still exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Wall time at which the event was written.
    pub at_utc: String,
}

impl QueryEvent {
    /// Formats the event as a line of JSON lines, among captions and answers.
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct EventLine<'e> {
            kind: &'static str,
            #[serde(flatten)]
            event: &'e QueryEvent,
        }
        let line = EventLine {
            kind: "query",
            event: self,
        };
        let json = serde_json::to_string(&line)
            .expect("an event has only texts and numbers, which JSON can hold");
        printable_json(&json).into_owned()
    }
}

/// The source and the span of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentSpan {
    /// Its source.
    pub source: String,
    /// Media time at which it begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which it ends, in milliseconds.
    pub end_ms: u64,
}

impl SegmentSpan {
    /// Reads a span from the column of its source and the two after it.
    pub(super) fn from_columns(row: &Row, source: usize) -> Result<Self> {
        Ok(Self {
            source: row.get(source)?,
            start_ms: row.get(source + 1)?,
            end_ms: row.get(source + 2)?,
        })
    }
}

/// A segment that matches a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Match {
    /// The probability that the query is true of it, 0 to 1.
    pub score: f64,
    /// The segment.
    #[serde(flatten)]
    pub segment: SegmentSpan,
    /// The present path of its file, if its source is a recording in the catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Wall time at which the segment begins, if the start time of its source is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_utc: Option<String>,
    /// Its caption or tags.
    pub text: String,
}

const EVENTS: &str = "SELECT id, query, event, score, source, start_ms, end_ms, text, at_utc_ms,
        (SELECT path FROM source_paths p WHERE p.source = events.source),
        (SELECT start_utc_ms FROM start_times t WHERE t.source = events.source)
    FROM events WHERE id > ?1 ORDER BY id LIMIT ?2";

const MATCHES: &str =
    "SELECT m.score, m.source, m.start_ms, m.end_ms, coalesce(s.caption, s.tags, ''),
        (SELECT path FROM source_paths p WHERE p.source = m.source),
        (SELECT start_utc_ms FROM start_times t WHERE t.source = m.source)
    FROM matches m JOIN queries q ON q.id = m.query
    JOIN segments s ON s.id = m.segment AND s.source = m.source AND s.start_ms = m.start_ms
    WHERE q.name = ?1 ORDER BY m.score DESC, m.segment";

impl Store {
    /// Returns the matches of a query, best first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn matches(&self, query: &str) -> std::result::Result<Vec<Match>, StoreError> {
        self.read(|connection| {
            let mut matches = connection.prepare_cached(MATCHES)?;
            let found = |row: &Row| {
                let segment = SegmentSpan::from_columns(row, 1)?;
                Ok(Match {
                    score: share(row.get(0)?),
                    start_utc: wall_time_of(row, 6, &segment)?,
                    segment,
                    text: row.get(4)?,
                    path: path(row, 5)?,
                })
            };
            matches.query_map([query], found)?.collect()
        })
    }

    /// Returns at most `limit` events after the one with this id, in order. The store has the newest 65,536.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn events(
        &self,
        after: u64,
        limit: usize,
    ) -> std::result::Result<Vec<QueryEvent>, StoreError> {
        self.read(|connection| {
            let mut events = connection.prepare_cached(EVENTS)?;
            let key = params![signed(after), signed(limit as u64)];
            events.query_map(key, event)?.collect()
        })
    }

    /// Returns the id of the newest event, 0 if there was none yet.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn newest_event(&self) -> std::result::Result<u64, StoreError> {
        let newest = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)";
        self.read(|connection| connection.query_row(newest, [], |row| row.get(0)))
    }
}

fn event(row: &Row) -> Result<QueryEvent> {
    let at_utc_ms: i64 = row.get(8)?;
    let at = Timestamp::from_millisecond(at_utc_ms)
        .map_err(|error| unknown_value(8, Type::Integer, error.to_string()))?;
    let segment = SegmentSpan::from_columns(row, 4)?;
    Ok(QueryEvent {
        id: row.get(0)?,
        query: row.get(1)?,
        event: MatchChange::from_column(row, 2)?,
        score: share(row.get(3)?),
        start_utc: wall_time_of(row, 10, &segment)?,
        segment,
        text: row.get(7)?,
        path: path(row, 9)?,
        at_utc: utc(at),
    })
}

/// Formats the wall time at which a segment begins, given the column with the start time of its source.
fn wall_time_of(row: &Row, column: usize, segment: &SegmentSpan) -> Result<Option<String>> {
    let start_utc_ms: Option<i64> = row.get(column)?;
    Ok(start_utc_ms.and_then(|start| wall_time(start, segment.start_ms)))
}

fn path(row: &Row, column: usize) -> Result<Option<String>> {
    let path: Option<String> = row.get(column)?;
    Ok(path.as_deref().map(readable))
}

fn share(millionths: u32) -> f64 {
    f64::from(millionths) / 1e6
}
