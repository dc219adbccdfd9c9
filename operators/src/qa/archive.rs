//! The stored segments as questions see them, with how complete they are.

use std::collections::BTreeMap;

use atom_models::{Fault, VisualFeatures};
use serde::Serialize;

use crate::{
    qa::question::Question, seen_objects::SeenObjects, stretch::Stretch, summary::moment::Moment,
};

/// A stored segment.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSegment {
    /// Name of its source.
    pub source: String,
    /// Start in milliseconds of media time.
    pub start_ms: u64,
    /// End in milliseconds of media time.
    pub end_ms: u64,
    /// Its content in words.
    pub tags: String,
    /// Its caption, if it has one.
    pub caption: Option<String>,
    /// The output of the vision encoder; concepts may be missing.
    pub features: VisualFeatures,
    /// The objects that the detector counted.
    pub objects: Vec<SeenObjects>,
    /// The probability that the segment is evidence for the question, if it is known already: only the pack that encoded
    /// a segment can name, and it may be another pack than the run's.
    pub probability: Option<f32>,
}

impl StoredSegment {
    /// Limits it to the bounds of a question: only the part within them counts.
    pub(crate) fn clip(&mut self, question: &Question) {
        let bounds = question.from_ms.unwrap_or(0)..question.to_ms.unwrap_or(u64::MAX);
        self.start_ms = self.start_ms.max(bounds.start);
        self.end_ms = self.end_ms.min(bounds.end);
        self.objects.retain(|seen| bounds.contains(&seen.at_ms));
    }

    /// Returns its source and times.
    pub(crate) fn stretch(&self) -> Stretch {
        Stretch {
            source: self.source.clone(),
            start_ms: self.start_ms,
            end_ms: self.end_ms,
        }
    }

    /// Returns the segment as a moment of a summary.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            source: self.source.clone(),
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            caption: self.caption.clone(),
            tags: self.tags.clone(),
            objects: self.objects.clone(),
            embedding: self.features.embedding.clone(),
        }
    }
}

/// The completeness of the segments that a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// For each source, the media time before which no segment is missing, in milliseconds.
    pub complete_through_ms: BTreeMap<String, u64>,
    /// The stretches that are not there, by source and time.
    pub incomplete: Vec<CoverageGap>,
}

/// A stretch of a source that is missing in whole or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageGap {
    /// Name of the source.
    pub source: String,
    /// Start in milliseconds of media time.
    pub from_ms: u64,
    /// End in milliseconds of media time, if it is known to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<u64>,
    /// The cause.
    pub why: GapReason,
    /// The stages that gave nothing, where there are segments nevertheless, or that ended the source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<String>,
    /// The reason why the source ended there, if it failed: it is not processed further as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The cause of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GapReason {
    /// The stretch has not been processed yet.
    Waiting,
    /// The source gave no frames.
    Lost,
    /// Processing of its frames failed in whole or in part.
    Failed,
    /// The stretch was there and has been removed by the retention policy.
    Expired,
}

impl GapReason {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Lost, Self::Failed, Self::Expired];

    /// Returns the reason's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// Access to the stored segments.
pub trait Archive: Send {
    /// Returns the completeness of the segments within the question's bounds. Called before the segments are read, so
    /// that it never claims more than is found then.
    ///
    /// # Errors
    /// Fails if the question names an unknown source, or the archive cannot be read.
    fn coverage(&mut self, question: &Question) -> Result<Coverage, Fault>;

    /// Returns at most `limit` segments within the question's bounds that match best, by words and by vector, best first.
    ///
    /// # Errors
    /// Fails if the archive cannot be read.
    fn search(
        &mut self,
        question: &Question,
        words: &str,
        vector: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<StoredSegment>, Fault>;

    /// Visits all segments within the question's bounds, by source and start. `condition` is the yes-or-no question that
    /// they are tested with, if there is one.
    ///
    /// # Errors
    /// Fails if the archive cannot be read, or with the error of `visit`.
    fn scan(
        &mut self,
        question: &Question,
        condition: Option<&str>,
        visit: &mut dyn FnMut(StoredSegment) -> Result<(), Fault>,
    ) -> Result<(), Fault>;
}
