//! What is stored, as questions find it: moments, how much of it there is, and who has it.

use std::collections::BTreeMap;

use atom_models::{Fault, VisualFeatures};
use serde::Serialize;

use crate::question::Question;

/// A stored segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Name of its source.
    pub source: String,
    /// Where it begins, in milliseconds of media time.
    pub start_ms: u64,
    /// Where it ends.
    pub end_ms: u64,
    /// What it shows, in words.
    pub tags: String,
    /// Its caption, if it has one.
    pub caption: Option<String>,
    /// What the vision encoder made of it; concepts may be missing.
    pub features: VisualFeatures,
    /// How likely it bears out what is asked, where that is known already: of what another pack than the run's has looked at,
    /// only that pack can tell.
    pub likely: Option<f32>,
}

/// How much of what a question is about is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Of each source, the media time before which no segment is missing, in milliseconds.
    pub complete_through_ms: BTreeMap<String, u64>,
    /// What of it is not there, by source and time.
    pub incomplete: Vec<Incomplete>,
}

/// A stretch of a source that is not wholly there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incomplete {
    /// Name of the source.
    pub source: String,
    /// Media time at which it begins, in milliseconds.
    pub from_ms: u64,
    /// Media time at which it ends, if it is known to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<u64>,
    /// Why it is not there.
    pub why: Why,
    /// The stages that gave nothing, where there are segments all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<String>,
}

/// Why something is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// It has not been worked on yet.
    Waiting,
    /// The source gave no pictures.
    Lost,
    /// Nothing, or not everything, could be made of its pictures.
    Failed,
    /// It was there, and is no longer kept.
    Expired,
}

impl Why {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Lost, Self::Failed, Self::Expired];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// Where segments are stored.
pub trait Archive: Send {
    /// How much there is. Asked first, so that it never claims more than is then found.
    ///
    /// # Errors
    /// If the question names a source that is not there, or the archive cannot be read.
    fn extent(&mut self, question: &Question) -> Result<Extent, Fault>;

    /// At most `limit` segments within the question's bounds that fit best, by words and by vector, best first.
    ///
    /// # Errors
    /// If the archive cannot be read.
    fn best(
        &mut self,
        question: &Question,
        words: &str,
        vector: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<Moment>, Fault>;

    /// Visits all segments within the question's bounds, by source and start. `asked` is what each of them is to bear out, if
    /// anything is.
    ///
    /// # Errors
    /// If the archive cannot be read, or what `visit` gives.
    fn each(
        &mut self,
        question: &Question,
        asked: Option<&str>,
        visit: &mut dyn FnMut(Moment) -> Result<(), Fault>,
    ) -> Result<(), Fault>;
}
