//! The error type of this crate.
//!
//! A message says what was attempted and quotes the value that was wrong; it never repeats its source, so print the
//! whole chain.

use std::{path::PathBuf, process::ExitStatus};

use thiserror::Error;

use crate::OriginError;

mod error_text;

pub use error_text::error_chain;

use error_text::searched_places;

/// An error of ONNX Runtime or of the tokenizer, whose own types stay inside their modules.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error of a pack or one of its modules.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// An image that cannot be written as JPEG.
    #[error("cannot write an image as JPEG")]
    Jpeg(#[source] image::ImageError),
    /// Pixel bytes that do not match the size.
    #[error("an image of {width}x{height} needs {} bytes, got {found}", *width as usize * *height as usize * 3)]
    ImageSize {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes given.
        found: usize,
    },
    /// An image whose size the vision encoder does not accept.
    #[error("the vision encoder takes images of {}x{}, got {}x{}", expected.0, expected.1, found.0, found.1)]
    EncoderInputSize {
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
        /// The pack.
        name: String,
        /// The folder that was searched.
        folder: PathBuf,
    },
    /// A pack to install whose manifest was not found.
    #[error(
        "no manifest for pack {name:?}: {}; give the folder that holds its pack.toml",
        searched_places(searched, embedded)
    )]
    NoManifest {
        /// The name or folder as given.
        name: String,
        /// The folders that were searched.
        searched: Vec<PathBuf>,
        /// Names of the packs that the program carries.
        embedded: Vec<String>,
    },
    /// A pack to install that is part of the program.
    #[error("pack {0:?} is part of the program and needs no installation")]
    BuiltInPack(String),
    /// A manifest that cannot be parsed.
    #[error("cannot read the manifest {}; if another version of Atom installed it, `atom models install` updates the pack", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A manifest that contradicts itself.
    #[error("the manifest of pack {pack:?} is invalid: {problem}")]
    ManifestContent {
        /// The pack.
        pack: String,
        /// The mistake, and what was expected.
        problem: String,
    },
    /// A pack without models for captions and search, such as ONNX Runtime.
    #[error("pack {pack:?} has no models; choose another pack, such as \"mini\"")]
    NoModels {
        /// The pack.
        pack: String,
    },
    /// A pack file that does not exist.
    #[error("file {} of pack {pack:?} is missing; run `atom models install {pack}`", path.display())]
    MissingFile {
        /// The pack.
        pack: String,
        /// The file.
        path: PathBuf,
    },
    /// A pack file that differs from its manifest entry.
    #[error("file {} has {property} {found}, {stated_by} {expected}; delete it and run `atom models install` again", path.display())]
    WrongFile {
        /// The file.
        path: PathBuf,
        /// `size` or `sha256`.
        property: &'static str,
        /// `the manifest says`, or `pack.lock says` if the first installation recorded the file.
        stated_by: &'static str,
        /// The value stated there.
        expected: String,
        /// The value of the file.
        found: String,
    },
    /// A fetched file that is not the one that the first installation recorded.
    #[error("the file delivered has {property} {found}, but pack.lock holds {expected} since it was first fetched; delete {} to accept other files", lock.display())]
    ChangedFile {
        /// The lock.
        lock: PathBuf,
        /// `size` or `sha256`.
        property: &'static str,
        /// The value in the lock.
        expected: String,
        /// The value of the file.
        found: String,
    },
    /// A pack file of which neither the manifest nor the lock states size and checksum.
    #[error("size and checksum of file {} are not recorded in pack.lock; run `atom models install` again", path.display())]
    UnrecordedFile {
        /// The file.
        path: PathBuf,
    },
    /// A lock that cannot be parsed.
    #[error("cannot read {}; delete it and run `atom models install` to fetch and record the pack's files again", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A file that none of its origins delivered.
    #[error("cannot fetch {path:?} of pack {pack:?} from any of its origins: {}", attempts.iter().map(|(origin, error)| format!("{origin}: {}", error_chain(error))).collect::<Vec<_>>().join("; "))]
    Fetch {
        /// The pack.
        pack: String,
        /// The file.
        path: String,
        /// Each origin with its error, in the order tried.
        attempts: Vec<(String, ModelError)>,
    },
    /// An origin that did not deliver its file.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A pack with files to build and no build script.
    #[error("pack {pack:?} has files to build, but no [build] in its manifest")]
    NoBuildScript {
        /// The pack.
        pack: String,
    },
    /// A build command that could not be started.
    #[error("the build of pack {pack:?} failed while {step}")]
    BuildCommand {
        /// The pack.
        pack: String,
        /// The step of the build.
        step: &'static str,
        /// The operating system's error.
        #[source]
        source: std::io::Error,
    },
    /// A build command that ended with an error.
    #[error("the build of pack {pack:?} failed while {step}: {status}")]
    BuildStatus {
        /// The pack.
        pack: String,
        /// The step of the build.
        step: &'static str,
        /// The status with which the command ended.
        status: ExitStatus,
    },
    /// A file that cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The verb: read, write, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: std::io::Error,
    },
    /// An ONNX Runtime library that cannot be loaded.
    #[error("cannot load the ONNX Runtime library {}; `atom models install onnxruntime` installs it", path.display())]
    RuntimeLibrary {
        /// The library.
        path: PathBuf,
        /// The loader's error.
        #[source]
        source: Cause,
    },
    /// A file that ONNX Runtime refuses.
    #[error("cannot load the module {}", path.display())]
    LoadModule {
        /// The file.
        path: PathBuf,
        /// ONNX Runtime's error.
        #[source]
        source: Cause,
    },
    /// A data file of a pack with unexpected content.
    #[error("cannot load {}: {problem}", path.display())]
    DataFile {
        /// The file.
        path: PathBuf,
        /// The expectation and the finding.
        problem: String,
    },
    /// A file of tensors that cannot be parsed.
    #[error("cannot load the tensors of {}", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A module with other inputs or outputs than expected.
    #[error("module {} does not match its pack: expected {tensor} to be {expected}, found {found}", path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// The input or output.
        tensor: String,
        /// Type and shape expected.
        expected: String,
        /// Type and shape found.
        found: String,
    },
    /// A run of a module that failed.
    #[error("module {module:?} failed")]
    Run {
        /// The module.
        module: String,
        /// ONNX Runtime's error.
        #[source]
        source: Cause,
    },
    /// An output that a module did not return.
    #[error("module {module:?} failed: no output {output:?}")]
    NoOutput {
        /// The module.
        module: String,
        /// The output's name.
        output: String,
    },
    /// A cache that a module cannot write in place.
    #[error("module {module:?} failed: {tensor} lies outside the runtime's memory")]
    ForeignMemory {
        /// The module.
        module: String,
        /// The input's name.
        tensor: String,
    },
    /// A module that returned NaN or infinity.
    #[error("module {module:?} returned a value that is not finite")]
    NotFinite {
        /// The module.
        module: &'static str,
    },
    /// A tokenizer that cannot be loaded.
    #[error("cannot load the tokenizer {}", path.display())]
    LoadTokenizer {
        /// The file.
        path: PathBuf,
        /// The tokenizer's error.
        #[source]
        source: Cause,
    },
    /// A tokenizer that does not match its module.
    #[error("tokenizer {} does not match its module: {problem}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// The expectation and the finding.
        problem: String,
    },
    /// A text that cannot be tokenized.
    #[error("cannot tokenize a text of {characters} characters")]
    Tokenize {
        /// Its length.
        characters: usize,
        /// The tokenizer's error.
        #[source]
        source: Cause,
    },
    /// Token ids that cannot be turned into text.
    #[error("cannot decode {tokens} tokens")]
    Detokenize {
        /// Their number.
        tokens: usize,
        /// The tokenizer's error.
        #[source]
        source: Cause,
    },
    /// A prompt that does not fit the decoder's context.
    #[error(
        "a prompt of {found} tokens with {new} new ones does not fit the decoder's context of {context}"
    )]
    PromptLength {
        /// Tokens of the prompt.
        found: usize,
        /// New tokens requested.
        new: usize,
        /// The decoder's limit.
        context: usize,
    },
    /// Image embeddings that are not as many as their image needs.
    #[error(
        "the vision encoder returned {found} embeddings for an image that takes {expected} tokens; its files do not belong together"
    )]
    ImageTokens {
        /// Tokens of the image.
        expected: usize,
        /// Embeddings returned.
        found: usize,
    },
    /// Image embeddings of another width than the decoder's.
    #[error(
        "the vision encoder returned embeddings of {found} numbers, the decoder takes {expected}; their files do not belong together"
    )]
    EmbeddingWidth {
        /// Numbers of the decoder's embeddings.
        expected: usize,
        /// Numbers of the image's.
        found: usize,
    },
    /// A decoder's output of a shape that does not fit its input.
    #[error("the decoder's output {output} has the unexpected shape {found:?}")]
    OutputShape {
        /// The output.
        output: String,
        /// Its shape.
        found: Vec<i64>,
    },
    /// A token of the tokenizer that the decoder does not score.
    #[error(
        "the decoder scores {scored} tokens, but the tokenizer has the token {token}; their files do not belong together"
    )]
    UnscoredToken {
        /// The token.
        token: u32,
        /// Tokens that the decoder scores.
        scored: usize,
    },
    /// A resized image that would be too large.
    #[error("an image of {}x{} would become {}x{} pixels; it is too narrow for this model", from.0, from.1, to.0, to.1)]
    ResizedImage {
        /// Its width and height.
        from: (u32, u32),
        /// Width and height to which the model wants it.
        to: (u32, u32),
    },
    /// A chat template that cannot be parsed or rendered.
    #[error("cannot render the chat template {}", path.display())]
    ChatTemplate {
        /// The file.
        path: PathBuf,
        /// The template engine's error.
        #[source]
        source: Box<minijinja::Error>,
    },
    /// A vision-language model of an architecture that is not supported.
    #[error("{}: the architecture {found:?} is not supported; supported are {supported}", path.display())]
    Architecture {
        /// The model's configuration.
        path: PathBuf,
        /// Its model_type.
        found: String,
        /// The names of those that are.
        supported: &'static str,
    },
    /// A pack whose images and texts have no common space.
    #[error(
        "pack {0:?} has no text encoder, so its images cannot be compared with texts; choose another pack, such as \"mini\""
    )]
    NoTextEncoder(String),
    /// A pack of encoders alone, asked for texts.
    #[error("pack {0:?} has no decoder, so it writes no texts; choose another, such as \"mini\"")]
    NoDecoder(String),
    /// An image in the prompt of a decoder that sees only text.
    #[error("the decoder takes no images")]
    NoImageInput,
    /// A failure that a test requested of a fake module.
    #[error("the fake module failed as requested: {0}")]
    FakeFailure(&'static str),
}
