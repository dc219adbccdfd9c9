//! The sources of packs that the program carries inside itself, so that `cargo install` is enough to install packs.
//!
//! `build.rs` lists the files; without the feature `embedded-packs` there are none, and packs come from a folder.

use atom_models::EmbeddedFile;

/// The files of all embedded pack sources.
pub const EMBEDDED_PACKS: &[EmbeddedFile] =
    include!(concat!(env!("OUT_DIR"), "/embedded_packs.rs"));

#[cfg(all(test, feature = "embedded-packs"))]
mod tests {
    use atom_models::pack_sources;

    use super::*;

    #[test]
    fn the_default_pack_is_embedded_with_its_build_and_without_its_training() {
        let has = |path: &str| EMBEDDED_PACKS.iter().any(|file| file.path == path);
        for needed in [
            "mini/pack.toml",
            "mini/build.py",
            "mini/vision/ssd.onnx",
            "onnxruntime/pack.toml",
        ] {
            assert!(has(needed), "{needed}");
        }
        for file in EMBEDDED_PACKS {
            let unneeded = ["/train/", "/convert/", "/.", "__pycache__"];
            assert!(
                !unneeded.iter().any(|part| file.path.contains(part)),
                "{}",
                file.path
            );
        }
    }

    #[test]
    fn the_default_pack_brings_its_runtime_library() {
        let sources = pack_sources(&["mini".to_owned()], EMBEDDED_PACKS).unwrap();
        assert_eq!(sources.len(), 2);
    }
}
