//! The cache of installed packs, and caches that link to it, whose files a test can replace.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Returns the cache of installed packs, for tests that need real weights.
///
/// # Panics
/// The pack `mini` is not installed.
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

/// Returns the real video that `make setup` downloads.
///
/// # Panics
/// The video does not exist.
pub fn demo_video() -> PathBuf {
    let video = installed().join("demo/bikes.mp4");
    assert!(
        video.is_file(),
        "{} is not there: run `make setup`",
        video.display()
    );
    video
}

/// Links all installed packs into `cache`, and returns the folder of `mini`, whose files can then be replaced.
///
/// # Panics
/// The pack `mini` is not installed, or the cache cannot be written.
pub fn link_installed(cache: &Path) -> PathBuf {
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

/// Links the installed ONNX Runtime into `cache`, whose folder of it can be installed again.
///
/// # Panics
/// ONNX Runtime is not installed, or the cache cannot be written.
pub fn link_runtime(cache: &Path) {
    let installed = installed().join("packs/onnxruntime");
    let linked = cache.join("packs/onnxruntime");
    fs::create_dir_all(&linked).expect("the temporary folder can be written");
    for file in fs::read_dir(installed).expect("the pack can be read") {
        let file = file.expect("the pack can be read");
        let target = linked.join(file.file_name());
        match file.file_name() == "pack.toml" {
            true => drop(fs::copy(file.path(), target).expect("the manifest can be copied")),
            false => symlink(file.path(), target).expect("links can be made"),
        }
    }
}

/// Replaces a link by a file with other content.
///
/// # Panics
/// The link does not exist.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) {
    fs::remove_file(path).expect("the link is there");
    fs::write(path, content).expect("the temporary folder can be written");
}
