//! The architecture Idefics3, of which SmolVLM and SmolVLM2 are: how images become tensors and how a prompt shows them.
//!
//! An image is resized so that its longer side has a given length, then stretched to a square tile. With splitting, it is first
//! stretched to a multiple of the tile's side and cut into tiles, each shown beside the whole image. Each tile takes the same number
//! of tokens. Frames of a video are never split; each is shown with its time.
//!
//! Source: `image_processing_pil_smolvlm.py` and `processing_smolvlm.py` of transformers 5.24.

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

/// The control tokens around an image in a prompt.
const AROUND_IMAGE: &str = "<fake_token_around_image>";
const WHOLE_IMAGE: &str = "<global-img>";

/// The names of the numbers of frames that a prompt can show.
const NUMBERS: [&str; 17] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
];

/// The sizes of a model of this architecture.
#[derive(Clone, Debug)]
pub(crate) struct Idefics3 {
    /// Side of a tile in pixels.
    pub(crate) tile: u32,
    /// Tokens of a tile.
    pub(crate) tokens: usize,
    /// Length to which the longer side of an image is resized.
    longest: u32,
    filter: Filter,
    splitting: bool,
    levels: PixelLevels,
}

/// The tiles of an image, as input of the vision encoder.
pub(crate) struct PixelTiles {
    /// `[tiles, 3, side, side]`
    pub(crate) values: Vec<f32>,
    pub(crate) tiles: Vec<Tile>,
}

impl Idefics3 {
    /// Reads the sizes from a model's configuration and that of its image processor.
    ///
    /// # Errors
    /// If a size is missing or makes no sense.
    pub(crate) fn read(
        config: &ConfigFile,
        processor: &ConfigFile,
        splitting: bool,
    ) -> Result<Self, ModelError> {
        let tile = processor.size("/max_image_size/longest_edge")?;
        let image = config.size("/vision_config/image_size")?;
        let patch = config.size("/vision_config/patch_size")?;
        let factor = config.size("/scale_factor")?;
        let side = tile / patch / factor;
        if tile != image || side * patch * factor != tile || tile > 4096 {
            let expected = format!(
                "{image}, the image_size of the model's configuration, at most 4096 and a multiple of {}",
                patch * factor
            );
            return Err(processor.wrong("/max_image_size/longest_edge", &expected));
        }
        let longest = processor.size("/size/longest_edge")?;
        if !(1..=8192).contains(&longest) {
            return Err(processor.wrong("/size/longest_edge", "at most 8192"));
        }
        let filter = Filter::read(processor, "/resample", 1.0)?;
        let scale = processor.number_or("/rescale_factor", 1.0 / 255.0)?;
        let mean = processor.channels_or("/image_mean", 0.5)?;
        let deviation = processor.channels_or("/image_std", 0.5)?;
        Ok(Self {
            tile: tile as u32,
            tokens: side * side,
            longest: longest as u32,
            filter,
            splitting,
            levels: PixelLevels::new(scale, mean, deviation),
        })
    }

    /// Returns an image as tiles: itself, if it has the size of a tile, and as the model's processor makes them otherwise.
    ///
    /// # Errors
    /// If the image is too narrow to be resized.
    pub(crate) fn pixels(&self, image: &Image) -> Result<PixelTiles, ModelError> {
        let mut pixels = PixelTiles {
            values: Vec::new(),
            tiles: Vec::new(),
        };
        if (image.width(), image.height()) == (self.tile, self.tile) && !self.splitting {
            self.push(&mut pixels, image, (0, 0), None);
            return Ok(pixels);
        }
        let (width, height) = longest_edge(image.width(), image.height(), self.longest);
        let mut scaled = resize(image, width, height, self.filter)?;
        if self.splitting {
            let (width, height) = whole_tiles(width, height, self.tile);
            scaled = resize(&scaled, width, height, self.filter)?;
            if width.max(height) > self.tile {
                for row in 0..height / self.tile {
                    for column in 0..width / self.tile {
                        let corner = (column * self.tile, row * self.tile);
                        self.push(&mut pixels, &scaled, corner, Some((row + 1, column + 1)));
                    }
                }
            }
        }
        let whole = resize(&scaled, self.tile, self.tile, self.filter)?;
        self.push(&mut pixels, &whole, (0, 0), None);
        Ok(pixels)
    }

    /// Appends the tile of an image whose upper left corner is at `corner`.
    fn push(
        &self,
        pixels: &mut PixelTiles,
        image: &Image,
        corner: (u32, u32),
        place: Option<(u32, u32)>,
    ) {
        let size = (self.tile, self.tile);
        self.levels.append(&mut pixels.values, image, corner, size);
        pixels.tiles.push(Tile {
            place,
            tokens: self.tokens,
        });
    }

    /// Returns the parts of a prompt that show one image.
    pub(crate) fn show_image(&self, frame: &ShownFrame) -> Vec<PromptPart> {
        let mut parts = Vec::new();
        let mut first = 0;
        let mut last_row = None;
        let split = frame.embeddings.tiles().len() > 1;
        for tile in frame.embeddings.tiles() {
            let name = match tile.place {
                Some((row, column)) => format!("<row_{row}_col_{column}>"),
                None => WHOLE_IMAGE.to_owned(),
            };
            let row = tile.place.map(|(row, _)| row);
            // A line break ends each row of tiles, and a second one the last.
            let breaks = match (last_row, row) {
                (Some(before), Some(row)) if before != row => "\n",
                (Some(_), None) if split => "\n\n",
                _ => "",
            };
            last_row = row;
            parts.push(PromptPart::template(&format!(
                "{breaks}{AROUND_IMAGE}{name}"
            )));
            parts.push(PromptPart::Image(
                Arc::clone(&frame.embeddings),
                first..first + tile.tokens,
            ));
            first += tile.tokens;
        }
        parts.push(PromptPart::template(AROUND_IMAGE));
        parts
    }

    /// Returns the parts of a prompt that show the frames of a video, each with its time.
    pub(crate) fn show_video(&self, frames: &[ShownFrame]) -> Vec<PromptPart> {
        let duration = frames.last().map_or(0, |frame| frame.at_ms) / 1000;
        let (hours, minutes, seconds) = (duration / 3600, duration / 60 % 60, duration % 60);
        let count = NUMBERS.get(frames.len()).copied().unwrap_or("many");
        let mut parts = vec![PromptPart::template(&format!(
            "You are provided the following series of {count} frames from a {hours}:{minutes:02}:{seconds:02} [H:MM:SS] video.\n"
        ))];
        for frame in frames {
            let seconds = frame.at_ms / 1000;
            parts.push(PromptPart::template(&format!(
                "\nFrame from {:02}:{:02}:",
                seconds / 60,
                seconds % 60
            )));
            parts.extend(self.show_image(frame));
        }
        parts.push(PromptPart::template("\n\n"));
        parts
    }
}

/// Returns the size of an image whose longer side is `longest` and whose other side is even.
fn longest_edge(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let ratio = f64::from(width) / f64::from(height);
    let even = |side: f64| (side as u32).next_multiple_of(2).max(1);
    match width >= height {
        true => (longest, even(f64::from(longest) / ratio)),
        false => (even(f64::from(longest) * ratio), longest),
    }
}

/// Returns the size in whole tiles to which an image is stretched before it is cut.
fn whole_tiles(width: u32, height: u32, tile: u32) -> (u32, u32) {
    let ratio = f64::from(width) / f64::from(height);
    match width >= height {
        true => {
            let width = width.next_multiple_of(tile);
            let height = (f64::from(width) / ratio) as u32;
            (width, height.next_multiple_of(tile))
        }
        false => {
            let height = height.next_multiple_of(tile);
            let width = (f64::from(height) * ratio) as u32;
            (width.next_multiple_of(tile), height)
        }
    }
}
