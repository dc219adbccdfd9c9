//! An installed pack, from whose checked files each module is loaded once.
//!
//! A file is compared with the manifest's size and checksum before it is loaded, so only the files that the manifest names
//! run. The pack named `fake` needs no files, and no other name leads to fake modules. A manifest of that name in the cache
//! replaces the built-in one, so that it can have other versions.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    CaptionMemory, Decoder, Manifest, Meter, ModelError, PromptBuilder, TextEncoder, ThreadCounts,
    VisionEncoder,
    decoder::onnx_decoder::OnnxDecoder,
    dual::{
        dual_image_encoder::DualImageEncoder,
        dual_text_encoder::{DualTextEncoder, DualTextFiles},
        image_steps::ImageSteps,
        index_part::IndexPart,
    },
    fake,
    model_config::ConfigFile,
    packs::{
        file_integrity::verified_path,
        installed_packs::{installed, runtime_library},
        manifest::Family,
    },
    runtime::session::SessionOptions,
    text::{encoder::OnnxTextEncoder, encoder_wrappers::NoTextEncoder},
    vision::{
        concept_vocabulary::Concept, encoder::OnnxVisionEncoder, encoder_pair::EncoderPair,
        object_classes::ObjectClass,
    },
    vlm::{
        vlm_decoder::{VlmDecoder, VlmDecoderFiles},
        vlm_encoder::VlmEncoder,
        vlm_model::VlmModel,
    },
};

/// An installed pack with its manifest.
#[derive(Debug)]
pub struct Pack {
    manifest: Manifest,
    folder: PathBuf,
    prompts: PromptBuilder,
    /// The model of the family `vlm`.
    vlm: Option<VlmModel>,
}

impl Pack {
    /// Opens an installed pack by its name or by its id (name and version): `mini`, `mini-0.5.0`.
    ///
    /// # Errors
    /// If it is not installed, or its manifest or its list of concepts is wrong.
    pub fn open(name: &str) -> Result<Self, ModelError> {
        let (manifest, folder) = installed_or_fake(name)?;
        if manifest.name == fake::NAME {
            return Ok(Self {
                prompts: fake::prompts_of(&manifest),
                manifest,
                folder: PathBuf::new(),
                vlm: None,
            });
        }
        match manifest.family {
            Family::Composed => Self::open_composed(manifest, folder),
            Family::Vlm => Self::open_vlm(manifest, folder),
            Family::Runtime => Err(ModelError::NoModels {
                pack: name.to_owned(),
            }),
        }
    }

    fn open_composed(manifest: Manifest, folder: PathBuf) -> Result<Self, ModelError> {
        let concepts = read_concepts(&manifest, &folder)?;
        let classes = read_object_classes(&manifest, &folder)?;
        Ok(Self {
            prompts: PromptBuilder::new(concepts, classes, manifest.prompt_settings()),
            manifest,
            folder,
            vlm: None,
        })
    }

    fn open_vlm(manifest: Manifest, folder: PathBuf) -> Result<Self, ModelError> {
        let part = manifest.vlm_part().clone();
        let path = |file: &String| verified_path(&manifest, &folder, file);
        let model = VlmModel::read(
            &path(&part.config)?,
            &path(&part.generation_config)?,
            &path(&part.preprocessor_config)?,
        )?;
        let (template, tokenizer) = (path(&part.chat_template)?, path(&part.tokenizer)?);
        let prompts = model.chat_prompts(&template, &tokenizer, part)?;
        Ok(Self {
            prompts: PromptBuilder::chat(
                prompts,
                manifest.index.is_some(),
                manifest.yes_no.clone(),
            ),
            vlm: Some(model),
            manifest,
            folder,
        })
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the name and version by which captions and rows refer to the pack.
    pub fn id(&self) -> String {
        self.manifest.id()
    }

    /// Returns the builder of the pack's prompts.
    pub fn prompts(&self) -> &PromptBuilder {
        &self.prompts
    }

    /// Returns the width and height of the frames that the vision encoder takes.
    pub fn frame_size(&self) -> (u32, u32) {
        if let Some(model) = &self.vlm {
            let side = self.manifest.vlm_part().frame_side;
            let side = side.unwrap_or(model.images.frame_side());
            return (side, side);
        }
        let vision = self.manifest.vision_part();
        (vision.width, vision.height)
    }

    fn is_fake(&self) -> bool {
        self.manifest.name == fake::NAME
    }

    /// Checks a module with the files of its weights, which lie beside it: `NAME.onnx_data`, `NAME.onnx_data_1`, `NAME.onnx.data`,
    /// `NAME.data`.
    fn verified_module(&self, file: &str) -> Result<PathBuf, ModelError> {
        let stem = file.strip_suffix(".onnx").unwrap_or(file);
        for entry in &self.manifest.files {
            let rest = entry.path.strip_prefix(stem);
            if rest.is_some_and(|rest| rest.starts_with(".onnx") || rest.starts_with(".data")) {
                self.verified_path(&entry.path)?;
            }
        }
        self.verified_path(file)
    }

    fn verified_path(&self, file: &str) -> Result<PathBuf, ModelError> {
        verified_path(&self.manifest, &self.folder, file)
    }

    /// Loads the vision encoder, to run without a decoder.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn vision(&self, meter: Arc<Meter>) -> Result<Box<dyn VisionEncoder>, ModelError> {
        self.vision_with(ThreadCounts::for_this_machine().vision, meter)
    }

    /// Loads the vision encoder, to run beside the decoder.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn vision_beside(&self, meter: Arc<Meter>) -> Result<Box<dyn VisionEncoder>, ModelError> {
        self.vision_with(ThreadCounts::for_this_machine().vision_beside, meter)
    }

    fn vision_with(
        &self,
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn VisionEncoder>, ModelError> {
        if self.is_fake() {
            return Ok(Box::new(fake::FakeVisionEncoder::new(meter)));
        }
        if let Some(model) = &self.vlm {
            let path = self.verified_module(&self.manifest.vlm_part().vision)?;
            let options = session_options(threads, meter)?;
            let encoder = Box::new(VlmEncoder::load(&path, model.images.clone(), options)?);
            let Some(part) = &self.manifest.index else {
                return Ok(encoder);
            };
            return Ok(Box::new(EncoderPair {
                index: Box::new(self.index_encoder(part, threads)?),
                decoder_view: encoder,
            }));
        }
        let part = self.manifest.vision_part();
        let path = self.verified_path(&part.file)?;
        let options = session_options(threads, meter)?;
        let columns = (
            self.prompts.concept_count(),
            self.prompts.object_classes().len(),
        );
        let encoder = OnnxVisionEncoder::load(&path, part, columns, options)?;
        Ok(Box::new(encoder))
    }

    /// Loads the image encoder of the index. The meter of the vision encoder beside it counts the frames of both.
    fn index_encoder(
        &self,
        part: &IndexPart,
        threads: usize,
    ) -> Result<DualImageEncoder, ModelError> {
        let path = self.verified_module(&part.image_encoder)?;
        let steps = ConfigFile::read(&self.verified_path(&part.preprocessor_config)?)?;
        let options = session_options(threads, Arc::default())?;
        DualImageEncoder::load(&path, ImageSteps::read(&steps)?, options)
    }

    /// Loads the decoder.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn decoder(&self, meter: Arc<Meter>) -> Result<Box<dyn Decoder>, ModelError> {
        if self.is_fake() {
            return Ok(Box::new(fake::FakeDecoder::new(meter)));
        }
        if let Some(model) = &self.vlm {
            return self.vlm_decoder(model, meter);
        }
        let part = self.manifest.decoder_part();
        self.verified_path(&part.file)?;
        self.verified_path(&part.tokenizer)?;
        let options = session_options(ThreadCounts::for_this_machine().decoder, meter)?;
        let decoder = OnnxDecoder::load(&self.folder, part, options)?;
        Ok(Box::new(decoder))
    }

    fn vlm_decoder(
        &self,
        model: &VlmModel,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn Decoder>, ModelError> {
        let part = self.manifest.vlm_part();
        let files = VlmDecoderFiles {
            embed: &self.verified_module(&part.embed)?,
            decoder: &self.verified_module(&part.decoder)?,
            tokenizer: &self.verified_path(&part.tokenizer)?,
        };
        let options = session_options(ThreadCounts::for_this_machine().decoder, meter)?;
        let decoder = VlmDecoder::load(&files, model.ends.clone(), model.context, options)?;
        Ok(Box::new(decoder))
    }

    /// Reads the caption memory, if the pack has one.
    ///
    /// # Errors
    /// If a file is missing or wrong.
    pub fn memory(&self) -> Result<Option<CaptionMemory>, ModelError> {
        if self.is_fake() {
            return Ok(Some(fake::memory()));
        }
        let (Some(part), None) = (&self.manifest.memory, &self.vlm) else {
            return Ok(None);
        };
        let vectors = self.verified_path(&part.vectors)?;
        let sentences = self.verified_path(&part.sentences)?;
        let width = self.manifest.vision_part().embedding;
        let memory = CaptionMemory::load(&vectors, &sentences, width)?;
        Ok(Some(
            memory.with_draft_rule(part.draft, self.prompts.concepts()),
        ))
    }

    /// Loads the text encoder if the ranking of captions needs it.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn ranking_text_encoder(
        &self,
        meter: Arc<Meter>,
    ) -> Result<Option<Box<dyn TextEncoder>>, ModelError> {
        let needed = self.prompts.ranker().embeds_captions();
        needed.then(|| self.text(meter)).transpose()
    }

    /// True if the pack has a text encoder, by which segments are found that no words match.
    pub fn has_text_encoder(&self) -> bool {
        self.vlm.is_none() || self.manifest.index.is_some()
    }

    /// Loads the text encoder; a pack without one gets one whose vectors are empty.
    ///
    /// # Errors
    /// If a file is missing or wrong, or is not the expected module.
    pub fn text(&self, meter: Arc<Meter>) -> Result<Box<dyn TextEncoder>, ModelError> {
        if self.is_fake() {
            return Ok(Box::new(fake::FakeTextEncoder::new(meter)));
        }
        if let Some(part) = &self.manifest.index {
            return self.index_text_encoder(part, meter);
        }
        if self.vlm.is_some() {
            return Ok(Box::new(NoTextEncoder));
        }
        let part = self.manifest.text_part();
        self.verified_path(&part.file)?;
        self.verified_path(&part.tokenizer)?;
        let options = session_options(ThreadCounts::for_this_machine().text, meter)?;
        let encoder = OnnxTextEncoder::load(&self.folder, part, options)?;
        Ok(Box::new(encoder))
    }

    fn index_text_encoder(
        &self,
        part: &IndexPart,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn TextEncoder>, ModelError> {
        let files = DualTextFiles {
            model: &self.verified_module(&part.text_encoder)?,
            tokenizer: &self.verified_path(&part.tokenizer)?,
            tokenizer_config: &self.verified_path(&part.tokenizer_config)?,
            config: &self.verified_path(&part.config)?,
        };
        let options = session_options(ThreadCounts::for_this_machine().text, meter)?;
        Ok(Box::new(DualTextEncoder::load(files, options)?))
    }
}

fn session_options(threads: usize, meter: Arc<Meter>) -> Result<SessionOptions, ModelError> {
    Ok(SessionOptions {
        library: runtime_library()?,
        threads,
        meter,
    })
}

/// Reads the concepts that the vision encoder scores.
fn read_concepts(manifest: &Manifest, folder: &Path) -> Result<Vec<Concept>, ModelError> {
    let path = verified_path(manifest, folder, &manifest.vision_part().concepts)?;
    let expected = "a word, its mean score and its standard deviation, separated by tabs";
    read_lines(&path, Concept::parse, expected)
}

/// Reads the classes of objects that the vision encoder counts; none if the pack has no detector.
fn read_object_classes(manifest: &Manifest, folder: &Path) -> Result<Vec<ObjectClass>, ModelError> {
    let Some(file) = &manifest.vision_part().objects else {
        return Ok(Vec::new());
    };
    let path = verified_path(manifest, folder, file)?;
    let expected = "a name, and after a tab other names separated by commas";
    read_lines(&path, ObjectClass::parse, expected)
}

/// Reads a file of one item a line.
fn read_lines<T>(
    path: &Path,
    parse: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Result<Vec<T>, ModelError> {
    let lines = std::fs::read_to_string(path).map_err(|source| ModelError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let parsed = lines.lines().enumerate().map(|(at, line)| {
        parse(line).ok_or_else(|| ModelError::DataFile {
            path: path.to_owned(),
            problem: format!("line {}: expected {expected}, found {line:?}", at + 1),
        })
    });
    parsed.collect()
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
