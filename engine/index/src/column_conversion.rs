//! Conversions between Rust values and columns.
//!
//! Invariant: a stored value that no version of this code writes is an error, never a default.

use atom_operators::qa::archive::GapReason;
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

/// The error for a stored value that this code does not write.
pub(crate) fn unknown_value(column: usize, kind: Type, message: String) -> Error {
    Error::FromSqlConversionFailure(column, kind, message.into())
}
