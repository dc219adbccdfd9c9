//! The architecture LFM2-VL, of which LFM2.5-VL is: how images become tensors and how a prompt shows them.
//!
//! An image is resized to whole tokens, nearly in its aspect ratio, and takes as many tokens as its size asks for, between a
//! minimum and a maximum. With splitting, an image of more than about twice the maximum is stretched to the grid of square tiles
//! whose aspect ratio is the nearest, and shown as these tiles and as a whole. A token shows a square of neighbouring patches;
//! the vision encoder takes the patches of each tile as rows of numbers (y, x, channel), padded to an equal number. The
//! architecture knows no videos: frames are images.
//!
//! Source: `image_processing_lfm2_vl.py` and `processing_lfm2_vl.py` of transformers 5.24. These resize with torchvision, whose
//! weights have fewer bits than Pillow's, which are used here: some pixels differ by one level of 255. Until transformers 4.57,
//! the processor took the numbers of rows and columns for each other when it wrote the names of tiles.

use std::{ops::RangeInclusive, sync::Arc};

use serde_json::Value;

use crate::{
    Image, ModelError, PromptPart, ShownFrame,
    model_config::ConfigFile,
    vision::{
        image_embeddings::Tile,
        resize::{Filter, resize},
    },
};

/// The control tokens around an image in a prompt, and the one before the whole of an image that is also shown in tiles.
const IMAGE_START: &str = "<|image_start|>";
const IMAGE_END: &str = "<|image_end|>";
const WHOLE_IMAGE: &str = "<|img_thumbnail|>";

/// The sizes of a model of this architecture.
#[derive(Clone, Debug)]
pub(crate) struct Lfm2Vl {
    /// Side of a patch in pixels.
    pub(crate) patch: u32,
    /// Patches to which those of each tile are padded.
    pub(crate) patches: usize,
    /// Side in pixels of the square that a token shows.
    block: u32,
    /// Fewest and most tokens of a whole image.
    tokens: RangeInclusive<u32>,
    /// Side of a tile in pixels.
    tile: u32,
    /// Fewest and most tiles of an image that is split.
    tiles: RangeInclusive<u32>,
    /// The multiple of the most tokens above which an image is split.
    tolerance: f64,
    /// True if an image that is split is also shown as a whole.
    thumbnail: bool,
    splitting: bool,
    filter: Filter,
    /// The input values of the 256 levels of each channel.
    levels: [[f32; 256]; 3],
}

/// The tiles of an image, as input of the vision encoder.
#[derive(Default)]
pub(crate) struct PixelPatches {
    /// `[tiles, patches, side * side * 3]`, zero where a tile has fewer patches.
    pub(crate) values: Vec<f32>,
    /// `[tiles, patches]`, 1 for a patch of the tile and 0 for padding.
    pub(crate) mask: Vec<i64>,
    /// `[tiles, 2]`, the rows and columns of each tile's patches.
    pub(crate) shapes: Vec<i64>,
    pub(crate) tiles: Vec<Tile>,
}

impl Lfm2Vl {
    /// Reads the sizes from a model's configuration and that of its image processor. What the latter lacks has the value that it
    /// has in the published models.
    ///
    /// # Errors
    /// If a size makes no sense, or the two files contradict each other.
    pub(crate) fn read(
        config: &ConfigFile,
        processor: &ConfigFile,
        splitting: bool,
    ) -> Result<Self, ModelError> {
        let at = |name: &str| pointer(processor, name);
        let size = |name: &str, default: usize, most: usize| {
            let found = match processor.find(&at(name)) {
                None => default,
                Some(_) => processor.size(&at(name))?,
            };
            match found <= most {
                true => Ok(found as u32),
                false => Err(processor.wrong(&at(name), &format!("at most {most}"))),
            }
        };
        let patch = size("encoder_patch_size", 16, 256)?;
        let factor = size("downsample_factor", 2, 16)?;
        for (own, of_model, value) in [
            ("encoder_patch_size", "/vision_config/patch_size", patch),
            ("downsample_factor", "/downsample_factor", factor),
        ] {
            if config.find(of_model).is_some() && config.size(of_model)? != value as usize {
                let expected = format!("equal to {of_model} of the model's configuration");
                return Err(processor.wrong(&at(own), &expected));
            }
        }
        let block = patch * factor;
        let tile = size("tile_size", 512, 4096)?;
        if !tile.is_multiple_of(block) {
            return Err(processor.wrong(&at("tile_size"), &format!("a multiple of {block}")));
        }
        let range = |least: (&str, usize), most: (&str, usize), limit: usize| {
            let range = size(least.0, least.1, limit)?..=size(most.0, most.1, limit)?;
            match range.is_empty() {
                true => Err(processor.wrong(&at(least.0), &format!("at most {}", most.0))),
                false => Ok(range),
            }
        };
        let tokens = range(("min_image_tokens", 64), ("max_image_tokens", 256), 4096)?;
        let tiles = range(("min_tiles", 2), ("max_tiles", 10), 64)?;
        let side = if splitting { tile / block } else { 0 };
        let resample = processor.number_or(&at("resample"), 2.0)?;
        let filter = Filter::from_pil(resample as u64).ok_or_else(|| {
            let expected = "1 (Lanczos), 2 (bilinear) or 3 (bicubic)";
            processor.wrong(&at("resample"), expected)
        })?;
        let thumbnail = processor.find(&at("use_thumbnail")).map(Value::as_bool);
        let scale = processor.number_or(&at("rescale_factor"), 1.0 / 255.0)?;
        let mean = processor.channels_or(&at("image_mean"), 0.5)?;
        let deviation = processor.channels_or(&at("image_std"), 0.5)?;
        Ok(Self {
            patch,
            patches: ((side * side).max(*tokens.end()) * factor * factor) as usize,
            block,
            tokens,
            tile,
            tiles,
            tolerance: processor.number_or(&at("max_pixels_tolerance"), 2.0)?,
            thumbnail: thumbnail
                .unwrap_or(Some(true))
                .ok_or_else(|| processor.wrong(&at("use_thumbnail"), "true or false"))?,
            splitting,
            filter,
            levels: std::array::from_fn(|c| levels(scale, mean[c], deviation[c])),
        })
    }

    /// Returns the numbers of a patch.
    pub(crate) fn patch_values(&self) -> usize {
        (self.patch * self.patch * 3) as usize
    }

    /// Returns the side in pixels of the smallest square that needs no enlarging: it takes the fewest tokens.
    pub(crate) fn smallest_side(&self) -> u32 {
        let least = f64::from(*self.tokens.start());
        least.sqrt().ceil() as u32 * self.block
    }

    /// Returns an image as tiles, as the model's processor makes them.
    ///
    /// # Errors
    /// If the image cannot be resized.
    pub(crate) fn pixels(&self, image: &Image) -> Result<PixelPatches, ModelError> {
        let mut pixels = PixelPatches::default();
        let (width, height) = (image.width(), image.height());
        let grid = self.grid(width, height);
        if let Some((columns, rows)) = grid {
            let tile = (self.tile, self.tile);
            let scaled = resize(image, columns * tile.0, rows * tile.1, self.filter)?;
            for row in 0..rows {
                for column in 0..columns {
                    let corner = (column * tile.0, row * tile.1);
                    self.push(
                        &mut pixels,
                        &scaled,
                        corner,
                        tile,
                        Some((row + 1, column + 1)),
                    );
                }
            }
        }
        if grid.is_none() || self.thumbnail {
            let size = self.whole_size(width, height);
            let whole = resize(image, size.0, size.1, self.filter)?;
            self.push(&mut pixels, &whole, (0, 0), size, None);
        }
        Ok(pixels)
    }

    /// Appends the tile of an image that has this size and whose upper left corner is at `corner`.
    fn push(
        &self,
        pixels: &mut PixelPatches,
        image: &Image,
        corner: (u32, u32),
        size: (u32, u32),
        place: Option<(u32, u32)>,
    ) {
        let patch = self.patch as usize;
        let (columns, rows) = (size.0 / self.patch, size.1 / self.patch);
        for row in 0..rows {
            for column in 0..columns {
                let left = (corner.0 + column * self.patch) as usize;
                let top = corner.1 + row * self.patch;
                for y in top..top + self.patch {
                    let line = &image.row(y)[left * 3..][..patch * 3];
                    let channels = line.iter().zip(self.levels.iter().cycle());
                    let values = channels.map(|(value, levels)| levels[usize::from(*value)]);
                    pixels.values.extend(values);
                }
            }
        }
        pixels.mask.extend(vec![1; (columns * rows) as usize]);
        pixels
            .shapes
            .extend([rows, columns].map(|count| i64::from(count)));
        pixels.tiles.push(Tile {
            place,
            tokens: (size.0 / self.block * (size.1 / self.block)) as usize,
        });
        let patches = pixels.tiles.len() * self.patches;
        pixels.mask.resize(patches, 0);
        pixels.values.resize(patches * patch * patch * 3, 0.0);
    }

    /// Returns the width and height to which an image is resized that is shown as a whole.
    ///
    /// An image that is so long that the other side cannot shrink to its ratio is stretched to the most tokens; the reference
    /// gives it more, which the vision encoder does not take.
    fn whole_size(&self, width: u32, height: u32) -> (u32, u32) {
        let (width, height) = (f64::from(width), f64::from(height));
        let block = f64::from(self.block);
        let (least, most) = (
            f64::from(*self.tokens.start()),
            f64::from(*self.tokens.end()),
        );
        let mut columns = (width / block).round_ties_even().max(1.0);
        let mut rows = (height / block).round_ties_even().max(1.0);
        if columns * rows > most {
            let shrink = (height * width / (most * block * block)).sqrt();
            columns = (width / shrink / block).floor().max(1.0);
            rows = (height / shrink / block).floor().max(1.0);
        } else if columns * rows < least {
            let grow = (least * block * block / (height * width)).sqrt();
            columns = (width * grow / block).ceil();
            rows = (height * grow / block).ceil();
        }
        let rows = rows.min(most);
        let columns = columns.min((most / rows).floor());
        (columns as u32 * self.block, rows as u32 * self.block)
    }

    /// Returns the columns and rows of tiles into which an image is split; `None` if it is shown as a whole only.
    fn grid(&self, width: u32, height: u32) -> Option<(u32, u32)> {
        let (width, height) = (f64::from(width), f64::from(height));
        let block = f64::from(self.block);
        // At least one patch, which may be less than a token.
        let tokens = |side: f64| {
            let nearest = (side / block).round_ties_even();
            nearest.max(f64::from(self.patch) / block)
        };
        let most = f64::from(*self.tokens.end()) * self.tolerance;
        if !self.splitting || tokens(width) * tokens(height) <= most {
            return None;
        }
        let mut best = None;
        let mut smallest = f64::INFINITY;
        for (columns, rows) in grids(&self.tiles) {
            let difference = (width / height - f64::from(columns) / f64::from(rows)).abs();
            // Of two grids that are equally near, the one with more tiles if the image has half as many pixels.
            let pixels = f64::from(self.tile).powi(2) * f64::from(columns * rows);
            if difference < smallest || difference == smallest && width * height > 0.5 * pixels {
                smallest = difference;
                best = Some((columns, rows));
            }
        }
        best.filter(|grid| *grid != (1, 1))
    }

    /// Returns the parts of a prompt that show one image.
    pub(crate) fn show_image(&self, frame: &ShownFrame) -> Vec<PromptPart> {
        let mut parts = vec![PromptPart::template(IMAGE_START)];
        let mut first = 0;
        let tiles = frame.embeddings.tiles();
        for tile in tiles {
            match tile.place {
                Some((row, column)) => {
                    parts.push(PromptPart::template(&format!(
                        "<|img_row_{row}_col_{column}|>"
                    )));
                }
                None if tiles.len() > 1 => parts.push(PromptPart::template(WHOLE_IMAGE)),
                None => {}
            }
            let embeddings = Arc::clone(&frame.embeddings);
            parts.push(PromptPart::Image(embeddings, first..first + tile.tokens));
            first += tile.tokens;
        }
        parts.push(PromptPart::template(IMAGE_END));
        parts
    }
}

/// Returns the place of a setting of the image processor: newer files have those of all processors, each in a member of its own.
fn pointer(processor: &ConfigFile, name: &str) -> String {
    match processor.find("/image_processor") {
        Some(_) => format!("/image_processor/{name}"),
        None => format!("/{name}"),
    }
}

/// Returns the grids with these numbers of tiles, as columns and rows, those of fewer tiles first.
fn grids(tiles: &RangeInclusive<u32>) -> impl Iterator<Item = (u32, u32)> {
    tiles.clone().flat_map(|count| {
        let divisors = (1..=count).filter(move |columns| count.is_multiple_of(*columns));
        divisors.map(move |columns| (columns, count / columns))
    })
}

/// Returns the input values of the 256 levels of a channel, computed as the processor does: scaled and normalised in one step,
/// with single precision.
fn levels(scale: f64, mean: f64, deviation: f64) -> [f32; 256] {
    let (mean, deviation) = ((mean / scale) as f32, (deviation / scale) as f32);
    std::array::from_fn(|level| (level as f32 - mean) / deviation)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use safetensors::SafeTensors;
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
            assert_eq!(model.whole_size(width, height), whole, "{image:?}");
            assert_eq!(model.grid(width, height), grid, "{image:?}");
        }
    }

    #[test]
    fn sizes_and_grids_of_thousands_of_images_are_those_of_the_reference() {
        let model = published();
        let mut digest = Sha256::new();
        let mut count = 0;
        for width in (11..3000).step_by(37) {
            for height in (11..3000).step_by(41) {
                let (whole_width, whole_height) = model.whole_size(width, height);
                let (columns, rows) = model.grid(width, height).unwrap_or((1, 1));
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
        assert_eq!(model.whole_size(20_000, 1), (8192, 32));
        assert_eq!(model.whole_size(1, 2000), (32, 8192));
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
            (model.patch, model.patches, model.thumbnail),
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
}
