//! The user's cache folder and its layout.

use std::path::{Path, PathBuf};

use crate::ModelError;

/// Returns the cache folder: `ATOM_CACHE`, else `atom` in `XDG_CACHE_HOME`, else `~/.cache/atom`.
pub(crate) fn folder() -> Result<PathBuf, ModelError> {
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

/// Returns the folder of installed packs, each in a folder of its name.
pub(crate) fn packs(cache: &Path) -> PathBuf {
    cache.join("packs")
}

/// Returns the folder of embedded pack sources while they are being installed, each in a folder of its name.
pub(crate) fn extracted_sources(cache: &Path) -> PathBuf {
    cache.join("sources")
}

/// Returns the folder of a pack's fetched parts. They are kept after the build, so that it can be repeated.
pub(crate) fn parts(cache: &Path, pack: &str) -> PathBuf {
    cache.join("parts").join(pack)
}
