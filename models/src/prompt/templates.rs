//! The prompt templates of a composed pack.

use serde::{Deserialize, Serialize, de::IgnoredAny};

/// The `[prompts]` section of a manifest: templates and decoding settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromptTemplates {
    /// Template for captions: `{tags}` stands for the tags, or `{sure}` and `{maybe}` for their two parts, and `{examples}`
    /// for remembered captions.
    pub(crate) caption: String,
    /// Beams of a caption, 1 to 8; 1 is greedy search.
    pub(crate) caption_beams: usize,
    /// Weight, among those beams' texts, of the similarity with the images beside the decoder's own score.
    #[serde(alias = "caption_likeness")]
    pub(crate) caption_similarity: f32,
    /// Template for questions: `{evidence}` stands for tags or a caption, `{question}` for the question.
    pub(crate) reason: String,
    /// Template for a question of a user about a segment known to be relevant; `{evidence}` and `{question}` as above.
    pub(crate) ask: String,
    /// Function words that an answer may use besides the words of its evidence and its question; empty allows all words.
    #[serde(default, alias = "glue")]
    pub(crate) function_words: Vec<String>,
    /// Maximum number of new tokens of a caption.
    pub(crate) caption_tokens: usize,
    /// Maximum number of new tokens of an answer.
    pub(crate) answer_tokens: usize,
    /// Template for summaries in packs of the time when the decoder wrote them; read and ignored.
    #[serde(default, rename = "summary", skip_serializing)]
    pub(crate) _summary: Option<IgnoredAny>,
    /// Maximum number of new tokens of a summary in such packs; read and ignored.
    #[serde(default, rename = "summary_tokens", skip_serializing)]
    pub(crate) _summary_tokens: Option<IgnoredAny>,
}

impl PromptTemplates {
    /// Returns the first template or setting that is wrong as the error.
    pub(crate) fn check(&self) -> Result<(), String> {
        let asks = |text: &str| text.contains("{evidence}") && text.contains("{question}");
        let rules = [
            (
                self.caption.contains("{tags}") || self.caption.contains("{maybe}"),
                "caption must contain {tags}, or {sure} and {maybe}",
            ),
            (
                (1..=8).contains(&self.caption_beams),
                "caption_beams must be 1 to 8",
            ),
            (
                asks(&self.reason) && asks(&self.ask),
                "reason and ask must contain {evidence} and {question}",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => Err(format!("[prompts] {problem}")),
            None => Ok(()),
        }
    }
}
