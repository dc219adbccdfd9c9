//! The settings of LFM2-VL's image processor. One that a file lacks has the value that it has in the published models.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::{
    ModelError,
    model_config::ConfigFile,
    vision::{pixel_levels::PixelLevels, resize::Filter},
};

/// The configuration of a model and of its image processor.
pub(super) struct Settings<'c> {
    config: &'c ConfigFile,
    processor: &'c ConfigFile,
}

impl<'c> Settings<'c> {
    pub(super) fn new(config: &'c ConfigFile, processor: &'c ConfigFile) -> Self {
        Self { config, processor }
    }

    /// Returns the place of a setting.
    fn at(&self, name: &str) -> String {
        pointer(self.processor, name)
    }

    /// Returns a size with its default and its limit.
    fn size(&self, name: &str, (default, most): (u32, u32)) -> Result<u32, ModelError> {
        let at = self.at(name);
        let found = match self.processor.find(&at) {
            None => default as usize,
            Some(_) => self.processor.size(&at)?,
        };
        match u32::try_from(found) {
            Ok(found) if found <= most => Ok(found),
            _ => Err(self.processor.wrong(&at, &format!("at most {most}"))),
        }
    }

    /// Returns a size that the model's configuration states too, at `of_model`.
    pub(super) fn of_model(
        &self,
        name: &str,
        of_model: &str,
        limits: (u32, u32),
    ) -> Result<u32, ModelError> {
        let size = self.size(name, limits)?;
        if self.config.find(of_model).is_some() && self.config.size(of_model)? != size as usize {
            let expected = format!("equal to {of_model} of the model's configuration");
            return Err(self.processor.wrong(&self.at(name), &expected));
        }
        Ok(size)
    }

    /// Returns the side of a tile, a multiple of `block`.
    pub(super) fn tile(&self, block: u32) -> Result<u32, ModelError> {
        let tile = self.size("tile_size", (512, 4096))?;
        match tile.is_multiple_of(block) {
            true => Ok(tile),
            false => {
                let expected = format!("a multiple of {block}");
                Err(self.processor.wrong(&self.at("tile_size"), &expected))
            }
        }
    }

    /// Returns two sizes as a range.
    pub(super) fn range(
        &self,
        [least, most]: [&str; 2],
        default: (u32, u32),
        limit: u32,
    ) -> Result<RangeInclusive<u32>, ModelError> {
        let range = self.size(least, (default.0, limit))?..=self.size(most, (default.1, limit))?;
        match range.is_empty() {
            true => {
                let expected = format!("at most {most}");
                Err(self.processor.wrong(&self.at(least), &expected))
            }
            false => Ok(range),
        }
    }

    /// Returns the error of settings by which a tile has too many pixels.
    pub(super) fn too_large(&self, pixels: u64, most: u64) -> ModelError {
        let expected = format!(
            "fewer tokens or smaller patches: a tile has {pixels} pixels, at most {most} are supported"
        );
        self.processor
            .wrong(&self.at("max_image_tokens"), &expected)
    }

    pub(super) fn number(&self, name: &str, default: f64) -> Result<f64, ModelError> {
        self.processor.number_or(&self.at(name), default)
    }

    /// Returns true if an image that is split is also shown as a whole.
    pub(super) fn thumbnail(&self) -> Result<bool, ModelError> {
        let at = self.at("use_thumbnail");
        let found = self.processor.find(&at).map(Value::as_bool);
        found
            .unwrap_or(Some(true))
            .ok_or_else(|| self.processor.wrong(&at, "true or false"))
    }

    pub(super) fn filter(&self) -> Result<Filter, ModelError> {
        Filter::read(self.processor, &self.at("resample"), 2.0)
    }

    /// Returns the input values of the 256 levels of each channel.
    pub(super) fn levels(&self) -> Result<PixelLevels, ModelError> {
        let scale = self.number("rescale_factor", 1.0 / 255.0)?;
        let mean = self.processor.channels_or(&self.at("image_mean"), 0.5)?;
        let deviation = self.processor.channels_or(&self.at("image_std"), 0.5)?;
        Ok(PixelLevels::fused(scale, mean, deviation))
    }
}

/// Returns the place of a setting of the image processor: newer files have those of all processors, each in a member of its own.
fn pointer(processor: &ConfigFile, name: &str) -> String {
    match processor.find("/image_processor") {
        Some(_) => format!("/image_processor/{name}"),
        None => format!("/{name}"),
    }
}
