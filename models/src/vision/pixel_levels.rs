//! The values that an image encoder takes for the levels of a pixel, computed as the image processors of published models do.

use crate::Image;

/// The input values of the 256 levels of each channel.
#[derive(Clone, Debug)]
pub(crate) struct PixelLevels([[f32; 256]; 3]);

impl PixelLevels {
    /// Creates the values: levels are scaled with double precision, then normalised with single precision.
    pub(crate) fn new(scale: f64, mean: [f64; 3], deviation: [f64; 3]) -> Self {
        let value = |level: usize, channel: usize| {
            let scaled = (level as f64 * scale) as f32;
            (scaled - mean[channel] as f32) / deviation[channel] as f32
        };
        Self(std::array::from_fn(|channel| {
            std::array::from_fn(|level| value(level, channel))
        }))
    }

    /// Creates the values as processors do that scale and normalise in one step, with single precision.
    pub(crate) fn fused(scale: f64, mean: [f64; 3], deviation: [f64; 3]) -> Self {
        Self(std::array::from_fn(|channel| {
            let mean = (mean[channel] / scale) as f32;
            let deviation = (deviation[channel] / scale) as f32;
            std::array::from_fn(|level| (level as f32 - mean) / deviation)
        }))
    }

    /// Returns the values of pixels in a row, `[pixels, 3]`.
    pub(crate) fn interleaved(&self, pixels: &[u8]) -> impl Iterator<Item = f32> {
        let channels = pixels.iter().zip(self.0.iter().cycle());
        channels.map(|(value, levels)| levels[usize::from(*value)])
    }

    /// Appends the values `[3, height, width]` of the part of an image whose upper left corner is at `left`, `top`. It must lie
    /// inside.
    pub(crate) fn append(
        &self,
        values: &mut Vec<f32>,
        image: &Image,
        (left, top): (u32, u32),
        (width, height): (u32, u32),
    ) {
        for (channel, levels) in self.0.iter().enumerate() {
            for y in top..top + height {
                let row = &image.row(y)[left as usize * 3..][..width as usize * 3];
                let pixels = row.chunks_exact(3);
                values.extend(pixels.map(|pixel| levels[usize::from(pixel[channel])]));
            }
        }
    }
}
