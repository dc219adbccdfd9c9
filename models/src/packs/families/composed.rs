//! Packs of the family `composed`: a vision encoder that scores concepts, a text encoder, and a decoder that sees no image but words.

use std::sync::Arc;

use crate::{
    CaptionMemory, Decoder, Meter, ModelError, PromptBuilder, TextEncoder, ThreadCounts,
    VisionEncoder,
    decoder::onnx_decoder::OnnxDecoder,
    packs::pack_files::PackFiles,
    text::encoder::OnnxTextEncoder,
    vision::{
        concept_vocabulary::Concept, encoder::OnnxVisionEncoder, object_classes::ObjectClass,
    },
};

use super::{PackModules, session_options};

/// The modules of a composed pack.
#[derive(Debug)]
pub(in crate::packs) struct ComposedModules {
    files: Arc<PackFiles>,
    prompts: PromptBuilder,
}

impl ComposedModules {
    /// Opens a pack.
    ///
    /// # Errors
    /// If its list of concepts or of classes is missing or wrong.
    pub(in crate::packs) fn open(files: Arc<PackFiles>) -> Result<Self, ModelError> {
        let vision = files.manifest.vision_part();
        let expected = "a word, its mean score and its standard deviation, separated by tabs";
        let concepts = files.read_lines(&vision.concepts, Concept::parse, expected)?;
        let expected = "a name, and after a tab other names separated by commas";
        let classes = match &vision.objects {
            Some(file) => files.read_lines(file, ObjectClass::parse, expected)?,
            None => Vec::new(),
        };
        let settings = files.manifest.prompt_settings();
        Ok(Self {
            prompts: PromptBuilder::new(concepts, classes, settings),
            files,
        })
    }
}

impl PackModules for ComposedModules {
    fn prompts(&self) -> &PromptBuilder {
        &self.prompts
    }

    fn frame_size(&self) -> (u32, u32) {
        let vision = self.files.manifest.vision_part();
        (vision.width, vision.height)
    }

    fn vision(
        &self,
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn VisionEncoder>, ModelError> {
        let part = self.files.manifest.vision_part();
        let path = self.files.verified(&part.file)?;
        let options = session_options(threads, meter)?;
        let columns = (
            self.prompts.concept_count(),
            self.prompts.object_classes().len(),
        );
        let encoder = OnnxVisionEncoder::load(&path, part, columns, options)?;
        Ok(Box::new(encoder))
    }

    fn decoder(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn Decoder>>, ModelError> {
        let part = self.files.manifest.decoder_part();
        self.files.verified(&part.file)?;
        self.files.verified(&part.tokenizer)?;
        let options = session_options(ThreadCounts::for_this_machine().decoder, meter)?;
        let decoder = OnnxDecoder::load(&self.files.folder, part, options)?;
        Ok(Some(Box::new(decoder)))
    }

    fn has_text_encoder(&self) -> bool {
        true
    }

    fn text(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn TextEncoder>>, ModelError> {
        let part = self.files.manifest.text_part();
        self.files.verified(&part.file)?;
        self.files.verified(&part.tokenizer)?;
        let options = session_options(ThreadCounts::for_this_machine().text, meter)?;
        let encoder = OnnxTextEncoder::load(&self.files.folder, part, options)?;
        Ok(Some(Box::new(encoder)))
    }

    fn memory(&self) -> Result<Option<CaptionMemory>, ModelError> {
        let Some(part) = &self.files.manifest.memory else {
            return Ok(None);
        };
        let vectors = self.files.verified(&part.vectors)?;
        let sentences = self.files.verified(&part.sentences)?;
        let width = self.files.manifest.vision_part().embedding;
        let memory = CaptionMemory::load(&vectors, &sentences, width)?;
        let memory = memory.with_draft_rule(part.draft, self.prompts.concepts());
        Ok(Some(memory))
    }
}
