//! The manifest of a pack, `pack.toml`: which files, from where, under which licence, and how they are used.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{concept::Concept, connector::Connector, error::ModelError};

/// What kind of pack it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Vision encoder with an index vector and concepts, text encoder, decoder fed with a short text.
    Composed,
    /// The ONNX Runtime library that modules run on.
    Runtime,
}

/// A file with its size, checksum, licence and the places it can come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path inside the installed pack, or name for the build script.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Checksum, 64 hexadecimal digits.
    pub sha256: String,
    /// Tried in order; forms are told in [`crate::origin`].
    pub origins: Vec<String>,
    /// SPDX name of the licence.
    pub licence: String,
    /// Only for this platform, such as `x86_64-linux`; for all if absent.
    #[serde(default)]
    pub platform: Option<String>,
}

/// The vision encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionPart {
    /// The module.
    pub file: String,
    /// Frames arrive stretched to this width, u8 RGB.
    pub width: u32,
    /// Frames arrive stretched to this height.
    pub height: u32,
    /// Length of the index vector.
    pub embedding: usize,
    /// File of concepts, one a line: word, usual score, standard deviation, with tabs between; line j is about column j.
    pub concepts: String,
    /// Which of them are told.
    pub words: Words,
}

/// Which concepts of a picture are put into words.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Above this score a word is told as sure.
    pub sure: f32,
    /// Above this score, if it stands out, as likely.
    pub least: f32,
    /// At most so many words are told.
    pub most: usize,
    /// A word stands out by (score - usual) / deviation to this power; 0 is by the score's excess alone.
    pub power: f32,
}

/// What a caption had better not say: of what the pictures do not show, the decoder invents some details more than others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restraint {
    /// Concepts that a caption names only if they are likely enough: colours, say. Of words that are not one token of the
    /// decoder nothing is withheld.
    pub doubted: Vec<String>,
    /// How high their score must be for that.
    pub likely: f32,
    /// Among several captions, how much the scores of the concepts count that each of them names.
    pub support: f32,
    /// A concept of this score counts for nothing, one below it against the caption.
    pub even: f32,
}

/// How likely it is that a question's answer is yes: 1 / (1 + e^-odds) with odds = scale × likeness + shift, where the likeness is
/// the cosine of the question's vector with the pictures', less the mean cosine of these pictures with questions about concepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YesNo {
    /// How much likeness counts.
    pub scale: f32,
    /// What is added: how usual a yes is.
    pub shift: f32,
    /// What is done instead where the question names concepts.
    #[serde(default)]
    pub named: Option<Named>,
}

/// The odds of a question that names concepts: scale × likeness + weight × log-odds of the least likely concept + shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// How much likeness counts.
    pub scale: f32,
    /// How much the concept counts.
    pub weight: f32,
    /// What is added.
    pub shift: f32,
    /// Words that are concepts, but of the question rather than of what it is about.
    #[serde(default)]
    pub ignored: Vec<String>,
    /// Words that stand for several concepts.
    #[serde(default)]
    pub kinds: Vec<Kinds>,
}

/// Words that mean any one of some concepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kinds {
    /// The words.
    pub words: Vec<String>,
    /// The concepts; those that the encoder does not score are left out.
    pub concepts: Vec<String>,
}

/// How one of several given answers is chosen: each scores likeness × cosine with the pictures + said × mean log-probability of its
/// tokens, and its probability is the share of e^score among all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// How much likeness counts; 0 leaves it to the decoder alone.
    pub likeness: f32,
    /// How much counts what the decoder would say.
    pub said: f32,
}

impl Default for Choice {
    /// What the decoder would say.
    fn default() -> Self {
        Self {
            likeness: 0.0,
            said: 1.0,
        }
    }
}

/// The caption memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryPart {
    /// The vectors, as [`crate::memory::Memory::load`] tells.
    pub vectors: String,
    /// The sentences, one a line.
    pub sentences: String,
    /// So many of them are examples in a prompt.
    pub examples: usize,
}

/// The text encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextPart {
    /// The module.
    pub file: String,
    /// Its tokenizer.
    pub tokenizer: String,
    /// Length of the index vector.
    pub embedding: usize,
    /// Longer texts are cut off.
    pub max_tokens: usize,
}

/// The language decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderPart {
    /// The module.
    pub file: String,
    /// Its tokenizer.
    pub tokenizer: String,
    /// Layers, each with a key and a value cache.
    pub layers: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Size of a head.
    pub head_dim: usize,
    /// Tokens it knows.
    pub vocabulary: usize,
    /// Longest prompt and answer together.
    pub context: usize,
    /// Tokens that end a text.
    pub end: Vec<String>,
    /// Whether the module has an input `adapter`: captions are written with it, all else without.
    #[serde(default)]
    pub adapter: bool,
}

/// The texts around what is given to the decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// Asks for a caption: `{tags}` stands for what was seen, or `{sure}` and `{maybe}` for its two parts, and `{examples}`
    /// for remembered captions.
    pub caption: String,
    /// So many texts are followed at once for a caption, 1 to 8; 1 takes the likeliest token each time.
    pub caption_beams: usize,
    /// Among those texts, how much likeness with the pictures counts beside the decoder's own score.
    pub caption_likeness: f32,
    /// Asks a question; `{evidence}` stands for tags or a caption, `{question}` for the question.
    pub reason: String,
    /// Asks a person's question about a moment that has to do with it; `{evidence}` and `{question}` as above.
    pub ask: String,
    /// Words that an answer may use besides those of its evidence and its question; without any it may use all words.
    #[serde(default)]
    pub glue: Vec<String>,
    /// Puts several captions into one sentence; `{captions}` stands for them.
    pub summary: String,
    /// At most so many new tokens for a caption.
    pub caption_tokens: usize,
    /// At most so many new tokens for an answer.
    pub answer_tokens: usize,
    /// At most so many new tokens for a summary.
    pub summary_tokens: usize,
}

/// How the pack's files are made from its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Python script in the pack's source folder; called with `--parts DIR --out DIR`.
    pub script: String,
    /// Its requirements, installed into a virtual environment of its own.
    pub requirements: String,
}

/// A whole `pack.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The pack's name: letters, digits, `-`, `_`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    pub family: Family,
    /// One sentence.
    pub about: String,
    /// File that describes data, licences, figures, faults.
    #[serde(default)]
    pub card: Option<String>,
    /// The vision encoder.
    #[serde(default)]
    pub vision: Option<VisionPart>,
    /// The text encoder.
    #[serde(default)]
    pub text: Option<TextPart>,
    /// The decoder.
    #[serde(default)]
    pub decoder: Option<DecoderPart>,
    /// How yes and no are told by the text encoder; without it the decoder chooses.
    #[serde(default)]
    pub yes_no: Option<YesNo>,
    /// How one of several given answers is chosen.
    #[serde(default)]
    pub choice: Choice,
    /// What its captions had better not say, if anything.
    #[serde(default)]
    pub restraint: Option<Restraint>,
    /// The caption memory, if it has one.
    #[serde(default)]
    pub memory: Option<MemoryPart>,
    /// The templates.
    #[serde(default)]
    pub prompts: Option<Prompts>,
    /// How files are made.
    #[serde(default)]
    pub build: Option<Build>,
    /// What is fetched for the build.
    #[serde(default)]
    pub parts: Vec<FileEntry>,
    /// What the installed pack consists of.
    #[serde(default)]
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// Reads a manifest and checks that it does not contradict itself.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(path).map_err(|source| ModelError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Parses the text of a manifest; `path` is only named in errors.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ModelError> {
        let mut manifest: Self = toml::from_str(text).map_err(|e| ModelError::Manifest {
            path: path.to_owned(),
            source: Box::new(e),
        })?;
        let here = platform();
        let fits = |entry: &FileEntry| {
            entry
                .platform
                .as_ref()
                .is_none_or(|platform| *platform == here)
        };
        manifest.parts.retain(fits);
        manifest.files.retain(fits);
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ModelError> {
        let safe = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || "-_".contains(c))
        };
        self.require(
            safe(&self.name),
            "its name must be letters, digits, - and _",
        )?;
        self.require(
            !self.files.is_empty(),
            &format!("it lists no [[files]] for this platform ({})", platform()),
        )?;
        for entry in self.parts.iter().chain(&self.files) {
            let path = Path::new(&entry.path);
            let inside = path
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            self.require(
                inside,
                &format!("path {:?} must be relative and inside the pack", entry.path),
            )?;
            let hex =
                entry.sha256.len() == 64 && entry.sha256.chars().all(|c| c.is_ascii_hexdigit());
            self.require(
                hex,
                &format!("sha256 of {:?} must be 64 hexadecimal digits", entry.path),
            )?;
            self.require(
                !entry.origins.is_empty(),
                &format!("{:?} has no origins", entry.path),
            )?;
        }
        if self.family == Family::Composed {
            self.check_composed()?;
        }
        Ok(())
    }

    fn check_composed(&self) -> Result<(), ModelError> {
        let vision = self.vision.as_ref().map(|v| vec![&v.file, &v.concepts]);
        let text = self.text.as_ref().map(|t| vec![&t.file, &t.tokenizer]);
        let decoder = self.decoder.as_ref().map(|d| vec![&d.file, &d.tokenizer]);
        let memory = self.memory.as_ref();
        let memory = memory.map_or_else(Vec::new, |m| vec![&m.vectors, &m.sentences]);
        let named = [vision, text, decoder, Some(memory)];
        for (files, part) in named
            .into_iter()
            .zip(["vision", "text", "decoder", "memory"])
        {
            let Some(files) = files else {
                return self.require(false, &format!("it has no [{part}]"));
            };
            for file in files {
                let listed = self.files.iter().any(|entry| entry.path == *file);
                self.require(
                    listed,
                    &format!("[{part}] names {file:?}, which is not among [[files]]"),
                )?;
            }
        }
        let prompts = self.prompts.as_ref();
        self.require(
            prompts.is_some_and(|p| p.caption.contains("{tags}") || p.caption.contains("{maybe}")),
            "[prompts] caption must contain {tags}, or {sure} and {maybe}",
        )?;
        self.require(
            prompts.is_some_and(|p| (1..=8).contains(&p.caption_beams)),
            "[prompts] caption_beams must be 1 to 8",
        )?;
        let asks = |text: &str| text.contains("{evidence}") && text.contains("{question}");
        self.require(
            prompts.is_some_and(|p| asks(&p.reason) && asks(&p.ask)),
            "[prompts] reason and ask must contain {evidence} and {question}",
        )?;
        self.require(
            prompts.is_some_and(|p| p.summary.contains("{captions}")),
            "[prompts] summary must contain {captions}",
        )
    }

    fn require(&self, holds: bool, problem: &str) -> Result<(), ModelError> {
        if holds {
            return Ok(());
        }
        Err(ModelError::ManifestContent {
            pack: self.name.clone(),
            problem: problem.to_owned(),
        })
    }

    /// Name and version, as captions and rows name the pack.
    pub fn id(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The connector of this pack with these concepts.
    ///
    /// # Panics
    /// On a manifest of another family than composed; [`Manifest::parse`] lets none through that lacks the parts.
    pub fn connector(&self, concepts: Vec<Concept>) -> Connector {
        let missing = "a composed manifest has [vision], [decoder] and [prompts]";
        let vision = self.vision.as_ref().expect(missing);
        let decoder = self.decoder.as_ref().expect(missing);
        let prompts = self.prompts.clone().expect(missing);
        let examples = self.memory.as_ref().map_or(0, |memory| memory.examples);
        let restraint = self.restraint.clone();
        Connector::new(concepts, vision.words, prompts, decoder.adapter, examples)
            .with_restraint(restraint)
            .with_yes_no(self.yes_no.clone())
            .with_choice(self.choice)
    }
}

/// This machine's platform, as manifests name it.
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}
