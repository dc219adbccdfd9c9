//! A pack of the family `vlm`: the tiny random model of `models/fixtures/smolvlm`, whose texts mean nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    pack_cache,
    program::{Workdir, path_str, workspace},
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

/// Writes the source of the pack: its manifest and the model's files, of which `change` may change some.
///
/// # Panics
/// A file cannot be read or written.
pub fn write_source(folder: &Path, change: impl Fn(&str, &mut Vec<u8>)) {
    fs::create_dir_all(folder).expect("the temporary folder can be written");
    let mut manifest = MANIFEST.to_owned();
    for file in FILES {
        let path = workspace().join("models/fixtures/smolvlm").join(file);
        let mut content = fs::read(path).expect("the fixture is there");
        change(file, &mut content);
        manifest += &format!(
            "[[files]]\npath = \"{file}\"\nsize = {}\nsha256 = \"{}\"\norigins = [\"file:{file}\"]\nlicence = \"MIT\"\n",
            content.len(),
            sha256(&content)
        );
        fs::write(folder.join(file), content).expect("the temporary folder can be written");
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
    let dir = Workdir::new();
    let cache: PathBuf = dir.path("cache");
    pack_cache::link_installed(&cache);
    let dir = dir.with_cache(&cache);
    let source = dir.path("source");
    write_source(&source, change);
    dir.atom(&["models", "install", path_str(&source)]).ok();
    dir
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
