//! The manifest of a pack, `pack.toml`: its files, their origins and licences, and the settings of its modules.
//!
//! The type of a section is beside the code that it configures; its field docs are the section's documentation.

use std::{env::consts, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    ModelError,
    decoder::onnx_decoder::DecoderPart,
    dual::index_part::IndexPart,
    prompt::{
        builder::PromptSettings, caption_ranker::OptionWeights,
        constrained_decoding::CaptionConstraints, templates::PromptTemplates,
        yes_no_classifier::YesNoRule,
    },
    text::{caption_memory::MemoryPart, encoder::TextPart},
    vision::encoder::VisionPart,
    vlm::vlm_part::VlmPart,
};

pub use crate::packs::file_entry::FileEntry;
use crate::packs::file_entry::require;

/// The name of a manifest in its pack's folder.
pub(crate) const MANIFEST_FILE: &str = "pack.toml";

/// The kind of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Family {
    /// A vision encoder with an embedding and concepts, a text encoder, and a decoder fed with a short text.
    Composed,
    /// A vision encoder and a decoder that sees its output, as published for a vision-language model.
    Vlm,
    /// An image and a text encoder with one space, as published for CLIP or SigLIP; no decoder.
    Dual,
    /// The ONNX Runtime library, on which modules run.
    Runtime,
}

/// The build of a pack's files from its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    /// Python script in the pack's source folder; called with `--parts DIR --out DIR`.
    pub(crate) script: String,
    /// Its requirements, installed into a virtual environment of its own.
    pub(crate) requirements: String,
}

/// The content of a `pack.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The pack's name: letters, digits, `-`, `_` and `.`, which is not the first.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    pub(crate) family: Family,
    /// A one-sentence description.
    pub about: String,
    /// Names of the packs that it needs; installing it installs them first.
    #[serde(default)]
    pub(crate) requires: Vec<String>,
    /// File that describes data, licences, measurements and limitations.
    #[serde(default)]
    pub(crate) card: Option<String>,
    /// The vision encoder.
    #[serde(default)]
    pub(crate) vision: Option<VisionPart>,
    /// The text encoder.
    #[serde(default)]
    pub(crate) text: Option<TextPart>,
    /// The decoder.
    #[serde(default)]
    pub(crate) decoder: Option<DecoderPart>,
    /// The vision-language model.
    #[serde(default)]
    pub(crate) vlm: Option<VlmPart>,
    /// The dual encoder of that family, or the one that makes segments searchable beside a vision-language model; without it, they are
    /// found by words only.
    #[serde(default)]
    pub(crate) index: Option<IndexPart>,
    /// The rule of the yes/no classifier; without it the decoder answers yes-or-no questions.
    #[serde(default)]
    pub(crate) yes_no: Option<YesNoRule>,
    /// The weights by which one of several options is chosen.
    #[serde(default)]
    pub(crate) choice: OptionWeights,
    /// The constraints on captions.
    #[serde(default, alias = "restraint")]
    pub(crate) constrained_decoding: Option<CaptionConstraints>,
    /// The caption memory.
    #[serde(default)]
    pub(crate) memory: Option<MemoryPart>,
    /// The prompt templates.
    #[serde(default)]
    pub(crate) prompts: Option<PromptTemplates>,
    /// The build script.
    #[serde(default)]
    pub(crate) build: Option<Build>,
    /// Files fetched for the build.
    #[serde(default)]
    pub(crate) parts: Vec<FileEntry>,
    /// Files of the installed pack.
    #[serde(default)]
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Reads a manifest and checks that it does not contradict itself.
    ///
    /// # Errors
    /// If the file cannot be read or parsed, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(path).map_err(|source| ModelError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Parses the text of a manifest; `path` only appears in errors.
    ///
    /// # Errors
    /// If the text cannot be parsed or contradicts itself.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ModelError> {
        let mut manifest: Self = toml::from_str(text).map_err(|e| ModelError::Manifest {
            path: path.to_owned(),
            source: Box::new(e),
        })?;
        let here = platform();
        let needed = |entry: &FileEntry| {
            entry
                .platform
                .as_ref()
                .is_none_or(|platform| *platform == here)
        };
        manifest.parts.retain(needed);
        manifest.files.retain(needed);
        match manifest.check() {
            Ok(()) => Ok(manifest),
            Err(problem) => Err(ModelError::ManifestContent {
                pack: manifest.name,
                problem,
            }),
        }
    }

    /// Returns the name and version by which captions and rows refer to the pack.
    pub fn id(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Returns the size of the pack's files in bytes, as far as it is known.
    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.size).sum()
    }

    /// Returns the settings of the pack's prompts.
    ///
    /// # Panics
    /// If the family is not composed; [`Manifest::parse`] rejects composed manifests without these sections.
    pub(crate) fn prompt_settings(&self) -> PromptSettings {
        PromptSettings {
            tag_rules: self.vision_part().words,
            templates: self
                .prompts
                .clone()
                .expect("a composed manifest has [prompts]"),
            adapter: self.decoder_part().adapter,
            examples: self.memory.as_ref().map_or(0, |memory| memory.examples),
            constraints: self.constrained_decoding.clone(),
            yes_no: self.yes_no.clone(),
            options: self.choice,
        }
    }

    /// Returns the vision-language model of a pack of that family.
    pub(crate) fn vlm_part(&self) -> &VlmPart {
        let part = self.vlm.as_ref();
        part.expect("a manifest of the family vlm has [vlm]")
    }

    /// Returns the dual encoder of a pack that has one.
    pub(crate) fn index_part(&self) -> &IndexPart {
        let part = self.index.as_ref();
        part.expect("a manifest of the family dual has [index]")
    }

    /// Returns the vision encoder of a composed pack.
    pub(crate) fn vision_part(&self) -> &VisionPart {
        let part = self.vision.as_ref();
        part.expect("a composed manifest has [vision]")
    }

    /// Returns the text encoder of a composed pack.
    pub(crate) fn text_part(&self) -> &TextPart {
        let part = self.text.as_ref();
        part.expect("a composed manifest has [text]")
    }

    /// Returns the decoder of a composed pack.
    pub(crate) fn decoder_part(&self) -> &DecoderPart {
        let part = self.decoder.as_ref();
        part.expect("a composed manifest has [decoder]")
    }

    /// Returns the first contradiction as the error.
    fn check(&self) -> Result<(), String> {
        require(valid_name(&self.name), || {
            "its name must consist of letters, digits, -, _ and ., which is not the first"
                .to_owned()
        })?;
        for name in &self.requires {
            require(valid_name(name), || {
                format!(
                    "\"requires\" must list names of packs (letters, digits, -, _ and .), found {name:?}"
                )
            })?;
        }
        require(!self.files.is_empty(), || {
            format!("it lists no [[files]] for this platform ({})", platform())
        })?;
        self.parts
            .iter()
            .chain(&self.files)
            .try_for_each(FileEntry::check)?;
        for part in &self.parts {
            require(part.known(), || {
                format!("{:?} of [[parts]] needs size and sha256", part.path)
            })?;
        }
        match self.family {
            Family::Composed => self.check_composed(),
            Family::Vlm => self.check_vlm(),
            Family::Dual => self.check_dual(),
            Family::Runtime => Ok(()),
        }
    }

    fn check_vlm(&self) -> Result<(), String> {
        let part = self.vlm.as_ref().ok_or("it has no [vlm]")?;
        self.check_listed("vlm", &part.files())?;
        match &self.index {
            Some(index) => self.check_listed("index", &index.files())?,
            None => require(self.yes_no.is_none(), || {
                "[yes_no] needs [index], by whose vectors questions are answered".to_owned()
            })?,
        }
        self.refuse_composed_sections("vlm")?;
        part.check()
    }

    fn check_dual(&self) -> Result<(), String> {
        let index = self.index.as_ref().ok_or("it has no [index]")?;
        self.check_listed("index", &index.files())?;
        refuse_sections(&[("vlm", self.vlm.is_some())], "dual")?;
        self.refuse_composed_sections("dual")
    }

    /// Refuses the sections of a composed pack in one of another family.
    fn refuse_composed_sections(&self, family: &str) -> Result<(), String> {
        let foreign = [
            ("vision", self.vision.is_some()),
            ("text", self.text.is_some()),
            ("decoder", self.decoder.is_some()),
            ("memory", self.memory.is_some()),
            ("prompts", self.prompts.is_some()),
            ("constrained_decoding", self.constrained_decoding.is_some()),
        ];
        refuse_sections(&foreign, family)
    }

    /// Checks that the files that a section names are among those of the pack.
    fn check_listed(&self, section: &str, named: &[&String]) -> Result<(), String> {
        let listed = |file: &String| self.files.iter().any(|entry| entry.path == *file);
        match named.iter().find(|file| !listed(file)) {
            None => Ok(()),
            Some(file) => Err(format!(
                "[{section}] names {file:?}, which is not among [[files]]"
            )),
        }
    }

    fn check_composed(&self) -> Result<(), String> {
        let foreign = [("vlm", self.vlm.is_some()), ("index", self.index.is_some())];
        refuse_sections(&foreign, "composed")?;
        let vision = self.vision.as_ref().map(|v| {
            let files = [&v.file, &v.concepts].into_iter();
            files.chain(&v.objects).collect::<Vec<_>>()
        });
        let text = self.text.as_ref().map(|t| vec![&t.file, &t.tokenizer]);
        let decoder = self.decoder.as_ref().map(|d| vec![&d.file, &d.tokenizer]);
        let memory = self.memory.as_ref();
        let memory = memory.map_or_else(Vec::new, |m| vec![&m.vectors, &m.sentences]);
        let parts = [
            ("vision", vision),
            ("text", text),
            ("decoder", decoder),
            ("memory", Some(memory)),
        ];
        for (part, files) in parts {
            let files = files.ok_or_else(|| format!("it has no [{part}]"))?;
            self.check_listed(part, &files)?;
        }
        match &self.prompts {
            Some(prompts) => prompts.check(),
            None => Err("it has no [prompts]".to_owned()),
        }
    }
}

/// Refuses the sections that are there and do not belong to a family.
fn refuse_sections(sections: &[(&str, bool)], family: &str) -> Result<(), String> {
    match sections.iter().find(|(_, there)| *there) {
        None => Ok(()),
        Some((section, _)) => Err(format!(
            "[{section}] does not belong in a pack of the family {family:?}"
        )),
    }
}

fn valid_name(name: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    // A name is a folder's, which must be neither hidden nor another one's.
    !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
}

/// Returns this machine's platform in the form of manifests.
fn platform() -> String {
    format!("{}-{}", consts::ARCH, consts::OS)
}
