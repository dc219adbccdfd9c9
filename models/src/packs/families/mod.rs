//! The families of packs: which modules a pack of each has, and how they are loaded.
//!
//! A module is loaded at each call, so callers load each once. A pack lacks the modules whose methods return `None`.

use std::{fmt::Debug, sync::Arc};

use crate::{
    CaptionMemory, Decoder, Meter, ModelError, PromptBuilder, TextEncoder, VisionEncoder,
    packs::installed_packs::runtime_library, runtime::session::SessionOptions,
};

pub(super) mod composed;
pub(super) mod dual_encoder;
pub(super) mod fake_modules;
pub(super) mod vision_language;

/// The modules of a pack.
pub(super) trait PackModules: Debug + Send + Sync {
    /// Returns the builder of prompts for the decoder; of a pack without one, it knows what the vision encoder knows.
    fn prompts(&self) -> &PromptBuilder;

    /// Returns the width and height of the frames that the vision encoder takes.
    fn frame_size(&self) -> (u32, u32);

    /// Loads the vision encoder with a number of threads.
    fn vision(
        &self,
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn VisionEncoder>, ModelError>;

    /// True if there is a decoder.
    fn has_decoder(&self) -> bool {
        true
    }

    /// Loads the decoder.
    fn decoder(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn Decoder>>, ModelError>;

    /// True if there is a text encoder.
    fn has_text_encoder(&self) -> bool;

    /// Loads the text encoder.
    fn text(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn TextEncoder>>, ModelError>;

    /// Reads the caption memory.
    fn memory(&self) -> Result<Option<CaptionMemory>, ModelError> {
        Ok(None)
    }
}

fn session_options(threads: usize, meter: Arc<Meter>) -> Result<SessionOptions, ModelError> {
    Ok(SessionOptions {
        library: runtime_library()?,
        threads,
        meter,
    })
}
