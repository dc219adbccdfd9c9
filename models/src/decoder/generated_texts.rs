//! The texts that the decoder generated for one request, and their cost in tokens.

/// Generated texts with their cost.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedTexts {
    /// The best texts found, best first; one for greedy search. Never empty, but a text may be.
    pub candidates: Vec<Candidate>,
    /// Prompt tokens that were computed.
    pub prefilled: usize,
    /// Prompt tokens whose keys and values came from an earlier request. Tokens of pinned prefixes count neither here nor as
    /// prefilled.
    pub reused: usize,
    /// New tokens, including those of discarded beams.
    pub generated: usize,
}

/// One generated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The new text, without the prompt, trimmed.
    pub text: String,
    /// Log-probability divided by a power below 1 of the length, plus any terms of `GeneratedTexts::rerank`.
    pub score: f32,
}

impl GeneratedTexts {
    /// Returns the best text.
    pub fn text(&self) -> &str {
        self.candidates.first().map_or("", |best| &best.text)
    }

    /// Adds the value of `bonus` to each text's score and sorts the best first. Leaves a single text unchanged.
    ///
    /// # Errors
    /// The error of `bonus`.
    pub(crate) fn rerank<E>(
        &mut self,
        mut bonus: impl FnMut(&str) -> Result<f32, E>,
    ) -> Result<(), E> {
        if self.candidates.len() < 2 {
            return Ok(());
        }
        for candidate in &mut self.candidates {
            candidate.score += bonus(&candidate.text)?;
        }
        self.candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(())
    }
}
