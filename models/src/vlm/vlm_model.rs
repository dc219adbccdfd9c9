//! The properties of a published vision-language model, read from its configuration files.

use std::path::Path;

use crate::{
    ModelError,
    model_config::ConfigFile,
    text::tokenizer::Tokenizer,
    vlm::{
        chat_prompts::ChatPrompts, chat_template::ChatTemplate, vlm_images::VlmImages,
        vlm_part::VlmPart,
    },
};

/// A model's properties.
#[derive(Clone, Debug)]
pub(crate) struct VlmModel {
    /// The conversion of images into tensors and into parts of prompts.
    pub(crate) images: VlmImages,
    /// Tokens that end a text.
    pub(crate) ends: Vec<u32>,
    /// Maximum length of a sequence in tokens.
    pub(crate) context: usize,
    /// The token that begins a sequence, if the model has one; chat templates write it.
    begin: Option<u32>,
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
        let images = VlmImages::read(&file, &ConfigFile::read(preprocessor)?, false)?;
        let ends = generation.token_ids("/eos_token_id")?;
        if ends.is_empty() {
            return Err(generation.wrong("/eos_token_id", "a token id or a list of them"));
        }
        let begin = match generation.token_ids("/bos_token_id")?.first() {
            Some(begin) => Some(*begin),
            None => file
                .token_ids("/text_config/bos_token_id")?
                .first()
                .copied(),
        };
        Ok(Self {
            images,
            ends,
            context: file.size("/text_config/max_position_embeddings")?,
            begin,
        })
    }

    /// Reads the model's chat template.
    ///
    /// # Errors
    /// If the template cannot be used.
    pub(crate) fn chat_prompts(
        &self,
        template: &Path,
        tokenizer: &Path,
        part: VlmPart,
    ) -> Result<ChatPrompts, ModelError> {
        let mut template = ChatTemplate::read(template)?;
        if template.writes_begin_token()
            && let Some(id) = self.begin
        {
            let begin = Tokenizer::load(tokenizer, None)?.token(id);
            template.begin = begin.ok_or_else(|| ModelError::Tokenizer {
                path: tokenizer.to_owned(),
                problem: format!("it has no token {id}, with which the model's texts begin"),
            })?;
        }
        ChatPrompts::new(&template, self.images.clone(), part)
    }
}
