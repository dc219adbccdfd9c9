//! An installed pack, from whose checked files each module is loaded once.
//!
//! A file is compared with the manifest's size and checksum before it is loaded, so only the files that the manifest names
//! run. The pack named `fake` needs no files, and no other name leads to fake modules. A manifest of that name in the cache
//! replaces the built-in one, so that it can have other versions.

use std::{path::PathBuf, sync::Arc};

use crate::{
    CaptionMemory, Decoder, Manifest, Meter, ModelError, NoTextEncoder, PromptBuilder, TextEncoder,
    ThreadCounts, VisionEncoder, fake,
    packs::{
        families::{
            PackModules, composed::ComposedModules, dual_encoder::DualModules,
            fake_modules::FakeModules, vision_language::VlmModules,
        },
        installed_packs::installed,
        manifest::Family,
        pack_files::PackFiles,
    },
};

/// An installed pack with its manifest.
#[derive(Debug)]
pub struct Pack {
    files: Arc<PackFiles>,
    modules: Box<dyn PackModules>,
}

impl Pack {
    /// Opens an installed pack by its name or by its id (name and version): `mini`, `mini-0.5.0`.
    ///
    /// # Errors
    /// If it is not installed, or its manifest or a file that describes its modules is wrong.
    pub fn open(name: &str) -> Result<Self, ModelError> {
        let (manifest, folder) = installed_or_fake(name)?;
        let files = Arc::new(PackFiles { manifest, folder });
        let modules: Box<dyn PackModules> = match files.manifest.family {
            _ if files.manifest.name == fake::NAME => Box::new(FakeModules::open(&files.manifest)),
            Family::Composed => Box::new(ComposedModules::open(Arc::clone(&files))?),
            Family::Vlm => Box::new(VlmModules::open(Arc::clone(&files))?),
            Family::Dual => Box::new(DualModules::open(Arc::clone(&files))?),
            Family::Runtime => {
                return Err(ModelError::NoModels {
                    pack: name.to_owned(),
                });
            }
        };
        Ok(Self { files, modules })
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.files.manifest
    }

    /// Returns the name and version by which captions and rows refer to the pack.
    pub fn id(&self) -> String {
        self.manifest().id()
    }

    /// Returns the builder of the pack's prompts.
    pub fn prompts(&self) -> &PromptBuilder {
        self.modules.prompts()
    }

    /// Returns the width and height of the frames that the vision encoder takes.
    pub fn frame_size(&self) -> (u32, u32) {
        self.modules.frame_size()
    }

    /// Loads the vision encoder, to run without a decoder.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn vision(&self, meter: Arc<Meter>) -> Result<Box<dyn VisionEncoder>, ModelError> {
        let threads = ThreadCounts::for_this_machine().vision;
        self.modules.vision(threads, meter)
    }

    /// Loads the vision encoder, to run beside the decoder.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn vision_beside(&self, meter: Arc<Meter>) -> Result<Box<dyn VisionEncoder>, ModelError> {
        let threads = ThreadCounts::for_this_machine().vision_beside;
        self.modules.vision(threads, meter)
    }

    /// True if the pack has a decoder, which writes captions and answers.
    pub fn has_decoder(&self) -> bool {
        self.modules.has_decoder()
    }

    /// Loads the decoder.
    ///
    /// # Errors
    /// If the pack has none, or a file is missing or wrong, or is not the expected module.
    pub fn decoder(&self, meter: Arc<Meter>) -> Result<Box<dyn Decoder>, ModelError> {
        let decoder = self.modules.decoder(meter)?;
        decoder.ok_or_else(|| ModelError::NoDecoder(self.id()))
    }

    /// Reads the caption memory, if the pack has one.
    ///
    /// # Errors
    /// If a file is missing or wrong.
    pub fn memory(&self) -> Result<Option<CaptionMemory>, ModelError> {
        self.modules.memory()
    }

    /// Loads the text encoder if the ranking of captions needs it.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn ranking_text_encoder(
        &self,
        meter: Arc<Meter>,
    ) -> Result<Option<Box<dyn TextEncoder>>, ModelError> {
        let needed = self.prompts().ranker().embeds_captions();
        needed.then(|| self.text(meter)).transpose()
    }

    /// True if the pack has a text encoder, by which segments are found that no words match.
    pub fn has_text_encoder(&self) -> bool {
        self.modules.has_text_encoder()
    }

    /// Loads the text encoder; a pack without one gets one whose vectors are empty.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn text(&self, meter: Arc<Meter>) -> Result<Box<dyn TextEncoder>, ModelError> {
        let encoder = self.modules.text(meter)?;
        Ok(encoder.unwrap_or_else(|| Box::new(NoTextEncoder)))
    }
}

/// Returns an installed pack; the fake pack needs no installation.
fn installed_or_fake(name: &str) -> Result<(Manifest, PathBuf), ModelError> {
    match installed(name) {
        Err(ModelError::NotInstalled { .. } | ModelError::NoCache)
            if [fake::NAME, &fake::manifest().id()].contains(&name) =>
        {
            Ok((fake::manifest(), PathBuf::new()))
        }
        found => found,
    }
}
