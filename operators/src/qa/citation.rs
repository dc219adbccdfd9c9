//! The stretches of sources that an answer rests on, and answers that code composes with them.

use serde::Serialize;

use crate::{qa::archive::StoredSegment, stretch::Stretch};

/// A stretch of a source that an answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Citation {
    /// Name of its source.
    pub source: String,
    /// The present path of its file, if it has one and the one who prints the answer has looked it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Start in milliseconds of media time.
    pub start_ms: u64,
    /// End in milliseconds of media time.
    pub end_ms: u64,
    /// The wall time at which it begins, if it is known and was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_utc: Option<String>,
    /// Its caption, or its content in words.
    pub text: String,
    /// The answer about it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The probability that it meets the condition or is related to the question; `None` where the question is about
    /// everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
}

impl Citation {
    /// Cites a segment with the probability that it supports the answer.
    pub(crate) fn new(
        (segment, probability): &(StoredSegment, f32),
        answer: Option<String>,
    ) -> Self {
        let text = segment.caption.as_ref().unwrap_or(&segment.tags);
        Self {
            text: text.clone(),
            probability: Some(rounded(*probability)),
            answer,
            ..Self::of_stretch(segment.stretch())
        }
    }

    /// Cites a segment for the objects in it.
    pub(crate) fn counted(segment: &StoredSegment, objects: String) -> Self {
        let text = segment.caption.as_ref().unwrap_or(&segment.tags);
        Self {
            text: text.clone(),
            answer: Some(objects),
            ..Self::of_stretch(segment.stretch())
        }
    }

    /// Cites a stretch, without words.
    pub(crate) fn of_stretch(stretch: Stretch) -> Self {
        Self {
            source: stretch.source,
            path: None,
            start_ms: stretch.start_ms,
            end_ms: stretch.end_ms,
            start_utc: None,
            text: String::new(),
            answer: None,
            probability: None,
        }
    }

    /// Returns its source and times.
    pub(crate) fn stretch(&self) -> Stretch {
        Stretch {
            source: self.source.clone(),
            start_ms: self.start_ms,
            end_ms: self.end_ms,
        }
    }
}

/// Rounds to thousandths; probabilities are not known more exactly.
pub(crate) fn rounded(probability: f32) -> f32 {
    (probability * 1000.0).round() / 1000.0
}

/// An answer composed by code while the segments were read.
#[derive(Clone, Debug)]
pub(crate) struct ComposedAnswer {
    pub(crate) text: String,
    /// The most of the things asked for in one frame, where that is known.
    pub(crate) count: Option<u32>,
    pub(crate) citations: Vec<Citation>,
}
