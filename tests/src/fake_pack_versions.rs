//! Further versions of the fake pack: manifests in a cache that differ in their version and the beginning of captions.

use std::{fs, path::Path};

use atom_models::fake;

/// Installs a version of the fake pack in a cache. Its captions contain `word` before their description.
///
/// # Panics
/// The cache cannot be written.
pub fn install(cache: &Path, version: &str, word: &str) {
    let folder = cache.join("packs/fake");
    fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let manifest = fake::MANIFEST
        .replacen("version = \"1\"", &format!("version = \"{version}\""), 1)
        .replacen("caption {tags}", &format!("caption {word} {{tags}}"), 1);
    fs::write(folder.join("pack.toml"), manifest).expect("the temporary folder can be written");
}
