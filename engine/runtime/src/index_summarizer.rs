//! Summarizes a span of an index: every minute, and all of it.
//!
//! A summary consists of stored captions, each with its times; code chooses those that tags, objects and other captions bear out.
//! So it needs no pack, and no word of it is made up.

use std::collections::BTreeMap;

use atom_index::{Filter, SelectedSource, Store, StoredRow};
use atom_operators::{
    qa::archive::Coverage,
    summary::{described_scenes::DescribedScene, moment::Moment, summary_text::summarize_moments},
};
use serde::Serialize;

use crate::{error::RuntimeError, store_archive::coverage_of};

/// Length of a minute.
const MINUTE_MS: u64 = 60_000;
/// Highest number of scenes in the summary of a minute.
const SCENES_OF_MINUTE: usize = 5;
/// Highest number of scenes in the summary of a source.
const SCENES_OF_SOURCE: usize = 16;

/// Summaries of a span, by source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summaries {
    /// One for each source that has segments in the span.
    pub summaries: Vec<SourceSummary>,
    /// The time through which each source is complete, and the gaps.
    #[serde(flatten)]
    pub extent: Coverage,
}

/// The summary of one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceSummary {
    /// Name of the source.
    pub source: String,
    /// Start of the first segment, in milliseconds of media time.
    pub start_ms: u64,
    /// End of the last segment.
    pub end_ms: u64,
    /// The summary of all minutes.
    pub text: String,
    /// The scenes that the text describes, in order of time.
    pub scenes: Vec<SceneSummary>,
    /// The summary of each minute.
    pub minutes: Vec<MinuteSummary>,
}

/// The summary of a minute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MinuteSummary {
    /// Start of its first segment, in milliseconds of media time.
    pub start_ms: u64,
    /// End of its last segment.
    pub end_ms: u64,
    /// The summary.
    pub text: String,
}

/// A scene of a summary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SceneSummary {
    /// The caption that describes it.
    pub text: String,
    /// Number of segments that have at least half of the caption's things.
    pub segments: usize,
    /// The spans of the scene.
    pub spans: Vec<SceneSpan>,
}

/// A stretch of a scene.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SceneSpan {
    /// Start in milliseconds of media time.
    pub start_ms: u64,
    /// End in milliseconds of media time.
    pub end_ms: u64,
}

impl SceneSummary {
    fn new(described: &DescribedScene) -> Self {
        let spans = described.spans.iter();
        Self {
            text: format!("{}.", described.sentence),
            segments: described.moments,
            spans: spans
                .map(|(start_ms, end_ms)| SceneSpan {
                    start_ms: *start_ms,
                    end_ms: *end_ms,
                })
                .collect(),
        }
    }
}

/// Summarizes a span of an index, minute by minute and in all.
///
/// # Errors
/// If the source does not exist, or the index cannot be read.
pub fn summarize_index(store: &Store, filter: &Filter) -> Result<Summaries, RuntimeError> {
    let chosen = store.select(filter)?.sources;
    let mut summaries = Vec::new();
    for chosen in &chosen {
        summaries.extend(summarize_source(chosen, &moments(store, chosen)?));
    }
    Ok(Summaries {
        summaries,
        extent: coverage_of(store, &chosen)?,
    })
}

/// Returns the summary of a source; `None` if it has no segments in the span.
fn summarize_source(chosen: &SelectedSource, moments: &[Moment]) -> Option<SourceSummary> {
    let (first, last) = (moments.first()?, moments.last()?);
    let (text, described) = summarize_moments(moments, SCENES_OF_SOURCE);
    let mut by_minute: BTreeMap<u64, Vec<Moment>> = BTreeMap::new();
    for moment in moments {
        let minute = by_minute.entry(moment.start_ms / MINUTE_MS).or_default();
        minute.push(moment.clone());
    }
    Some(SourceSummary {
        source: chosen.state.source.clone(),
        start_ms: first.start_ms,
        end_ms: last.end_ms,
        text,
        scenes: described.iter().map(SceneSummary::new).collect(),
        minutes: by_minute
            .values()
            .filter_map(|minute| summarize_minute(minute))
            .collect(),
    })
}

fn summarize_minute(moments: &[Moment]) -> Option<MinuteSummary> {
    Some(MinuteSummary {
        start_ms: moments.first()?.start_ms,
        end_ms: moments.last()?.end_ms,
        text: summarize_moments(moments, SCENES_OF_MINUTE).0,
    })
}

/// Returns the segments of a source within the span.
fn moments(store: &Store, chosen: &SelectedSource) -> Result<Vec<Moment>, RuntimeError> {
    let mut moments = Vec::new();
    let source = Some(&*chosen.state.source);
    store.visit(source, Some(chosen.from_ms), chosen.to_ms, &mut |stored| {
        moments.push(moment(stored));
        true
    })?;
    Ok(moments)
}

/// Converts a row. Its source is left out: a summary is of one source.
fn moment(stored: StoredRow) -> Moment {
    let row = stored.row;
    Moment {
        source: String::new(),
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        caption: row.caption,
        tags: row.tags,
        objects: row.objects,
        embedding: row.embedding.into(),
    }
}
