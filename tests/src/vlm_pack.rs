//! Packs of the family `vlm`: the tiny random model of `models/fixtures/smolvlm`, whose texts mean nothing; alone, and beside the tiny
//! random CLIP of `models/fixtures/clip`, by whose vectors its segments are found.

use std::{fs, path::Path};

use sha2::{Digest, Sha256};

use crate::{
    pack_cache,
    program::{ProgramOutput, Workdir, path_str, workspace},
};

/// The name of the pack.
pub const NAME: &str = "tiny-vlm";

/// The files of the model, as they are published.
pub const FILES: [&str; 8] = [
    "vision_encoder.onnx",
    "embed_tokens.onnx",
    "decoder_model_merged.onnx",
    "tokenizer.json",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "chat_template.jinja",
];

/// The files of the dual encoder, as they are published.
const CLIP_FILES: [&str; 6] = [
    "vision_model.onnx",
    "text_model.onnx",
    "tokenizer.json",
    "tokenizer_config.json",
    "config.json",
    "preprocessor_config.json",
];

/// Writes the source of a pack: its manifest and files of fixtures, of which `change` may change some. A file is given by its fixture and
/// its name, and lies in a folder of the fixture's name unless it belongs to the vision-language model.
fn write_source(
    folder: &Path,
    mut manifest: String,
    files: impl Iterator<Item = (&'static str, &'static str)>,
    change: impl Fn(&str, &mut Vec<u8>),
) {
    for (fixture, name) in files {
        let path = workspace().join("models/fixtures").join(fixture).join(name);
        let mut content = fs::read(path).expect("the fixture is there");
        let file = match fixture {
            "smolvlm" => name.to_owned(),
            _ => format!("{fixture}/{name}"),
        };
        change(&file, &mut content);
        manifest += &format!(
            "[[files]]\npath = \"{file}\"\nsize = {}\nsha256 = \"{}\"\norigins = [\"file:{file}\"]\nlicence = \"MIT\"\n",
            content.len(),
            sha256(&content)
        );
        let target = folder.join(file);
        fs::create_dir_all(target.parent().expect("a file is in a folder"))
            .expect("the temporary folder can be written");
        fs::write(target, content).expect("the temporary folder can be written");
    }
    fs::write(folder.join("pack.toml"), manifest).expect("the temporary folder can be written");
}

fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a working directory with a cache in which the pack is installed beside `mini`.
///
/// # Panics
/// The pack cannot be installed.
pub fn workdir() -> Workdir {
    workdir_with(|_, _| {})
}

/// Returns a working directory with a cache in which the pack with changed files is installed.
///
/// # Panics
/// The pack cannot be installed.
pub fn workdir_with(change: impl Fn(&str, &mut Vec<u8>)) -> Workdir {
    let files = FILES.map(|file| ("smolvlm", file));
    install(MANIFEST.to_owned(), files.into_iter(), change)
}

/// Returns a working directory with a cache in which the pack with a dual encoder is installed, under the same name.
///
/// # Panics
/// The pack cannot be installed.
pub fn workdir_with_index() -> Workdir {
    let files = FILES.map(|file| ("smolvlm", file)).into_iter();
    let files = files.chain(CLIP_FILES.map(|file| ("clip", file)));
    install(format!("{MANIFEST}{INDEX}"), files, |_, _| {})
}

/// Returns a working directory with a cache in which the dual encoder is installed as a pack of its own family, under the same name.
///
/// # Panics
/// The pack cannot be installed.
pub fn workdir_with_dual_encoder() -> Workdir {
    let files = CLIP_FILES.map(|file| ("clip", file));
    install(
        format!("{DUAL_MANIFEST}{INDEX}"),
        files.into_iter(),
        |_, _| {},
    )
}

/// Returns what the installation of the pack with these further sections says.
///
/// # Panics
/// A file cannot be read or written.
pub fn install_with_sections(sections: &str) -> ProgramOutput {
    let files = FILES.map(|file| ("smolvlm", file));
    let manifest = format!("{MANIFEST}{sections}");
    try_install(manifest, files.into_iter(), |_, _| {}).1
}

fn install(
    manifest: String,
    files: impl Iterator<Item = (&'static str, &'static str)>,
    change: impl Fn(&str, &mut Vec<u8>),
) -> Workdir {
    let (dir, output) = try_install(manifest, files, change);
    output.ok();
    dir
}

/// Installs a pack in a new cache; returns the working directory with it, and what the installation says.
fn try_install(
    manifest: String,
    files: impl Iterator<Item = (&'static str, &'static str)>,
    change: impl Fn(&str, &mut Vec<u8>),
) -> (Workdir, ProgramOutput) {
    let dir = Workdir::new();
    let cache = dir.path("cache");
    pack_cache::link_installed(&cache);
    let dir = dir.with_cache(&cache);
    let source = dir.path("source");
    write_source(&source, manifest, files, change);
    let output = dir.atom(&["models", "install", path_str(&source)]);
    (dir, output)
}

const MANIFEST: &str = r#"
name = "tiny-vlm"
version = "1"
family = "vlm"
about = "A tiny vision-language model with random weights, for tests."

[vlm]
vision = "vision_encoder.onnx"
embed = "embed_tokens.onnx"
decoder = "decoder_model_merged.onnx"
caption = "Describe what happens in one sentence."
question = "{question}"
ask = "{evidence} {question}"
caption_tokens = 12
answer_tokens = 8

"#;

const DUAL_MANIFEST: &str = r#"
name = "tiny-vlm"
version = "1"
family = "dual"
about = "A tiny dual encoder with random weights, for tests."
"#;

const INDEX: &str = r#"
[index]
image_encoder = "clip/vision_model.onnx"
text_encoder = "clip/text_model.onnx"
tokenizer = "clip/tokenizer.json"
tokenizer_config = "clip/tokenizer_config.json"
config = "clip/config.json"
preprocessor_config = "clip/preprocessor_config.json"

[yes_no]
scale = 10.0
shift = 1.0

"#;
