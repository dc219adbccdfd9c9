//! The packs of this repository whose files come from a model hub: their manifests hold what an installation and a model need.

use std::path::Path;

use crate::{
    Manifest,
    packs::{file_origin::Origin, manifest::Family},
};

const PACKS: [&str; 5] = [
    "smolvlm-256m",
    "smolvlm-500m",
    "smolvlm2-256m-video",
    "smolvlm2-500m-video",
    "lfm2.5-vl-450m",
];

const DUAL_PACKS: [&str; 2] = ["clip-vit-b-32", "siglip2-base"];

/// The sentence with which a pack says what is known about it.
const PROOF: &str =
    "Layout proved on a tiny model of this architecture; these weights were not run by us.";

fn manifest(name: &str) -> Manifest {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs");
    Manifest::read(&packs.join(name).join("pack.toml")).unwrap()
}

#[test]
fn every_hub_pack_is_a_vision_language_model_that_brings_its_runtime() {
    for name in PACKS {
        let manifest = manifest(name);
        assert_eq!(
            (manifest.name.as_str(), manifest.family),
            (name, Family::Vlm)
        );
        assert_eq!(manifest.requires, ["onnxruntime"]);
        assert!(manifest.about.ends_with(PROOF), "{name}");
        let part = manifest.vlm_part();
        assert_eq!((part.caption_tokens, part.answer_tokens), (40, 24));
    }
}

#[test]
fn a_dual_encoder_of_the_hub_brings_its_runtime_and_its_files() {
    for name in DUAL_PACKS {
        let manifest = manifest(name);
        assert_eq!(
            (manifest.name.as_str(), manifest.family),
            (name, Family::Dual)
        );
        assert_eq!(manifest.requires, ["onnxruntime"]);
        assert!(manifest.about.ends_with(PROOF), "{name}");
        assert_eq!(manifest.files.len(), manifest.index_part().files().len());
    }
}

#[test]
fn a_manifest_without_checksums_is_printed_as_it_was_read() {
    let manifest = manifest("smolvlm-256m");
    let printed = toml::to_string(&manifest).unwrap();
    assert_eq!(Manifest::parse(Path::new("x"), &printed).unwrap(), manifest);
}

#[test]
fn every_file_of_a_hub_pack_keeps_its_name_on_the_hub() {
    for name in PACKS.into_iter().chain(DUAL_PACKS) {
        let mut repositories = Vec::new();
        for entry in manifest(name).files {
            let [origin] = &entry.origins[..] else {
                panic!("{name}: {entry:?}");
            };
            let Ok(Origin::Hub(address)) = Origin::parse(origin) else {
                panic!("{name}: {origin}");
            };
            // ONNX modules name the files of their weights.
            assert_eq!(address.path.rsplit('/').next(), Some(&*entry.path));
            repositories.push((address.repository, address.revision));
        }
        repositories.dedup();
        assert_eq!(repositories.len(), 1, "{name}");
    }
}
