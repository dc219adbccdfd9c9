//! A stretch of media time that has expired.

use rusqlite::Result;

use crate::row::Row;

/// A stretch of a source whose segments have expired, in milliseconds of media time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpiredStretch {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
}

impl ExpiredStretch {
    /// Returns true if it contains all of a row.
    pub(crate) fn covers(self, row: &Row) -> bool {
        self.start_ms <= row.start_ms && row.end_ms <= self.end_ms
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self {
            start_ms: self.start_ms.min(other.start_ms),
            end_ms: self.end_ms.max(other.end_ms),
        }
    }

    /// Reads a stretch from the column of its start and the one after it.
    pub(super) fn from_columns(row: &rusqlite::Row, start: usize) -> Result<Self> {
        Ok(Self {
            start_ms: row.get(start)?,
            end_ms: row.get(start + 1)?,
        })
    }
}
