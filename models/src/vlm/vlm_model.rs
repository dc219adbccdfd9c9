//! The properties of a published vision-language model, read from its configuration files.

use std::path::Path;

use crate::{
    ModelError,
    vlm::{
        chat_prompts::ChatPrompts, idefics3::Idefics3, model_config::ConfigFile, vlm_part::VlmPart,
    },
};

/// The values of `model_type` in the configurations of supported models.
const ARCHITECTURES: [&str; 2] = ["idefics3", "smolvlm"];

/// A model's properties.
#[derive(Clone, Debug)]
pub(crate) struct VlmModel {
    /// How images become tensors and how prompts show them.
    pub(crate) images: Idefics3,
    /// Tokens that end a text.
    pub(crate) ends: Vec<u32>,
    /// Maximum length of a sequence in tokens.
    pub(crate) context: usize,
}

impl VlmModel {
    /// Reads the configuration of a model, of its texts and of its images.
    ///
    /// # Errors
    /// If a file cannot be read, lacks a value, or the architecture is not supported.
    pub(crate) fn read(
        config: &Path,
        generation: &Path,
        preprocessor: &Path,
    ) -> Result<Self, ModelError> {
        let (file, generation) = (ConfigFile::read(config)?, ConfigFile::read(generation)?);
        let architecture = file.text("/model_type")?;
        if !ARCHITECTURES.contains(&architecture) {
            return Err(ModelError::Architecture {
                path: config.to_owned(),
                found: architecture.to_owned(),
                supported: "idefics3 and smolvlm",
            });
        }
        let ends = generation.token_ids("/eos_token_id")?;
        if ends.is_empty() {
            return Err(generation.wrong("/eos_token_id", "a token id or a list of them"));
        }
        Ok(Self {
            // Frames of a video are not split.
            images: Idefics3::read(&file, &ConfigFile::read(preprocessor)?, false)?,
            ends,
            context: file.size("/text_config/max_position_embeddings")?,
        })
    }

    /// Reads the model's chat template.
    ///
    /// # Errors
    /// If the template cannot be used.
    pub(crate) fn chat_prompts(
        &self,
        template: &Path,
        part: VlmPart,
    ) -> Result<ChatPrompts, ModelError> {
        ChatPrompts::read(template, self.images.clone(), part)
    }
}
