//! Resizing of images, with the result of Pillow's `Image.resize` bit for bit.
//!
//! The processors of published vision-language models resize with Pillow or agree with it, so a model sees here what it saw in
//! training. Columns are resampled first, then rows, with 8 bits a value in between; weights are rounded to 22 bits (Pillow 12,
//! `src/libImaging/Resample.c`). Pillow 13 resamples the rows first where the height shrinks much more than the width, which moves
//! single values by a few levels; published models were trained before it.

use std::f64::consts::PI;

use crate::{Image, ModelError, model_config::ConfigFile};

/// Fractional bits of a weight.
const WEIGHT_BITS: u32 = 22;

/// The kernel of a resampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Linear interpolation; the mean of the covered pixels when an image shrinks.
    Bilinear,
    /// Cubic convolution with a = -0.5.
    Bicubic,
    /// A sinc window of three lobes.
    Lanczos,
}

impl Filter {
    /// Reads the filter at a pointer in the configuration of an image processor; `default` is its number if there is none.
    ///
    /// # Errors
    /// If there is another value than the number of a filter.
    pub(crate) fn read(
        processor: &ConfigFile,
        pointer: &str,
        default: f64,
    ) -> Result<Self, ModelError> {
        let resample = processor.number_or(pointer, default)?;
        Self::from_pil(resample as u64)
            .ok_or_else(|| processor.wrong(pointer, "1 (Lanczos), 2 (bilinear) or 3 (bicubic)"))
    }

    /// Returns the filter of this number in PIL.
    fn from_pil(resample: u64) -> Option<Self> {
        match resample {
            1 => Some(Self::Lanczos),
            2 => Some(Self::Bilinear),
            3 => Some(Self::Bicubic),
            _ => None,
        }
    }

    /// Returns the distance from the centre at which the kernel ends.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => bicubic(x.abs()),
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * PI;
    x.sin() / x
}

/// Most pixels of a resized image: enough for any model, and little memory.
const MOST_PIXELS: u64 = 1 << 26;

/// Resizes an image to `width` x `height`, both at least 1.
///
/// # Errors
/// If a side is 0, or the new image would have more than 64 million pixels.
pub(crate) fn resize(
    image: &Image,
    width: u32,
    height: u32,
    filter: Filter,
) -> Result<Image, ModelError> {
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(ModelError::ResizedImage {
            from: (image.width(), image.height()),
            to: (width, height),
        });
    }
    let (old_width, old_height) = (image.width() as usize, image.height() as usize);
    let (new_width, new_height) = (width as usize, height as usize);
    let mut pixels = image.pixels().to_vec();
    if new_width != old_width && new_width > 0 {
        let columns = Kernels::new(old_width, new_width, filter);
        pixels = columns.resample_rows(&pixels, old_width);
    }
    if new_height != old_height && new_height > 0 {
        let rows = Kernels::new(old_height, new_height, filter);
        pixels = rows.resample_columns(&pixels, new_width);
    }
    Image::new(width, height, pixels)
}

/// The weights of the old pixels for each new pixel of a row or a column.
struct Kernels(Vec<Kernel>);

/// The weights for one new pixel.
struct Kernel {
    first: usize,
    weights: Vec<i32>,
}

impl Kernels {
    fn new(old: usize, new: usize, filter: Filter) -> Self {
        let scale = old as f64 / new as f64;
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let kernel = |at: usize| {
            let centre = (at as f64 + 0.5) * scale;
            // The cast of a negative number gives 0.
            let first = (centre - support + 0.5) as usize;
            let last = ((centre + support + 0.5) as usize).min(old);
            let distance = |x: usize| (x as f64 - centre + 0.5) * (1.0 / stretch);
            let weights: Vec<f64> = (first..last).map(|x| filter.weight(distance(x))).collect();
            let total: f64 = weights.iter().sum();
            Kernel {
                first,
                weights: weights.iter().map(|w| fixed(w / total)).collect(),
            }
        };
        Self((0..new).map(kernel).collect())
    }

    /// Resamples the pixels of each row.
    fn resample_rows(&self, pixels: &[u8], width: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(pixels.len() / width * self.0.len());
        for row in pixels.chunks_exact(width * 3) {
            for kernel in &self.0 {
                let mut sums = [1 << (WEIGHT_BITS - 1); 3];
                let covered = row[kernel.first * 3..].chunks_exact(3);
                for (pixel, weight) in covered.zip(&kernel.weights) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += i32::from(*value) * weight;
                    }
                }
                out.extend(sums.map(clip));
            }
        }
        out
    }

    /// Resamples the pixels of each column.
    fn resample_columns(&self, pixels: &[u8], width: usize) -> Vec<u8> {
        let stride = width * 3;
        let mut out = Vec::with_capacity(stride * self.0.len());
        let mut sums = vec![0_i32; stride];
        for kernel in &self.0 {
            sums.fill(1 << (WEIGHT_BITS - 1));
            let covered = pixels[kernel.first * stride..].chunks_exact(stride);
            for (row, weight) in covered.zip(&kernel.weights) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += i32::from(*value) * weight;
                }
            }
            out.extend(sums.iter().copied().map(clip));
        }
        out
    }
}

/// Rounds a weight, away from zero at a half.
fn fixed(weight: f64) -> i32 {
    let half = if weight < 0.0 { -0.5 } else { 0.5 };
    (weight * f64::from(1 << WEIGHT_BITS) + half) as i32
}

fn clip(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Digests of what Pillow 12 makes of the pattern of 97 x 61 pixels.
    const PILLOW: [(Filter, u32, u32, &str); 15] = [
        (Filter::Lanczos, 512, 512, "6b866dde6b21"),
        (Filter::Lanczos, 32, 20, "c3640a24a294"),
        (Filter::Lanczos, 200, 61, "f91fc711f945"),
        (Filter::Lanczos, 97, 7, "31789b84e960"),
        (Filter::Lanczos, 1, 1, "34e5153a5a69"),
        (Filter::Bicubic, 512, 512, "a4ed49971ce7"),
        (Filter::Bicubic, 32, 20, "2367add37a94"),
        (Filter::Bicubic, 200, 61, "0307248d34be"),
        (Filter::Bicubic, 97, 7, "ed5c80a710a1"),
        (Filter::Bicubic, 1, 1, "34e5153a5a69"),
        (Filter::Bilinear, 512, 512, "dc6a08eb8fee"),
        (Filter::Bilinear, 32, 20, "30dc1b1b7570"),
        (Filter::Bilinear, 200, 61, "6e83dd61eb69"),
        (Filter::Bilinear, 97, 7, "a6777dbbb447"),
        (Filter::Bilinear, 1, 1, "34e5153a5a69"),
    ];

    /// A pattern with hard edges and gradients.
    fn pattern(width: u32, height: u32) -> Image {
        let pixel = |n: u32| {
            let (x, y) = (n % width, n / width);
            let edge = if (x / 7 + y / 5) % 2 == 0 { 255 } else { 0 };
            [edge, (x * 255 / width) as u8, (y * x % 256) as u8]
        };
        Image::new(width, height, (0..width * height).flat_map(pixel).collect()).unwrap()
    }

    /// First digits of the SHA-256 of an image's pixels.
    fn digest(image: &Image) -> String {
        let digest = Sha256::digest(image.pixels());
        digest[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    #[test]
    fn equals_pillow_bit_for_bit() {
        let image = pattern(97, 61);
        for (filter, width, height, expected) in PILLOW {
            let resized = resize(&image, width, height, filter).unwrap();
            assert_eq!(digest(&resized), expected, "{filter:?} {width}x{height}");
        }
    }

    #[test]
    fn an_image_of_the_wanted_size_is_unchanged() {
        let image = pattern(9, 4);
        assert_eq!(resize(&image, 9, 4, Filter::Lanczos).unwrap(), image);
        assert!(resize(&image, 0, 4, Filter::Lanczos).is_err());
        let error = resize(&image, 1 << 20, 1 << 20, Filter::Lanczos).unwrap_err();
        assert!(error.to_string().contains("too narrow"), "{error}");
    }
}
