//! The modules of the pack `fake`, which need no files.

use std::sync::Arc;

use crate::{
    CaptionMemory, Decoder, Manifest, Meter, ModelError, PromptBuilder, TextEncoder, VisionEncoder,
    fake::{self, FakeDecoder, FakeTextEncoder, FakeVisionEncoder},
};

use super::PackModules;

/// The modules of a version of the pack `fake`.
#[derive(Debug)]
pub(in crate::packs) struct FakeModules {
    prompts: PromptBuilder,
    frame_size: (u32, u32),
}

impl FakeModules {
    /// Opens the version of a manifest.
    pub(in crate::packs) fn open(manifest: &Manifest) -> Self {
        let vision = manifest.vision_part();
        Self {
            prompts: fake::prompts_of(manifest),
            frame_size: (vision.width, vision.height),
        }
    }
}

impl PackModules for FakeModules {
    fn prompts(&self) -> &PromptBuilder {
        &self.prompts
    }

    fn frame_size(&self) -> (u32, u32) {
        self.frame_size
    }

    fn vision(
        &self,
        _threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn VisionEncoder>, ModelError> {
        Ok(Box::new(FakeVisionEncoder::new(meter)))
    }

    fn decoder(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn Decoder>>, ModelError> {
        Ok(Some(Box::new(FakeDecoder::new(meter))))
    }

    fn has_text_encoder(&self) -> bool {
        true
    }

    fn text(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn TextEncoder>>, ModelError> {
        Ok(Some(Box::new(FakeTextEncoder::new(meter))))
    }

    fn memory(&self) -> Result<Option<CaptionMemory>, ModelError> {
        Ok(Some(fake::memory()))
    }
}
