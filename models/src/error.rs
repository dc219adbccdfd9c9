//! What can go wrong with packs and modules.

use std::path::PathBuf;

use thiserror::Error;

/// An error of this crate. The message says what was attempted and the value that was wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A picture that cannot be written as JPEG.
    #[error("cannot write a picture as JPEG: {reason}")]
    Jpeg {
        /// Why.
        reason: String,
    },
    /// Pixel bytes that do not fit the size.
    #[error("a picture of {width}x{height} needs {} bytes, got {found}", *width as usize * *height as usize * 3)]
    ImageSize {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes given.
        found: usize,
    },
    /// A picture of a size that the encoder does not take.
    #[error("the vision encoder takes pictures of {}x{}, got {}x{}", expected.0, expected.1, found.0, found.1)]
    PictureSize {
        /// Width and height that the pack names.
        expected: (u32, u32),
        /// Width and height given.
        found: (u32, u32),
    },
    /// Neither `ATOM_CACHE` nor a home folder is set.
    #[error("no cache folder: set ATOM_CACHE, XDG_CACHE_HOME or HOME")]
    NoCache,
    /// A pack that is not installed.
    #[error("pack {name:?} is not installed in {}; run `atom models install {name}`", folder.display())]
    NotInstalled {
        /// Its name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A pack whose manifest cannot be found to install from.
    #[error("no manifest for pack {name:?} in {}; give the folder that holds its pack.toml", looked.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoManifest {
        /// The name or folder as given.
        name: String,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// A manifest that cannot be read.
    #[error("cannot read the manifest {}; if another version of atom installed it, \"atom models install\" brings the pack up to date", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A manifest that contradicts itself.
    #[error("the manifest of pack {pack:?} is wrong: {problem}")]
    ManifestContent {
        /// The pack.
        pack: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A file of a pack that is not there.
    #[error("file {} of pack {pack:?} is missing; run `atom models install {pack}`", path.display())]
    MissingFile {
        /// The pack.
        pack: String,
        /// The file.
        path: PathBuf,
    },
    /// A file of a pack that is not what the manifest says.
    #[error("file {} has {what} {found}, the manifest says {expected}; delete it and run `atom models install` again", path.display())]
    WrongFile {
        /// The file.
        path: PathBuf,
        /// `size` or `sha256`.
        what: &'static str,
        /// The value in the manifest.
        expected: String,
        /// The value of the file.
        found: String,
    },
    /// None of a file's origins gave it.
    #[error("cannot fetch {path:?} of pack {pack:?} from any of its origins: {reasons}")]
    Fetch {
        /// The pack.
        pack: String,
        /// The file.
        path: String,
        /// What every origin answered.
        reasons: String,
    },
    /// The pack's build script failed.
    #[error("the build of pack {pack:?} failed while {step}: {reason}")]
    Build {
        /// The pack.
        pack: String,
        /// What was under way.
        step: String,
        /// What was seen.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// read, write ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The ONNX Runtime library cannot be loaded.
    #[error("cannot load the ONNX Runtime library {}: {reason}; run `atom models install onnxruntime`", path.display())]
    Runtime {
        /// The library.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file that is no usable ONNX module.
    #[error("cannot load the module {}: {reason}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A module of another model.
    #[error("module {} is not the one expected: {port} should be {expected}, found {found}", path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// The input or output.
        port: String,
        /// Type and shape expected.
        expected: String,
        /// Type and shape found.
        found: String,
    },
    /// A run of a module failed.
    #[error("module {module:?} failed: {reason}")]
    Run {
        /// The module.
        module: String,
        /// Why.
        reason: String,
    },
    /// A module gave NaN or infinity.
    #[error("module {module:?} gave a value that is not finite")]
    NotFinite {
        /// The module.
        module: &'static str,
    },
    /// A tokenizer that cannot be loaded or does not fit its module.
    #[error("tokenizer {} does not fit: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A text that cannot be encoded.
    #[error("cannot encode a text of {length} characters: {reason}")]
    Text {
        /// Its length.
        length: usize,
        /// Why.
        reason: String,
    },
    /// A prompt longer than the decoder's context.
    #[error(
        "a prompt of {found} tokens with {new} new ones does not fit the decoder's context of {context}"
    )]
    PromptLength {
        /// Tokens of the prompt.
        found: usize,
        /// New tokens asked for.
        new: usize,
        /// The decoder's bound.
        context: usize,
    },
    /// A failure that a fake module was asked for.
    #[error("the fake module failed as asked: {0}")]
    Asked(&'static str),
}

/// Returns an error with all its causes, as one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
