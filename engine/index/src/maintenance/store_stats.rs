//! Statistics of a store: its contents, and where its space goes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::{Connection, Result};
use serde::Serialize;

use crate::error::StoreError;
use crate::read::pack_stats::{PackStats, pack_stats, reindexing};
use crate::schema::VERSION;
use crate::source_state::SourceState;
use crate::source_table::states;
use crate::store::Store;

/// The contents of a store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoreStats {
    /// Sources.
    pub sources: u64,
    /// Segments, under all packs.
    pub segments: u64,
    /// Hours of video in them.
    pub hours: f64,
    /// Space by purpose.
    pub bytes: ByteUsage,
    /// Bytes of the file for each segment.
    pub bytes_per_segment: f64,
    /// Sources and segments by pack.
    pub packs: Vec<PackStats>,
    /// Sources that are indexed again and have not caught up yet, under the current pack and under the newer ones.
    pub under_way: Vec<SourceState>,
    /// Sources that failed, under the pack that searches read.
    pub failed: Vec<SourceState>,
    /// Sources by the origin of their start time; without one they are counted under `unknown`.
    pub start_utc_from: BTreeMap<String, u64>,
    /// Unused pages of the file.
    pub free_pages: u64,
    /// Version of the schema.
    pub version: u32,
}

/// Bytes of a store by purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByteUsage {
    /// The file and its log.
    pub file: u64,
    /// Captions, tags and answers.
    pub text: u64,
    /// Vectors and concepts.
    pub vectors: u64,
    /// Thumbnails.
    pub thumbnails: u64,
    /// The full-text index.
    pub full_text: u64,
}

const TEXT_BYTES: &str = "
    SELECT coalesce(sum(length(CAST(coalesce(caption, '') || tags || answers || answer_words AS BLOB))), 0)
    FROM segments";
const VECTOR_BYTES: &str = "
    SELECT coalesce(sum(length(embedding) + length(caption_embedding) + length(concepts)), 0) FROM segments";
const THUMBNAIL_BYTES: &str = "SELECT coalesce(sum(length(jpeg)), 0) FROM thumbnails";
const FULL_TEXT_BYTES: &str = "
    SELECT (SELECT coalesce(sum(length(block)), 0) FROM segments_fts_data)
        + (SELECT coalesce(sum(length(sz)), 0) FROM segments_fts_docsize)";
const START_ORIGINS: &str = "
    SELECT coalesce(k.origin, 'unknown'), count(DISTINCT s.source)
    FROM sources s LEFT JOIN start_times k ON k.source = s.source GROUP BY 1";
const MEDIA_MS: &str = "SELECT coalesce(sum(end_ms - start_ms), 0) FROM segments";

impl Store {
    /// Returns the contents of the store, and where its space goes.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn stats(&self) -> std::result::Result<StoreStats, StoreError> {
        let file = self.size_bytes()?;
        self.read(|connection| read_stats(connection, file))
    }

    /// Returns the size of the file and its log.
    pub(super) fn size_bytes(&self) -> std::result::Result<u64, StoreError> {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        let bytes = |path: &Path| match fs::metadata(path) {
            Ok(data) => Ok(data.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(source) => Err(StoreError::Unreadable {
                path: self.path.clone(),
                source,
            }),
        };
        Ok(bytes(&self.path)? + bytes(Path::new(&log))?)
    }
}

fn read_stats(connection: &Connection, file: u64) -> Result<StoreStats> {
    let sum =
        |statement: &str| -> Result<u64> { connection.query_row(statement, [], |row| row.get(0)) };
    let segments = sum("SELECT count(*) FROM segments")?;
    let states = states(connection)?;
    let failed = states
        .iter()
        .filter(|state| state.current && state.failure.is_some());
    Ok(StoreStats {
        sources: sum("SELECT count(DISTINCT source) FROM sources")?,
        segments,
        hours: sum(MEDIA_MS)? as f64 / 3_600_000.0,
        bytes: ByteUsage {
            file,
            text: sum(TEXT_BYTES)?,
            vectors: sum(VECTOR_BYTES)?,
            thumbnails: sum(THUMBNAIL_BYTES)?,
            full_text: sum(FULL_TEXT_BYTES)?,
        },
        bytes_per_segment: file as f64 / segments.max(1) as f64,
        packs: pack_stats(connection, &states)?,
        under_way: reindexing(connection, &states)?,
        failed: failed.cloned().collect(),
        start_utc_from: start_origins(connection)?,
        free_pages: sum("PRAGMA freelist_count")?,
        version: VERSION,
    })
}

fn start_origins(connection: &Connection) -> Result<BTreeMap<String, u64>> {
    let mut origins = connection.prepare(START_ORIGINS)?;
    origins
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
