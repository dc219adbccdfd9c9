//! The `[index]` section of a manifest.

use serde::{Deserialize, Serialize};

/// The files of a dual encoder as published, whose vectors make segments searchable beside a vision-language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexPart {
    /// The image encoder.
    pub(crate) image_encoder: String,
    /// The text encoder.
    pub(crate) text_encoder: String,
    /// The tokenizer.
    pub(crate) tokenizer: String,
    /// The tokenizer's configuration: its padding, and how texts are cleaned.
    pub(crate) tokenizer_config: String,
    /// The model's configuration.
    pub(crate) config: String,
    /// The steps from an image to a tensor.
    pub(crate) preprocessor_config: String,
}

impl IndexPart {
    /// Returns the files that it names.
    pub(crate) fn files(&self) -> Vec<&String> {
        vec![
            &self.image_encoder,
            &self.text_encoder,
            &self.tokenizer,
            &self.tokenizer_config,
            &self.config,
            &self.preprocessor_config,
        ]
    }
}
