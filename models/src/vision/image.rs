//! RGB images in memory, their thumbnails and their JPEG form.

use image::{ColorType, codecs::jpeg::JpegEncoder};

use crate::ModelError;

/// An image: rows from the top, three bytes a pixel (red, green, blue), no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    /// Width and height whose ratio the displayed image has.
    display_size: (u32, u32),
}

impl Image {
    /// Creates an image from `width * height * 3` bytes.
    ///
    /// # Errors
    /// If the image is empty or the number of bytes differs.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, ModelError> {
        let expected = width as usize * height as usize * 3;
        if expected == 0 || pixels.len() != expected {
            return Err(ModelError::ImageSize {
                width,
                height,
                found: pixels.len(),
            });
        }
        Ok(Self {
            width,
            height,
            pixels,
            display_size: (width, height),
        })
    }

    /// Creates an image of one colour, at least one pixel large.
    pub fn filled(width: u32, height: u32, rgb: [u8; 3]) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self {
            width,
            height,
            pixels: rgb.repeat(width as usize * height as usize),
            display_size: (width, height),
        }
    }

    /// Sets the display aspect ratio, for an image that was stretched from this size.
    pub fn with_display_size(self, width: u32, height: u32) -> Self {
        Self {
            display_size: (width.max(1), height.max(1)),
            ..self
        }
    }

    /// Returns a small copy in the display aspect ratio, no side longer than `longest` or than this image's longer side.
    /// Each pixel is the mean of those that it covers.
    pub fn thumbnail(&self, longest: u32) -> Self {
        let (wide, high) = self.display_size;
        // Enlarging adds no detail.
        let longest = longest.clamp(1, self.width.max(self.height).max(1));
        let scale = f64::from(longest) / f64::from(wide.max(high));
        let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        let (width, height) = (side(wide), side(high));
        let mut pixels = Vec::with_capacity((width * height * 3) as usize);
        for y in 0..height {
            let rows = covered(y, height, self.height);
            for x in 0..width {
                let mean = self.mean(covered(x, width, self.width), rows.clone());
                pixels.extend_from_slice(&mean);
            }
        }
        Self {
            width,
            height,
            pixels,
            display_size: (width, height),
        }
    }

    fn mean(&self, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) -> [u8; 3] {
        let mut sums = [0u32; 3];
        let count = columns.len() * rows.len();
        for y in rows {
            let row = &self.row(y)[columns.start as usize * 3..columns.end as usize * 3];
            for pixel in row.chunks_exact(3) {
                sums.iter_mut()
                    .zip(pixel)
                    .for_each(|(sum, value)| *sum += u32::from(*value));
            }
        }
        sums.map(|sum| (sum / count as u32) as u8)
    }

    /// Encodes the image as JPEG of a quality from 1 to 100; equal images give equal bytes.
    ///
    /// # Errors
    /// If a side is longer than JPEG's limit of 65535 pixels.
    pub fn jpeg(&self, quality: u8) -> Result<Vec<u8>, ModelError> {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode(
                &self.pixels,
                self.width,
                self.height,
                ColorType::Rgb8.into(),
            )
            .map_err(ModelError::Jpeg)?;
        Ok(bytes)
    }

    /// Returns the pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the number of rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns all bytes, rows from the top.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Returns the bytes of one row.
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.width as usize * 3;
        &self.pixels[y as usize * stride..][..stride]
    }
}

/// Returns the n-th of `count` even parts of a side, at least a pixel.
fn covered(n: u32, count: u32, side: u32) -> std::ops::Range<u32> {
    let at = |n: u32| (u64::from(n) * u64::from(side) / u64::from(count)) as u32;
    let from = at(n).min(side - 1);
    from..at(n + 1).max(from + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_has_the_display_aspect_ratio() {
        let pixels = (0..16 * 16).flat_map(|n| [if n % 16 < 8 { 200 } else { 100 }, 0, 7]);
        let square = Image::new(16, 16, pixels.collect()).unwrap();
        let wide = square.with_display_size(1920, 1080).thumbnail(16);
        assert_eq!((wide.width(), wide.height()), (16, 9));
        assert_eq!(wide.row(0)[..3], [200, 0, 7]);
        assert_eq!(wide.row(8)[45..], [100, 0, 7]);
        let tall = wide.with_display_size(1, 400).thumbnail(10);
        assert_eq!((tall.width(), tall.height()), (1, 10));
        assert_eq!(tall.row(0), [150, 0, 7]);
        assert_eq!(tall.thumbnail(160), tall, "nothing is enlarged");
    }

    #[test]
    fn encodes_equal_images_to_equal_jpegs() {
        let image = Image::filled(16, 9, [250, 10, 10]);
        let jpeg = image.jpeg(70).unwrap();
        assert!(jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]));
        assert_eq!(jpeg, image.jpeg(70).unwrap());
        assert!(Image::filled(70_000, 1, [0; 3]).jpeg(70).is_err());
    }

    #[test]
    fn refuses_a_wrong_number_of_bytes() {
        assert!(Image::new(2, 2, vec![0; 12]).is_ok());
        assert!(Image::new(2, 2, vec![0; 11]).is_err());
        assert!(Image::new(0, 2, vec![]).is_err());
    }

    #[test]
    fn returns_its_rows() {
        let image = Image::new(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(image.row(1), [4, 5, 6]);
    }
}
