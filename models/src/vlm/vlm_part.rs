//! The `[vlm]` section of a manifest.

use serde::{Deserialize, Serialize};

/// The files of a vision-language model as published, and the texts that it is asked with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VlmPart {
    /// The vision encoder.
    pub(crate) vision: String,
    /// The token embedding.
    pub(crate) embed: String,
    /// The decoder, with a cache that it returns as a copy.
    pub(crate) decoder: String,
    /// The tokenizer.
    #[serde(default = "tokenizer")]
    pub(crate) tokenizer: String,
    /// The model's configuration: its architecture and sizes.
    #[serde(default = "config")]
    pub(crate) config: String,
    /// The tokens that end a text.
    #[serde(default = "generation_config")]
    pub(crate) generation_config: String,
    /// The steps from an image to a tensor.
    #[serde(default = "preprocessor_config")]
    pub(crate) preprocessor_config: String,
    /// The chat template, as text (`.jinja`) or as the member `chat_template` of a `.json` file.
    #[serde(default = "chat_template")]
    pub(crate) chat_template: String,
    /// Most frames of a segment that a prompt shows, 1 to 16.
    #[serde(default = "frames")]
    pub(crate) frames: usize,
    /// Side in pixels of the square to which frames are stretched, 32 to 2048; the smallest that the model was trained with if absent.
    /// A larger side shows more detail and takes longer, where the number of tokens depends on it.
    #[serde(default)]
    pub(crate) frame_side: Option<u32>,
    /// Instruction for a caption.
    pub(crate) caption: String,
    /// Instruction for a question about the frames shown; `{question}` stands for the question.
    pub(crate) question: String,
    /// Instruction for a question about a text; `{evidence}` stands for the text, such as a caption, and `{question}` for the question.
    pub(crate) ask: String,
    /// Beams of a caption, 1 to 8; 1 is greedy search.
    #[serde(default = "one")]
    pub(crate) caption_beams: usize,
    /// Maximum number of new tokens of a caption.
    pub(crate) caption_tokens: usize,
    /// Maximum number of new tokens of an answer.
    pub(crate) answer_tokens: usize,
}

fn tokenizer() -> String {
    "tokenizer.json".to_owned()
}

fn config() -> String {
    "config.json".to_owned()
}

fn generation_config() -> String {
    "generation_config.json".to_owned()
}

fn preprocessor_config() -> String {
    "preprocessor_config.json".to_owned()
}

fn chat_template() -> String {
    "chat_template.jinja".to_owned()
}

fn frames() -> usize {
    4
}

fn one() -> usize {
    1
}

impl VlmPart {
    /// Returns the files that it names.
    pub(crate) fn files(&self) -> Vec<&String> {
        vec![
            &self.vision,
            &self.embed,
            &self.decoder,
            &self.tokenizer,
            &self.config,
            &self.generation_config,
            &self.preprocessor_config,
            &self.chat_template,
        ]
    }

    /// Returns the first setting that is wrong as the error.
    pub(crate) fn check(&self) -> Result<(), String> {
        let rules = [
            ((1..=16).contains(&self.frames), "frames must be 1 to 16"),
            (
                self.frame_side
                    .is_none_or(|side| (32..=2048).contains(&side)),
                "frame_side must be 32 to 2048",
            ),
            (
                (1..=8).contains(&self.caption_beams),
                "caption_beams must be 1 to 8",
            ),
            (!self.caption.trim().is_empty(), "caption must not be empty"),
            (
                self.question.contains("{question}"),
                "question must contain {question}",
            ),
            (
                self.ask.contains("{evidence}") && self.ask.contains("{question}"),
                "ask must contain {evidence} and {question}",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => Err(format!("[vlm] {problem}")),
            None => Ok(()),
        }
    }
}
