//! The answer to a search.

use std::collections::BTreeMap;

use atom_operators::{qa::archive::CoverageGap, start_time::StartOrigin};
use serde::Serialize;

/// A segment that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// Name of the source.
    pub source: String,
    /// The present path of its file, if it is a recording in the catalog. A path that is not UTF-8 is written as
    /// [`path_to_text`](crate::path_to_text) does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Media time at which the segment begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which the segment ends, in milliseconds.
    pub end_ms: u64,
    /// Its caption, or its tags if it has none.
    pub text: String,
    /// `1 / (10 + rank)` by vectors plus `0.5 / (10 + rank)` by words; comparable only within one answer.
    pub score: f64,
    /// The wall time at which it begins, if the start time of its source is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_utc: Option<String>,
    /// The origin of that time, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_utc_from: Option<StartOrigin>,
    /// The words that matched, `[marked]`, with some words around them, if any matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// Hits, best first, and how complete the searched sources are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Hits {
    /// Segments by falling score; equal scores by source, then start.
    pub hits: Vec<Hit>,
    /// For each source searched, the media time before which no segment is missing, in milliseconds.
    pub complete_through_ms: BTreeMap<String, u64>,
    /// For each source searched, the wall time at which its media time was 0, if known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub start_utc: BTreeMap<String, String>,
    /// The origin of each of these times.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub start_utc_from: BTreeMap<String, StartOrigin>,
    /// Stretches of the searched span that are missing, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<CoverageGap>,
    /// The token of the next page, if there are more hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Sources that were left out because their start time is not known.
    #[serde(skip)]
    pub without_start: Vec<String>,
}
