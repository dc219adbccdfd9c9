//! Where things lie on this machine: the user's cache folder.

use std::path::{Path, PathBuf};

use crate::error::ModelError;

/// The cache folder: `ATOM_CACHE`, else `atom` in `XDG_CACHE_HOME`, else `~/.cache/atom`.
pub fn folder() -> Result<PathBuf, ModelError> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("ATOM_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("atom")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/atom")))
        .ok_or(ModelError::NoCache)
}

/// Where installed packs lie, each in a folder of its name.
pub fn packs(cache: &Path) -> PathBuf {
    cache.join("packs")
}

/// Where fetched parts lie until the pack is built, and after it so that a build can be repeated.
pub fn parts(cache: &Path, pack: &str) -> PathBuf {
    cache.join("parts").join(pack)
}
