//! Compares published dual encoders with the reference implementation, on the tiny random ones of `models/fixtures/`.
//!
//! `ATOM_DUAL_FIXTURE` names the folder of another model that `models/fixtures/dual.py` made, to be compared as well.

use std::{fs, path::PathBuf};

use serde::Deserialize;

use super::{
    dual_image_encoder::DualImageEncoder,
    dual_text_encoder::{DualTextEncoder, DualTextFiles},
    image_steps::ImageSteps,
};
use crate::{
    Image, TextEncoder, VisionEncoder, cosine,
    fake::fixture::{expected, folders, largest_difference, options, pattern},
    model_config::ConfigFile,
};

/// Largest difference of vectors and cosines.
const TOLERANCE: f32 = 1e-3;

/// A case of `expected.json`: an image or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    /// Width and height; `pattern` makes the image.
    Image { image: (u32, u32) },
    /// A text and its tokens, with padding.
    Text { text: String, ids: Vec<u32> },
}

/// A tiny model with its cases.
struct Fixture {
    folder: PathBuf,
    cases: Vec<Case>,
}

impl Fixture {
    fn open(folder: PathBuf) -> Self {
        let cases = fs::read_to_string(folder.join("expected.json")).unwrap();
        Self {
            cases: serde_json::from_str(&cases).unwrap(),
            folder,
        }
    }

    fn images(&self) -> Vec<Image> {
        let sizes = self.cases.iter().filter_map(|case| match case {
            Case::Image { image } => Some(*image),
            Case::Text { .. } => None,
        });
        let images = sizes.enumerate();
        images.map(|(number, size)| pattern(size, number)).collect()
    }

    /// Returns each text with its tokens.
    fn texts(&self) -> Vec<(&str, &[u32])> {
        let texts = self.cases.iter().filter_map(|case| match case {
            Case::Image { .. } => None,
            Case::Text { text, ids } => Some((text.as_str(), ids.as_slice())),
        });
        texts.collect()
    }

    fn steps(&self) -> ImageSteps {
        let processor = ConfigFile::read(&self.folder.join("preprocessor_config.json"));
        ImageSteps::read(&processor.unwrap()).unwrap()
    }

    fn image_encoder(&self) -> DualImageEncoder {
        let path = self.folder.join("vision_model.onnx");
        DualImageEncoder::load(&path, self.steps(), options()).unwrap()
    }

    fn text_encoder(&self) -> DualTextEncoder {
        let path = |name: &str| self.folder.join(name);
        let files = DualTextFiles {
            model: &path("text_model.onnx"),
            tokenizer: &path("tokenizer.json"),
            tokenizer_config: &path("tokenizer_config.json"),
            config: &path("config.json"),
        };
        DualTextEncoder::load(files, options()).unwrap()
    }

    fn image_vectors(&self) -> Vec<Vec<f32>> {
        let mut encoder = self.image_encoder();
        let images = self.images();
        let vector = |image| encoder.encode(image).unwrap().embedding.to_vec();
        images.iter().map(vector).collect()
    }

    fn text_vectors(&self) -> Vec<Vec<f32>> {
        let mut encoder = self.text_encoder();
        let texts = self.texts();
        let vector = |(text, _): &(&str, _)| encoder.embed(text).unwrap();
        texts.iter().map(vector).collect()
    }

    /// Compares numbers with a tensor of `expected.safetensors`.
    fn compare(&self, name: &str, numbers: &[f32]) {
        let difference = largest_difference(numbers, &expected(&self.folder, name));
        let folder = self.folder.display();
        assert!(
            difference < TOLERANCE,
            "{folder}: {name} differ by {difference}"
        );
    }
}

fn fixtures() -> Vec<Fixture> {
    let folders = folders(&["clip", "siglip", "siglip2"], "ATOM_DUAL_FIXTURE");
    folders.into_iter().map(Fixture::open).collect()
}

/// Returns the position of the largest number.
fn best(numbers: &[f32]) -> usize {
    let each = numbers.iter().enumerate();
    each.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0
}

#[test]
fn pixels_are_equal_bit_for_bit() {
    for fixture in fixtures() {
        let steps = fixture.steps();
        let images = fixture.images();
        let pixels = images.iter().flat_map(|image| steps.pixels(image).unwrap());
        let expected = expected(&fixture.folder, "pixels");
        assert!(
            pixels
                .map(f32::to_bits)
                .eq(expected.into_iter().map(f32::to_bits)),
            "{}",
            fixture.folder.display()
        );
    }
}

#[test]
fn texts_have_the_same_tokens() {
    for fixture in fixtures() {
        let encoder = fixture.text_encoder();
        for (text, expected) in fixture.texts() {
            let (ids, _) = encoder.token_ids(text).unwrap();
            assert_eq!(ids, expected, "{}: {text:?}", fixture.folder.display());
        }
    }
}

#[test]
fn vectors_and_their_cosines_are_the_same_within_rounding() {
    for fixture in fixtures() {
        let (images, texts) = (fixture.image_vectors(), fixture.text_vectors());
        fixture.compare("images", &images.concat());
        fixture.compare("texts", &texts.concat());
        let cosines = images
            .iter()
            .flat_map(|image| texts.iter().map(|text| cosine(image, text)));
        let cosines: Vec<f32> = cosines.collect();
        fixture.compare("cosines", &cosines);
        let expected = expected(&fixture.folder, "cosines");
        let rows = |numbers: &[f32]| -> Vec<usize> {
            numbers.chunks_exact(texts.len()).map(best).collect()
        };
        assert_eq!(
            rows(&cosines),
            rows(&expected),
            "{}",
            fixture.folder.display()
        );
    }
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let all = fixtures();
    let path = all[0].folder.join("text_model.onnx");
    let error = DualImageEncoder::load(&path, all[0].steps(), options());
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains("does not match its pack: expected input_ids to be absent"),
        "{error}"
    );
}
