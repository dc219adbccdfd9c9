//! Keeps what was seen and said in one SQLite file, and finds it again by words and by vectors.
//!
//! It exists so that recordings are searchable long after the models have run, and so that a run that was cut off
//! can go on: rows and the time through which a source is complete move in one transaction.
//! Invariant: a row is either wholly there, in the table, in the full text and in the vectors, or not at all.
//!
//! | file | holds |
//! |---|---|
//! | `tables` | the tables, their version, and what brings an older version to this one |
//! | `schema` | opening: what is refused, and that refusing changes nothing |
//! | `write` | `begin`, `restart`, `seal`, `finish`: the life of one run over one source |
//! | `read` | `rows` and `sources`, in order |
//! | `gaps` | stretches of which there is no row, and why |
//! | `incomplete` | what of a span is not there, and why |
//! | `keep` | what is no longer kept: removed, with a gap that says so |
//! | `compact` | vectors as bytes |
//! | `packs` | which pack made what, and which of them answers |
//! | `places` | which file each source is, and what became of it |
//! | `clock` | when the media time of sources was 0 |
//! | `summaries` | what minutes were summed up to |
//! | `filter` | which sources and which span are meant, in media time or in wall time |
//! | `query` | what can be asked, and what makes no sense to ask |
//! | `search` | a query from its text to its hits |
//! | `page` | the token by which a search goes on |
//! | `words` | what a person typed, as full-text expressions that cannot be malformed |
//! | `bm25` | rows ranked by words |
//! | `follow` | following the rows of a store, for who keeps something of them in memory |
//! | `index` | what searches keep in memory |
//! | `vectors` | the vectors in memory, and the flat scan |
//! | `fuse` | two rankings made one |
//! | `moments` | neighbouring hits as one |
//! | `queries` | standing queries: added, listed, removed |
//! | `lookout`, `scales`, `segments`, `lines`, `counts` | what matches them and what was seen when, kept in step with the rows |
//! | `matches` | what matches, and the events of what came and went |
//! | `care` | checks, copies, compaction and figures |
//! | `wait` | waiting for what others write |
//! | `error` | everything that can go wrong, with what to do about it |
//!
//! A source is stored under a *pack*, a string the caller makes of the pack's version and the settings. One source
//! may be there under several; only its **current** one is read: the newest that has caught up with those before it. Of a
//! live source all are. `finish` removes what the same version made with other settings.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bm25;
mod care;
mod clock;
mod compact;
mod counts;
mod error;
mod filter;
mod follow;
mod fuse;
mod gaps;
mod incomplete;
mod index;
mod keep;
mod lines;
mod lookout;
mod matches;
mod moments;
mod packs;
mod page;
mod places;
mod queries;
mod query;
mod read;
mod scales;
mod schema;
mod search;
mod segments;
pub mod stats;
mod summaries;
mod tables;
#[cfg(test)]
mod testing;
mod vectors;
mod wait;
mod words;
mod write;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Serialize;

pub use atom_operators::qa::archive::{CoverageGap, GapReason};
pub use care::{Bytes, Compacted, Problem, Stats};
pub use error::StoreError;
pub use filter::{Choice, Chosen, Filter};
pub use gaps::Gap;
pub use lookout::Lookout;
pub use matches::{Became, Match, QueryEvent};
pub use moments::Moment;
pub use packs::{PackStats, id_of};
pub use places::{Claim, Found, Place, text_of};
pub use queries::{MOST_QUERIES, StandingQuery};
pub use query::Query;
pub use scales::Scale;
pub use words::wanted_text;

/// An index on disk, through one connection.
///
/// Several processes may hold the same file: one writes at a time, readers never wait. A `Store` can move to another
/// thread but not be shared; open one per thread instead. The first search reads all vectors into memory; later ones what
/// changed since.
pub struct Store {
    connection: Connection,
    path: PathBuf,
    index: RefCell<index::Index>,
    speller: OnceCell<bm25::Speller>,
}

impl Store {
    /// Opens the store at `path` for reading and writing, and makes it if there is none.
    ///
    /// # Errors
    /// When the folder is missing, when `path` is no store of ours or one of a newer Atom, when it cannot be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        schema::open(path).map(|connection| Self::over(connection, path))
    }

    /// Opens the store at `path`, which must be there already; for commands that read. One of an older version is brought to this
    /// one first.
    ///
    /// # Errors
    /// As [`Store::open`], and when there is no store at `path`.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        schema::open_existing(path).map(|connection| Self::over(connection, path))
    }

    /// The path this store was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn over(connection: Connection, path: &Path) -> Self {
        Self {
            connection,
            path: path.to_path_buf(),
            index: RefCell::default(),
            speller: OnceCell::new(),
        }
    }
}

/// What is known of a source when a run over it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Media time before which every row is written, in milliseconds; 0 for a new source.
    pub sealed_ms: u64,
    /// Whether a run reached the end of the source; nothing is left to do then.
    pub ended: bool,
}

/// One segment of one source, with all that was found out about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Media time at which the segment begins, in milliseconds; with source and pack it is the key.
    pub start_ms: u64,
    /// Media time at which the segment ends, in milliseconds; not part of it.
    pub end_ms: u64,
    /// What the captioner said, if it said something.
    pub caption: Option<String>,
    /// Names of what was seen, separated by spaces or commas; searched, and shown where there is no caption.
    pub tags: String,
    /// The questions asked of this segment, each with its answer; only answers are searched.
    pub answers: Vec<(String, String)>,
    /// The vector of the segment's pictures, of length 1, kept to a 254th of its largest number; empty when there is none.
    pub embedding: Vec<f32>,
    /// How much of each of the pack's concepts is seen, 0 to 1, kept to a 255th; empty in rows of older versions.
    pub concepts: Vec<f32>,
    /// Names of the stages that gave nothing for this segment.
    pub failed: Vec<String>,
    /// The sentence vector of the caption, in the space of `embedding` and kept as that is; empty when there is none.
    pub caption_embedding: Vec<f32>,
    /// A small picture of the segment as JPEG; empty when there is none.
    pub thumbnail: Vec<u8>,
}

/// What one transaction adds to a source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seal<'s> {
    /// Segments, in any order.
    pub rows: &'s [Row],
    /// Stretches of which there is no segment and will be none.
    pub gaps: &'s [Gap],
    /// Media time before which nothing is missing any more, in milliseconds.
    pub sealed_ms: u64,
}

impl<'s> Seal<'s> {
    /// Rows without gaps.
    pub fn of(rows: &'s [Row], sealed_ms: u64) -> Self {
        Self {
            rows,
            gaps: &[],
            sealed_ms,
        }
    }
}

/// A row with the source and the pack it stands under.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    /// Name of the source.
    pub source: String,
    /// Pack and settings that made the row.
    pub pack: String,
    /// The row as it was sealed.
    pub row: Row,
}

/// How far one source is indexed under one pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceState {
    /// Name of the source.
    pub source: String,
    /// Pack and settings of the run.
    pub pack: String,
    /// Media time before which every row is written, in milliseconds.
    pub sealed_ms: u64,
    /// Whether the run reached the end of the source.
    pub ended: bool,
    /// Whether this is the pack of the source that searches read; of a live source they read all.
    pub current: bool,
    /// Whether the source is live.
    pub live: bool,
}

/// A segment that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// Name of the source.
    pub source: String,
    /// Media time at which the segment begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which the segment ends, in milliseconds.
    pub end_ms: u64,
    /// Its caption, or its tags if it has none.
    pub text: String,
    /// `1 / (10 + rank)` by vectors plus `0.5 / (10 + rank)` by words; comparable only within one answer.
    pub score: f64,
    /// When it was shown, if it is known when the source began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_utc: Option<String>,
    /// What of its words matched, `[marked]`, with some words around; nothing where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// The answer to a query: the best first, and how far it can be relied upon.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Hits {
    /// Segments by falling score; equal scores by source, then start.
    pub hits: Vec<Hit>,
    /// Of each source searched, the media time before which no segment is missing, in milliseconds.
    pub complete_through_ms: BTreeMap<String, u64>,
    /// Of each source searched, when its media time was 0, if that is known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub start_utc: BTreeMap<String, String>,
    /// What of the span that was searched is not there, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<CoverageGap>,
    /// What brings the hits after these, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Sources that were left out because it is not known when they began.
    #[serde(skip)]
    pub without_start: Vec<String>,
}
