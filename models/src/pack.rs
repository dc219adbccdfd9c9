//! An installed pack: checked files, from which each module is loaded once.
//!
//! A file is compared with the manifest's size and checksum before it is loaded, so that what runs is what the manifest
//! names. The pack named `fake` needs no files; no other name ever leads to fakes. A manifest of that name in the cache stands
//! for its own, so that there can be other versions of it.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::{
    cache,
    concept::Concept,
    connector::Connector,
    decoder::{Decoder, OnnxDecoder},
    error::ModelError,
    fake,
    manifest::{Family, FileEntry, Manifest},
    memory::Memory,
    meter::Meter,
    text::{OnnxText, TextEncoder},
    threads::Threads,
    vision::{OnnxVision, Vision},
};

/// A pack that is there, with its manifest read.
#[derive(Debug)]
pub struct Pack {
    manifest: Manifest,
    folder: PathBuf,
    connector: Connector,
    threads: Threads,
}

impl Pack {
    /// Opens an installed pack by name, or by its id, name and version: `mini`, `mini-0.4.0`.
    ///
    /// # Errors
    /// If it is not installed, or its manifest or its concept names are wrong.
    pub fn open(name: &str) -> Result<Self, ModelError> {
        let (manifest, folder) = installed_or_fake(name)?;
        if manifest.name == fake::NAME {
            let connector = manifest.connector(fake::concepts());
            return Ok(Self {
                manifest,
                folder: PathBuf::new(),
                connector,
                threads: Threads::usual(),
            });
        }
        if manifest.family != Family::Composed {
            let problem = format!(
                "it is of family {:?}, captions need a composed pack",
                manifest.family
            );
            return Err(ModelError::ManifestContent {
                pack: name.to_owned(),
                problem,
            });
        }
        let vision = manifest
            .vision
            .as_ref()
            .expect("a composed manifest has [vision]");
        verify(&manifest, &folder, &vision.concepts)?;
        let path = folder.join(&vision.concepts);
        let names = std::fs::read_to_string(&path).map_err(|source| ModelError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let concepts = concepts(&path, &names)?;
        let connector = manifest.connector(concepts);
        Ok(Self {
            threads: Threads::kept(&folder, &manifest.id()).unwrap_or_else(Threads::usual),
            manifest,
            folder,
            connector,
        })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Name and version, as captions and rows name the pack.
    pub fn id(&self) -> String {
        self.manifest.id()
    }

    /// What lies between vision encoder and decoder.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Width and height of the frames that the vision encoder takes.
    pub fn frame_size(&self) -> (u32, u32) {
        let vision = self
            .manifest
            .vision
            .as_ref()
            .expect("a composed manifest has [vision]");
        (vision.width, vision.height)
    }

    /// How many threads its modules run on.
    pub fn threads(&self) -> Threads {
        self.threads
    }

    fn fake(&self) -> bool {
        self.manifest.name == fake::NAME
    }

    /// Loads the vision encoder, to run where there is no decoder.
    pub fn vision(&self, meter: Arc<Meter>) -> Result<Box<dyn Vision>, ModelError> {
        self.vision_on(self.threads.vision, meter)
    }

    /// Loads the vision encoder, to run beside the decoder.
    pub fn vision_beside(&self, meter: Arc<Meter>) -> Result<Box<dyn Vision>, ModelError> {
        self.vision_on(self.threads.vision_beside, meter)
    }

    pub(crate) fn vision_on(
        &self,
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn Vision>, ModelError> {
        if self.fake() {
            return Ok(Box::new(fake::FakeVision::new(meter)));
        }
        let part = self
            .manifest
            .vision
            .as_ref()
            .expect("a composed manifest has [vision]");
        let path = verify(&self.manifest, &self.folder, &part.file)?;
        Ok(Box::new(OnnxVision::load(
            &path,
            part,
            self.connector.concepts(),
            threads,
            meter,
        )?))
    }

    /// Loads the decoder.
    pub fn decoder(&self, meter: Arc<Meter>) -> Result<Box<dyn Decoder>, ModelError> {
        self.decoder_on(self.threads.decoder, meter)
    }

    pub(crate) fn decoder_on(
        &self,
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Box<dyn Decoder>, ModelError> {
        if self.fake() {
            return Ok(Box::new(fake::FakeDecoder::new(meter)));
        }
        let part = self
            .manifest
            .decoder
            .as_ref()
            .expect("a composed manifest has [decoder]");
        verify(&self.manifest, &self.folder, &part.file)?;
        verify(&self.manifest, &self.folder, &part.tokenizer)?;
        let decoder = OnnxDecoder::load(&self.folder, part, threads, meter)?;
        Ok(Box::new(decoder))
    }

    /// Reads the caption memory, if the pack has one.
    pub fn memory(&self) -> Result<Option<Memory>, ModelError> {
        if self.fake() {
            return Ok(Some(fake::memory()));
        }
        let Some(part) = &self.manifest.memory else {
            return Ok(None);
        };
        let vectors = verify(&self.manifest, &self.folder, &part.vectors)?;
        let sentences = verify(&self.manifest, &self.folder, &part.sentences)?;
        let vision = self.manifest.vision.as_ref();
        let width = vision.map_or(0, |vision| vision.embedding);
        Memory::load(&vectors, &sentences, width).map(Some)
    }

    /// Loads the text encoder if captions are chosen by their likeness with the pictures.
    pub fn chooser(&self, meter: Arc<Meter>) -> Result<Option<Box<dyn TextEncoder>>, ModelError> {
        let chosen = self.connector.caption_likeness() > 0.0;
        chosen.then(|| self.text(meter)).transpose()
    }

    /// Loads the text encoder.
    pub fn text(&self, meter: Arc<Meter>) -> Result<Box<dyn TextEncoder>, ModelError> {
        if self.fake() {
            return Ok(Box::new(fake::FakeText::new(meter)));
        }
        let part = self
            .manifest
            .text
            .as_ref()
            .expect("a composed manifest has [text]");
        verify(&self.manifest, &self.folder, &part.file)?;
        verify(&self.manifest, &self.folder, &part.tokenizer)?;
        let text = OnnxText::load(&self.folder, part, self.threads.text, meter)?;
        Ok(Box::new(text))
    }
}

fn concepts(path: &Path, lines: &str) -> Result<Vec<Concept>, ModelError> {
    let parsed = lines.lines().enumerate().map(|(at, line)| {
        Concept::parse(line).ok_or_else(|| ModelError::Load {
            path: path.to_owned(),
            reason: format!(
                "line {}: expected a word, its usual score and its deviation with tabs between, found {line:?}",
                at + 1
            ),
        })
    });
    parsed.collect()
}

/// The manifest and folder of an installed pack of any family, by its name or its id.
///
/// # Errors
/// If it is not installed, or its manifest is wrong.
pub fn installed(name: &str) -> Result<(Manifest, PathBuf), ModelError> {
    let packs = cache::packs(&cache::folder()?);
    let not_installed = || ModelError::NotInstalled {
        name: name.to_owned(),
        folder: packs.join(name),
    };
    if Path::new(name).components().count() != 1 {
        return Err(not_installed());
    }
    // An older version that was kept lies in a folder of its id.
    if let Some(found) = in_folder(&packs.join(name)) {
        return found;
    }
    let (base, _version) = name.rsplit_once('-').ok_or_else(not_installed)?;
    match in_folder(&packs.join(base)) {
        Some(Ok(found)) if found.0.id() == name => Ok(found),
        Some(Err(error)) => Err(error),
        _ => Err(not_installed()),
    }
}

fn in_folder(folder: &Path) -> Option<Result<(Manifest, PathBuf), ModelError>> {
    let path = folder.join("pack.toml");
    path.is_file()
        .then(|| Ok((Manifest::read(&path)?, folder.to_owned())))
}

/// The same; the fake pack is always there.
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

/// The installed ONNX Runtime library.
pub(crate) fn runtime_library() -> Result<PathBuf, ModelError> {
    let (manifest, folder) = installed("onnxruntime")?;
    let file = manifest
        .files
        .first()
        .expect("a checked manifest lists files");
    verify(&manifest, &folder, &file.path)
}

/// Compares one file of a pack with its manifest; gives its path.
pub fn verify(manifest: &Manifest, folder: &Path, file: &str) -> Result<PathBuf, ModelError> {
    let entry = manifest
        .files
        .iter()
        .find(|entry| entry.path == file)
        .ok_or_else(|| ModelError::ManifestContent {
            pack: manifest.name.clone(),
            problem: format!("{file:?} is not among [[files]]"),
        })?;
    let path = folder.join(file);
    if !path.is_file() {
        return Err(ModelError::MissingFile {
            pack: manifest.name.clone(),
            path,
        });
    }
    matches(entry, &path, &mut |_| {})?;
    Ok(path)
}

/// Compares a file with its entry; tells `progress` how many bytes were read since the last call.
pub fn matches(
    entry: &FileEntry,
    path: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ModelError> {
    let io = |source| ModelError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let wrong = |what, expected, found| ModelError::WrongFile {
        path: path.to_owned(),
        what,
        expected,
        found,
    };
    let size = path.metadata().map_err(io)?.len();
    if size != entry.size {
        return Err(wrong("size", entry.size.to_string(), size.to_string()));
    }
    let mut file = File::open(path).map_err(io)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).map_err(io)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        progress(read as u64);
    }
    let found: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found.eq_ignore_ascii_case(&entry.sha256) {
        return Ok(());
    }
    Err(wrong("sha256", entry.sha256.clone(), found))
}
