//! Conversions between Rust values and columns.
//!
//! Invariant: a stored value that no version of this code writes is an error, never a default.

use atom_operators::{qa::archive::GapReason, start_time::StartOrigin};
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use serde::de::DeserializeOwned;

/// Media time as SQLite stores it; values beyond 292 million years are clamped.
pub(crate) fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// Reads a column of JSON.
pub(crate) fn from_json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// Reads the reason of a gap.
pub(crate) fn why(row: &Row, column: usize) -> Result<GapReason> {
    let word = row.get_ref(column)?.as_str()?;
    let known = GapReason::ALL.into_iter().find(|why| why.name() == word);
    known.ok_or_else(|| {
        unknown_value(
            column,
            Type::Text,
            format!("expected waiting, lost, failed or expired, found {word:?}"),
        )
    })
}

/// Reads the origin of a start time.
pub(crate) fn start_origin(row: &Row, column: usize) -> Result<StartOrigin> {
    let word = row.get_ref(column)?.as_str()?;
    let known = StartOrigin::ALL.into_iter();
    let mut known = known.filter(|origin| origin.name() == word);
    known.next().ok_or_else(|| {
        let names = StartOrigin::ALL.map(StartOrigin::name).join(", ");
        let message = format!("expected one of {names}, found {word:?}");
        unknown_value(column, Type::Text, message)
    })
}

/// Names the segment in an error about one of its values; `key` returns its source and start.
pub(crate) fn of_segment<T>(
    key: impl FnOnce() -> (String, i64),
    read: impl FnOnce() -> Result<T>,
) -> Result<T> {
    read().map_err(|error| {
        let (column, kind, problem) = match error {
            Error::FromSqlConversionFailure(column, kind, problem) => {
                (column, kind, problem.to_string())
            }
            Error::IntegralValueOutOfRange(column, _) => (column, Type::Integer, error.to_string()),
            // Not an error of a value, but of the file.
            other => return other,
        };
        let (source, start_ms) = key();
        let segment = format!("in the segment of {source:?} at {start_ms} ms: {problem}");
        unknown_value(column, kind, segment)
    })
}

/// Returns source and start of a row from these columns, as far as they can be read.
pub(crate) fn segment_key(row: &Row, source: usize, start: usize) -> (String, i64) {
    let source = row.get(source).unwrap_or_default();
    (source, row.get(start).unwrap_or_default())
}

/// The error for a stored value that this code does not write.
pub(crate) fn unknown_value(column: usize, kind: Type, message: String) -> Error {
    Error::FromSqlConversionFailure(column, kind, message.into())
}
