//! Rows and gaps as callers write and read them.

use atom_operators::{qa::archive::GapReason, seen_objects::SeenObjects};

/// One segment of one source, with all that was found out about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Media time at which the segment begins, in milliseconds; with source and pack it is the key.
    pub start_ms: u64,
    /// Media time at which the segment ends, in milliseconds, exclusive.
    pub end_ms: u64,
    /// The caption, if the captioner gave one.
    pub caption: Option<String>,
    /// Names of visible concepts, separated by spaces or commas; searched, and shown where there is no caption.
    pub tags: String,
    /// The questions asked of this segment, each with its answer; only answers are searched.
    pub answers: Vec<(String, String)>,
    /// The vector of the segment's frames, of length 1, stored to a 254th of its largest number; empty if there is none.
    pub embedding: Vec<f32>,
    /// The share of each of the pack's concepts, 0 to 1, stored to a 255th; empty if the pack has none.
    pub concepts: Vec<f32>,
    /// Names of the stages that gave nothing for this segment.
    pub failed: Vec<String>,
    /// The objects that the detector counted in its frames; empty if there were none or the pack has no detector.
    pub objects: Vec<SeenObjects>,
    /// The sentence vector of the caption, in the space of `embedding` and stored alike; empty if there is none.
    pub caption_embedding: Vec<f32>,
    /// A small JPEG of the segment; empty if there is none.
    pub thumbnail: Vec<u8>,
}

/// A stretch of a source without rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Media time at which it begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which it ends, if that is known already.
    pub end_ms: Option<u64>,
    /// The reason.
    pub why: GapReason,
}

/// The rows, gaps and progress that one transaction adds to a source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seal<'s> {
    /// Segments, in any order.
    pub rows: &'s [Row],
    /// Stretches that have no segment and never will.
    pub gaps: &'s [Gap],
    /// Media time before which nothing is missing any more, in milliseconds.
    pub sealed_ms: u64,
}

impl<'s> Seal<'s> {
    /// Creates a seal of rows without gaps.
    pub fn of(rows: &'s [Row], sealed_ms: u64) -> Self {
        Self {
            rows,
            gaps: &[],
            sealed_ms,
        }
    }
}

/// A row with its source and pack.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    /// Name of the source.
    pub source: String,
    /// Pack and settings that made the row.
    pub pack: String,
    /// The row as it was sealed.
    pub row: Row,
}

/// The key of the rows that one run writes.
pub(crate) struct RunKey<'s> {
    pub(crate) source: &'s str,
    pub(crate) pack: &'s str,
    pub(crate) run: i64,
}
