//! Packs of the family `dual`: an image and a text encoder with one space. They have no decoder, so they index and search, answer
//! yes-or-no questions if their manifest has a rule for that, and write no captions.

use std::sync::Arc;

use crate::{
    Decoder, Meter, ModelError, PromptBuilder, TextEncoder, ThreadCounts, VisionEncoder,
    dual::{
        dual_image_encoder::DualImageEncoder,
        dual_text_encoder::{DualTextEncoder, DualTextFiles},
        image_steps::ImageSteps,
        index_part::IndexPart,
    },
    model_config::ConfigFile,
    packs::pack_files::PackFiles,
};

use super::{PackModules, session_options};

/// The modules of a dual encoder.
#[derive(Debug)]
pub(in crate::packs) struct DualModules {
    files: Arc<PackFiles>,
    prompts: PromptBuilder,
    steps: ImageSteps,
}

impl DualModules {
    /// Opens the dual encoder of a pack whose manifest has the section `[index]`.
    ///
    /// # Errors
    /// If the steps from an image to the encoder's input cannot be read.
    pub(in crate::packs) fn open(files: Arc<PackFiles>) -> Result<Self, ModelError> {
        let steps = files.verified(&files.manifest.index_part().preprocessor_config)?;
        Ok(Self {
            steps: ImageSteps::read(&ConfigFile::read(&steps)?)?,
            prompts: PromptBuilder::without_decoder(files.manifest.yes_no.clone()),
            files,
        })
    }

    fn part(&self) -> &IndexPart {
        self.files.manifest.index_part()
    }
}

impl PackModules for DualModules {
    fn prompts(&self) -> &PromptBuilder {
        &self.prompts
    }

    fn frame_size(&self) -> (u32, u32) {
        self.steps.size()
    }

    fn vision(
        &self,
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn VisionEncoder>, ModelError> {
        let path = self.files.verified_module(&self.part().image_encoder)?;
        let options = session_options(threads, meter)?;
        let encoder = DualImageEncoder::load(&path, self.steps.clone(), options)?;
        Ok(Box::new(encoder))
    }

    fn has_decoder(&self) -> bool {
        false
    }

    fn decoder(&self, _meter: Arc<Meter>) -> Result<Option<Box<dyn Decoder>>, ModelError> {
        Ok(None)
    }

    fn has_text_encoder(&self) -> bool {
        true
    }

    fn text(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn TextEncoder>>, ModelError> {
        let part = self.part();
        let files = DualTextFiles {
            model: &self.files.verified_module(&part.text_encoder)?,
            tokenizer: &self.files.verified(&part.tokenizer)?,
            tokenizer_config: &self.files.verified(&part.tokenizer_config)?,
            config: &self.files.verified(&part.config)?,
        };
        let options = session_options(ThreadCounts::for_this_machine().text, meter)?;
        Ok(Some(Box::new(DualTextEncoder::load(files, options)?)))
    }
}
