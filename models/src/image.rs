//! A picture as bytes.

use crate::error::ModelError;

/// A picture: rows from the top, three bytes a pixel (red, green, blue), no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Image {
    /// Wraps `width * height * 3` bytes.
    ///
    /// # Errors
    /// If the picture is empty or the number of bytes is another.
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
        })
    }

    /// A picture of one colour, at least one pixel large.
    pub fn filled(width: u32, height: u32, rgb: [u8; 3]) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self {
            width,
            height,
            pixels: rgb.repeat(width as usize * height as usize),
        }
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All bytes, rows from the top.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The bytes of one row.
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.width as usize * 3;
        &self.pixels[y as usize * stride..][..stride]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_wrong_number_of_bytes() {
        assert!(Image::new(2, 2, vec![0; 12]).is_ok());
        assert!(Image::new(2, 2, vec![0; 11]).is_err());
        assert!(Image::new(0, 2, vec![]).is_err());
    }

    #[test]
    fn gives_its_rows() {
        let image = Image::new(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(image.row(1), [4, 5, 6]);
    }
}
