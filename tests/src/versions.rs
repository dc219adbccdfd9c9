//! Versions of the fake pack: manifests of that name in a cache, which differ in their number and in how captions begin.

use std::{fs, path::Path};

use atom_models::fake;

/// Makes `version` of the fake pack the installed one of a cache; its captions say `word` before what they see.
///
/// # Panics
/// If the cache cannot be written.
pub fn install(cache: &Path, version: &str, word: &str) {
    let folder = cache.join("packs/fake");
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let manifest = fake::MANIFEST
        .replacen("version = \"1\"", &format!("version = \"{version}\""), 1)
        .replacen("caption {tags}", &format!("caption {word} {{tags}}"), 1);
    fs::write(folder.join("pack.toml"), manifest).expect("the temporary folder can be written");
}
