use std::{fs, path::Path};

use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::{
    ImageEmbeddings,
    fake::fixture::{largest_difference, pattern},
};

/// Width and height of an image, of the whole as it is resized, and the columns and rows of its tiles, as the reference
/// computes them.
type Sizes = ((u32, u32), (u32, u32), Option<(u32, u32)>);

const SIZES: [Sizes; 14] = [
    ((640, 360), (640, 352), None),
    ((1920, 1080), (672, 384), Some((4, 2))),
    ((3840, 2160), (672, 384), Some((4, 2))),
    ((1280, 720), (672, 384), Some((2, 1))),
    ((360, 640), (352, 640), None),
    ((720, 512), (576, 416), None),
    ((512, 512), (512, 512), None),
    ((513, 512), (512, 512), None),
    ((300, 300), (288, 288), None),
    ((97, 61), (352, 224), None),
    ((48, 48), (256, 256), None),
    ((1, 1), (256, 256), None),
    ((2000, 33), (2016, 64), None),
    ((1000, 3), (4704, 32), None),
];

/// Returns the configuration of a model and of its processor with these texts.
fn files(config: &str, processor: &str) -> [ConfigFile; 2] {
    let folder = tempfile::tempdir().unwrap();
    [config, processor].map(|text| {
        let path = folder.path().join("config.json");
        fs::write(&path, text).unwrap();
        ConfigFile::read(&path).unwrap()
    })
}

fn read(config: &str, processor: &str) -> Result<Lfm2Vl, ModelError> {
    let [config, processor] = files(config, processor);
    Lfm2Vl::read(&config, &processor, true)
}

/// Returns a model with the sizes of the published ones.
fn published() -> Lfm2Vl {
    read("{}", "{}").unwrap()
}

fn fixture(name: &str) -> std::path::PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR"));
    models.join("fixtures/lfm2_vl").join(name)
}

fn tiny(splitting: bool) -> Lfm2Vl {
    let file = |name| ConfigFile::read(&fixture(name)).unwrap();
    let (config, processor) = (file("config.json"), file("preprocessor_config.json"));
    Lfm2Vl::read(&config, &processor, splitting).unwrap()
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    let numbers = bytes.chunks_exact(4);
    numbers
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

fn i64s(bytes: &[u8]) -> Vec<i64> {
    let numbers = bytes.chunks_exact(8);
    numbers
        .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

#[test]
fn sizes_and_grids_are_those_of_the_reference() {
    let model = published();
    for (image, whole, grid) in SIZES {
        let (width, height) = image;
        assert_eq!(model.sizes.whole_size(width, height), whole, "{image:?}");
        assert_eq!(model.sizes.grid(width, height), grid, "{image:?}");
    }
}

#[test]
fn sizes_and_grids_of_thousands_of_images_are_those_of_the_reference() {
    let model = published();
    let mut digest = Sha256::new();
    let mut count = 0;
    for width in (11..3000).step_by(37) {
        for height in (11..3000).step_by(41) {
            let (whole_width, whole_height) = model.sizes.whole_size(width, height);
            let (columns, rows) = model.sizes.grid(width, height).unwrap_or((1, 1));
            digest.update(format!(
                "{width} {height} {whole_width} {whole_height} {columns} {rows}\n"
            ));
            count += 1;
        }
    }
    let found = format!("{:x?}", &digest.finalize()[..6]);
    assert_eq!((count, found.as_str()), (5913, "[31, 62, 6e, 5c, 54, 91]"));
}

#[test]
fn a_very_long_image_takes_no_more_tokens_than_the_encoder() {
    let model = published();
    assert_eq!(model.sizes.whole_size(20_000, 1), (8192, 32));
    assert_eq!(model.sizes.whole_size(1, 2000), (32, 8192));
    let pixels = tiny(false).pixels(&pattern((1, 500), 0)).unwrap();
    assert_eq!(
        (pixels.tiles[0].tokens, &pixels.shapes[..]),
        (16, &[32, 2][..])
    );
}

#[test]
fn pixels_are_those_of_the_reference() {
    let bytes = fs::read(fixture("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let cases = fs::read_to_string(fixture("expected.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&cases).unwrap();
    let mut compared = 0;
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let Ok(expected) = tensors.tensor(&format!("{name}.pixels")) else {
            continue;
        };
        let model = tiny(case["splitting"].as_bool().unwrap());
        let images: Vec<(u32, u32)> = serde_json::from_value(case["images"].clone()).unwrap();
        let mut found = PixelPatches::default();
        for (number, size) in images.iter().enumerate() {
            let pixels = model.pixels(&pattern(*size, number)).unwrap();
            found.values.extend(pixels.values);
            found.mask.extend(pixels.mask);
            found.shapes.extend(pixels.shapes);
        }
        assert_eq!(found.values, f32s(expected.data()), "{name}");
        let shapes = tensors.tensor(&format!("{name}.shapes")).unwrap();
        assert_eq!(found.shapes, i64s(shapes.data()), "{name}");
        let masks = found.mask.chunks_exact(model.patches);
        for (mask, shape) in masks.zip(found.shapes.chunks_exact(2)) {
            let real = (shape[0] * shape[1]) as usize;
            assert!(mask[..real].iter().all(|patch| *patch == 1), "{name}");
            assert!(mask[real..].iter().all(|patch| *patch == 0), "{name}");
        }
        compared += 1;
    }
    assert!(compared >= 6, "{compared} cases with pixels");
}

#[test]
fn pixels_of_any_size_are_within_one_level_of_the_reference() {
    let bytes = fs::read(fixture("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let expected = f32s(tensors.tensor("rounded.pixels").unwrap().data());
    let found = tiny(false).pixels(&pattern((97, 61), 0)).unwrap();
    let levels = largest_difference(&found.values, &expected) * 127.5;
    assert!(levels < 1.001, "{levels} levels");
}

#[test]
fn a_prompt_shows_tiles_with_their_places_and_then_the_whole() {
    let tile = |place, tokens| Tile { place, tokens };
    let frame = |at_ms, tiles: Vec<Tile>| {
        let tokens = tiles.iter().map(|tile| tile.tokens).sum();
        let embeddings = ImageEmbeddings::new(1, vec![0.5; tokens], tiles).unwrap();
        ShownFrame {
            at_ms,
            embeddings: Arc::new(embeddings),
        }
    };
    let text = |parts: Vec<PromptPart>| -> String {
        let part = |part: &PromptPart| match part {
            PromptPart::Template(text) | PromptPart::Foreign(text) => text.to_string(),
            PromptPart::Image(_, range) => format!("[{}-{}]", range.start, range.end),
        };
        parts.iter().map(part).collect()
    };
    let model = published();
    let whole = frame(1500, vec![tile(None, 3)]);
    let expected = "<|image_start|>[0-3]<|image_end|>";
    assert_eq!(text(model.show_image(&whole)), expected);
    let split = vec![tile(Some((1, 1)), 4), tile(Some((1, 2)), 4), tile(None, 2)];
    let split = frame(62_000, split);
    let split_text = "<|image_start|><|img_row_1_col_1|>[0-4]<|img_row_1_col_2|>[4-8]\
        <|img_thumbnail|>[8-10]<|image_end|>";
    assert_eq!(text(model.show_image(&split)), split_text);
}

#[test]
fn reads_the_settings_of_both_forms_of_the_processor_file() {
    let model = published();
    assert_eq!(
        (model.sizes.patch, model.patches, model.thumbnail),
        (16, 1024, true)
    );
    let settings = r#"{"max_image_tokens": 128, "use_thumbnail": false, "tile_size": 256}"#;
    let nested = format!(r#"{{"image_processor": {settings}}}"#);
    for processor in [settings, nested.as_str()] {
        let model = read("{}", processor).unwrap();
        assert_eq!((model.patches, model.thumbnail), (512, false));
    }
}

#[test]
fn refuses_settings_that_contradict_each_other() {
    for (config, processor, reason) in [
        (r#"{"downsample_factor": 3}"#, "{}", "/downsample_factor"),
        ("{}", r#"{"tile_size": 500}"#, "a multiple of 32"),
        ("{}", r#"{"min_tiles": 11}"#, "at most max_tiles"),
        ("{}", r#"{"max_image_tokens": 5000}"#, "at most 4096"),
        ("{}", r#"{"use_thumbnail": 1}"#, "true or false"),
        ("{}", r#"{"resample": 0}"#, "bilinear"),
    ] {
        let error = read(config, processor).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
