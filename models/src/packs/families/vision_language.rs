//! Packs of the family `vlm`: a vision-language model as published, and a dual encoder beside it if the manifest has `[index]`.

use std::sync::Arc;

use crate::{
    Decoder, Meter, ModelError, PromptBuilder, TextEncoder, ThreadCounts, VisionEncoder,
    packs::pack_files::PackFiles,
    vision::encoder_pair::EncoderPair,
    vlm::{
        vlm_decoder::{VlmDecoder, VlmDecoderFiles},
        vlm_encoder::VlmEncoder,
        vlm_model::VlmModel,
    },
};

use super::{PackModules, dual_encoder::DualModules, session_options};

/// The modules of a vision-language model.
#[derive(Debug)]
pub(in crate::packs) struct VlmModules {
    files: Arc<PackFiles>,
    model: VlmModel,
    prompts: PromptBuilder,
    index: Option<DualModules>,
}

impl VlmModules {
    /// Opens a pack.
    ///
    /// # Errors
    /// If a configuration or the chat template is missing or wrong.
    pub(in crate::packs) fn open(files: Arc<PackFiles>) -> Result<Self, ModelError> {
        let part = files.manifest.vlm_part();
        let model = VlmModel::read(
            &files.verified(&part.config)?,
            &files.verified(&part.generation_config)?,
            &files.verified(&part.preprocessor_config)?,
        )?;
        let template = files.verified(&part.chat_template)?;
        let tokenizer = files.verified(&part.tokenizer)?;
        let prompts = model.chat_prompts(&template, &tokenizer, part.clone())?;
        let index = match &files.manifest.index {
            Some(_) => Some(DualModules::open(Arc::clone(&files))?),
            None => None,
        };
        Ok(Self {
            prompts: PromptBuilder::chat(prompts, index.as_ref().map(DualModules::prompts)),
            model,
            index,
            files,
        })
    }
}

impl PackModules for VlmModules {
    fn prompts(&self) -> &PromptBuilder {
        &self.prompts
    }

    fn frame_size(&self) -> (u32, u32) {
        let side = self.files.manifest.vlm_part().frame_side;
        let side = side.unwrap_or(self.model.images.frame_side());
        (side, side)
    }

    fn vision(
        &self,
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn VisionEncoder>, ModelError> {
        let part = self.files.manifest.vlm_part();
        let path = self.files.verified_module(&part.vision)?;
        let options = session_options(threads, meter)?;
        let encoder = VlmEncoder::load(&path, self.model.images.clone(), options)?;
        let Some(index) = &self.index else {
            return Ok(Box::new(encoder));
        };
        // The meter of the model's encoder counts the frames of both.
        Ok(Box::new(EncoderPair {
            index: index.vision(threads, Arc::default())?,
            decoder_view: Box::new(encoder),
        }))
    }

    fn decoder(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn Decoder>>, ModelError> {
        let part = self.files.manifest.vlm_part();
        let files = VlmDecoderFiles {
            embed: &self.files.verified_module(&part.embed)?,
            decoder: &self.files.verified_module(&part.decoder)?,
            tokenizer: &self.files.verified(&part.tokenizer)?,
        };
        let options = session_options(ThreadCounts::for_this_machine().decoder, meter)?;
        let (ends, context) = (self.model.ends.clone(), self.model.context);
        let decoder = VlmDecoder::load(&files, ends, context, options)?;
        Ok(Some(Box::new(decoder)))
    }

    fn has_text_encoder(&self) -> bool {
        self.index.is_some()
    }

    fn text(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn TextEncoder>>, ModelError> {
        match &self.index {
            Some(index) => index.text(meter),
            None => Ok(None),
        }
    }
}
