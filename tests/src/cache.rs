//! Caches of packs: the installed one, and ones of tests in which something is wrong.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// The folder of the installed packs, for tests that need real weights.
///
/// # Panics
/// If the pack `mini` is not installed.
pub fn installed() -> PathBuf {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("ATOM_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("atom")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/atom")))
        .expect("HOME is set");
    assert!(
        cache.join("packs/mini/pack.toml").is_file(),
        "pack mini is not installed in {}: run `make setup`",
        cache.display()
    );
    cache
}

/// The real video that `make setup` fetches.
///
/// # Panics
/// If it is not there.
pub fn bikes() -> PathBuf {
    let video = installed().join("demo/bikes.mp4");
    assert!(
        video.is_file(),
        "{} is not there: run `make setup`",
        video.display()
    );
    video
}

/// Makes `cache` hold the installed packs by links, and gives the folder of `mini`, whose files may then be replaced.
pub fn linked(cache: &Path) -> PathBuf {
    let installed = installed().join("packs");
    let packs = cache.join("packs");
    let mini = packs.join("mini");
    fs::create_dir_all(&mini).expect("the temporary folder can be written");
    symlink(installed.join("onnxruntime"), packs.join("onnxruntime")).expect("links can be made");
    for file in fs::read_dir(installed.join("mini")).expect("the pack can be read") {
        let file = file.expect("the pack can be read");
        symlink(file.path(), mini.join(file.file_name())).expect("links can be made");
    }
    mini
}

/// Puts other bytes in the place of a link.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) {
    fs::remove_file(path).expect("the link is there");
    fs::write(path, content).expect("the temporary folder can be written");
}
