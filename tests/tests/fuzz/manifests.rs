//! Manifests of packs: every error says where or what, and a manifest that is parsed, printed and parsed again is the same.

use std::path::Path;

use atom_models::{Manifest, ModelError, error_chain};
use atom_tests::program::workspace;
use proptest::prelude::*;

use crate::{cases, corpus, edited_text::edited, texts};

const FRAGMENTS: &[&str] = &[
    "\n[[files]]\npath = \"x\"\nsize = 1\nsha256 = \"00\"\norigins = []\nlicence = \"MIT\"\n",
    "\n[memory]\n",
    "\n[restraint]\n",
    "\n[prompts]\n",
    "../../etc/passwd",
    "/",
    "\\u0000",
    "family = \"runtime\"\n",
    "platform = \"x86_64-linux\"\n",
    "nan",
    "-1",
    "1e400",
    "9223372036854775807",
    "\"\"\"",
    "{}",
    "{caption}",
    "[",
    "]",
    "=",
    "\n",
];

#[track_caller]
fn assert_parsed_or_explained(text: &str) {
    let path = Path::new("pack.toml");
    match Manifest::parse(path, text) {
        Ok(manifest) => {
            let printed = toml::to_string(&manifest).unwrap();
            let again = Manifest::parse(path, &printed)
                .unwrap_or_else(|error| panic!("{}\n{printed}", error_chain(&error)));
            assert_eq!(format!("{again:?}"), format!("{manifest:?}"), "{printed}");
        }
        Err(error @ ModelError::Manifest { .. }) => {
            let chain = error_chain(&error);
            assert!(
                chain.contains("pack.toml") && chain.contains("line "),
                "{chain}\n{text:?}"
            );
        }
        Err(ModelError::ManifestContent { problem, .. }) => assert!(!problem.is_empty()),
        Err(other) => panic!("unexpected: {}", error_chain(&other)),
    }
}

fn seeds() -> Vec<String> {
    let mut seeds = corpus("manifests");
    for pack in ["mini", "onnxruntime"] {
        let path = workspace()
            .join("models/packs")
            .join(pack)
            .join("pack.toml");
        seeds.push(std::fs::read_to_string(path).unwrap());
    }
    seeds.extend(texts(&workspace().join("pipelines/library")));
    seeds
}

#[test]
fn the_corpus_of_manifests_is_parsed_or_refused_with_an_explanation() {
    seeds()
        .iter()
        .for_each(|text| assert_parsed_or_explained(text));
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn an_edited_manifest_is_parsed_or_refused_with_an_explanation(text in edited(seeds(), FRAGMENTS)) {
        assert_parsed_or_explained(&text);
    }
}
