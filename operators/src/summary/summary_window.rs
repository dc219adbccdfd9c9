//! A window of a source, with the moments that its summary is made of.

use atom_models::{Fault, Reason};

use crate::{
    ids::SourceId,
    media_time::MediaTime,
    summary::{moment::Moment, summary_text::summarize_moments},
};

/// A window of a source: a minute, or a longer span of minutes.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryWindow {
    /// The source.
    pub source: SourceId,
    /// Start of its first segment.
    pub start: MediaTime,
    /// End of its last segment.
    pub end: MediaTime,
    /// Number of its parts: segments of a minute, minutes of a span.
    pub parts: usize,
    /// True if it is a span of shorter windows.
    pub span: bool,
    /// The moments with a caption, in order of time.
    pub moments: Vec<Moment>,
}

impl SummaryWindow {
    /// Returns the summary, of at most `most` scenes.
    ///
    /// # Errors
    /// Fails if no segment of the window has a caption.
    pub fn text(&self, most: usize) -> Result<String, Fault> {
        match self.moments.is_empty() {
            true => Err(Fault::new(Reason::Missing, "the window has no captions")),
            false => Ok(summarize_moments(&self.moments, most).0),
        }
    }
}
