//! A window of a source, with the sentences that its summary is made of.

use atom_models::{Fault, Prompt, PromptBuilder, Reason};

use crate::{ids::SourceId, media_time::MediaTime, summary::frequent_sentences::condense};

/// A window of a source: a minute, or a longer span of minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The captions of a minute, or the summaries of a span, in order of time.
    pub sentences: Vec<String>,
}

impl SummaryWindow {
    /// Returns the most frequent sentences with their counts, as one line.
    pub fn text(&self) -> String {
        condense(&self.sentences)
    }

    /// Returns the decoder's input.
    ///
    /// # Errors
    /// Fails if the window has no sentence.
    pub fn prompt(&self, prompts: &PromptBuilder) -> Result<Prompt, Fault> {
        match self.sentences.is_empty() {
            true => Err(Fault::new(Reason::Missing, "the window has no captions")),
            false => Ok(prompts.summary_prompt(&self.text())),
        }
    }
}
