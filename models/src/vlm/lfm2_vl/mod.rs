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

use std::sync::Arc;

use crate::{
    Image, ModelError, PromptPart, ShownFrame,
    model_config::ConfigFile,
    vision::{
        image_embeddings::Tile,
        pixel_levels::PixelLevels,
        resize::{Filter, resize},
    },
};

mod image_sizes;
mod settings;
#[cfg(test)]
mod tests;

use image_sizes::ImageSizes;
use settings::Settings;

/// The control tokens around an image in a prompt, and the one before the whole of an image that is also shown in tiles.
const IMAGE_START: &str = "<|image_start|>";
const IMAGE_END: &str = "<|image_end|>";
const WHOLE_IMAGE: &str = "<|img_thumbnail|>";

/// Most pixels of a tile: those of a square of 2048.
const MOST_PIXELS: u64 = 1 << 22;

/// The sizes of a model of this architecture.
#[derive(Clone, Debug)]
pub(crate) struct Lfm2Vl {
    /// Patches to which those of each tile are padded.
    pub(crate) patches: usize,
    sizes: ImageSizes,
    /// True if an image that is split is also shown as a whole.
    thumbnail: bool,
    filter: Filter,
    /// The input values of the 256 levels of each channel.
    levels: PixelLevels,
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

/// A tile as a part of an image.
struct TileArea {
    /// Left and top of the tile.
    corner: (u32, u32),
    /// Its width and height.
    size: (u32, u32),
    /// Its row and column among the tiles, from 1; `None` for the whole image.
    place: Option<(u32, u32)>,
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
        let settings = Settings::new(config, processor);
        let (patch, factor) = (
            settings.of_model("encoder_patch_size", "/vision_config/patch_size", (16, 256))?,
            settings.of_model("downsample_factor", "/downsample_factor", (2, 16))?,
        );
        let block = patch * factor;
        let sizes = ImageSizes {
            patch,
            block,
            tokens: settings.range(["min_image_tokens", "max_image_tokens"], (64, 256), 4096)?,
            tile: settings.tile(block)?,
            tiles: settings.range(["min_tiles", "max_tiles"], (2, 10), 64)?,
            tolerance: settings.number("max_pixels_tolerance", 2.0)?,
            splitting,
        };
        let side = if splitting { sizes.tile / block } else { 0 };
        let tokens = (side * side).max(*sizes.tokens.end());
        let pixels = u64::from(tokens) * u64::from(block).pow(2);
        if pixels > MOST_PIXELS {
            return Err(settings.too_large(pixels, MOST_PIXELS));
        }
        Ok(Self {
            patches: (tokens * factor * factor) as usize,
            sizes,
            thumbnail: settings.thumbnail()?,
            filter: settings.filter()?,
            levels: settings.levels()?,
        })
    }

    /// Returns the numbers of a patch.
    pub(crate) fn patch_values(&self) -> usize {
        (self.sizes.patch * self.sizes.patch * 3) as usize
    }

    /// Returns the side in pixels of the smallest square that needs no enlarging: it takes the fewest tokens.
    pub(crate) fn smallest_side(&self) -> u32 {
        self.sizes.smallest_side()
    }

    /// Returns an image as tiles, as the model's processor makes them.
    ///
    /// # Errors
    /// If the image cannot be resized.
    pub(crate) fn pixels(&self, image: &Image) -> Result<PixelPatches, ModelError> {
        let mut pixels = PixelPatches::default();
        let (width, height) = (image.width(), image.height());
        let grid = self.sizes.grid(width, height);
        if let Some((columns, rows)) = grid {
            let tile = (self.sizes.tile, self.sizes.tile);
            let scaled = resize(image, columns * tile.0, rows * tile.1, self.filter)?;
            for row in 0..rows {
                for column in 0..columns {
                    let area = TileArea {
                        corner: (column * tile.0, row * tile.1),
                        size: tile,
                        place: Some((row + 1, column + 1)),
                    };
                    self.push(&mut pixels, &scaled, area);
                }
            }
        }
        if grid.is_none() || self.thumbnail {
            let size = self.sizes.whole_size(width, height);
            let whole = resize(image, size.0, size.1, self.filter)?;
            let area = TileArea {
                corner: (0, 0),
                size,
                place: None,
            };
            self.push(&mut pixels, &whole, area);
        }
        Ok(pixels)
    }

    /// Appends the tile that is this part of an image.
    fn push(&self, pixels: &mut PixelPatches, image: &Image, area: TileArea) {
        let TileArea {
            corner,
            size,
            place,
        } = area;
        let patch = self.sizes.patch as usize;
        let (columns, rows) = (size.0 / self.sizes.patch, size.1 / self.sizes.patch);
        for row in 0..rows {
            for column in 0..columns {
                let left = (corner.0 + column * self.sizes.patch) as usize;
                let top = corner.1 + row * self.sizes.patch;
                for y in top..top + self.sizes.patch {
                    let line = &image.row(y)[left * 3..][..patch * 3];
                    pixels.values.extend(self.levels.interleaved(line));
                }
            }
        }
        pixels.mask.extend(vec![1; (columns * rows) as usize]);
        pixels.shapes.extend([rows, columns].map(i64::from));
        pixels.tiles.push(Tile {
            place,
            tokens: (size.0 / self.sizes.block * (size.1 / self.sizes.block)) as usize,
        });
        let patches = pixels.tiles.len() * self.patches;
        pixels.mask.resize(patches, 0);
        pixels.values.resize(patches * patch * patch * 3, 0.0);
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
