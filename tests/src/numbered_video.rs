//! Videos whose frames show their own number, so that a test can compare a frame with its media time.
//!
//! The upper half of a frame shows the number as twelve black and white blocks. The lower half has a colour that changes
//! at given frames, where a segment must end.

use std::path::PathBuf;

use atom_models::Image;

use crate::generated_media;

/// The number of bits in a frame number.
const BITS: usize = 12;
/// The width and the height of a block, in pixels.
const BLOCK: usize = 16;
/// The size of a frame, in pixels.
pub const SIZE: (u32, u32) = ((BITS * BLOCK) as u32, 2 * BLOCK as u32);
/// The colours of the lower half, in order.
const COLOURS: [[u8; 3]; 3] = [[220, 40, 40], [40, 40, 220], [40, 220, 40]];

/// The properties of a numbered video.
pub struct NumberedVideo<'a> {
    /// The file name; its extension chooses the container.
    pub name: &'a str,
    /// The frame rate as an argument of ffmpeg.
    pub rate: &'a str,
    /// The number of frames.
    pub frames: usize,
    /// The frames at which the colour changes.
    pub changes: &'a [usize],
    /// More ffmpeg options of the output, such as a filter of timestamps.
    pub options: &'a [&'a str],
}

impl NumberedVideo<'_> {
    /// Generates the video.
    pub fn generate(&self) -> PathBuf {
        let pixels: Vec<u8> = (0..self.frames)
            .flat_map(|number| self.pixels(number))
            .collect();
        let size = format!("{}x{}", SIZE.0, SIZE.1);
        let mut arguments = vec![
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", self.rate, "-i", "-",
            "-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "1",
        ];
        arguments.extend(self.options);
        generated_media::generate_from(self.name, &arguments, &pixels)
    }

    /// Draws a frame: RGB pixels, row by row.
    fn pixels(&self, number: usize) -> Vec<u8> {
        let changes = self.changes.iter().filter(|frame| **frame <= number);
        let colour = COLOURS[changes.count() % COLOURS.len()];
        let (width, height) = (BITS * BLOCK, 2 * BLOCK);
        let pixel = |index: usize| {
            let (x, y) = (index % width, index / width);
            match y < BLOCK {
                true => [255 * u8::from(number >> (x / BLOCK) & 1 == 1); 3],
                false => colour,
            }
        };
        (0..width * height).flat_map(pixel).collect()
    }
}

/// Reads the number that a frame shows.
///
/// # Panics
/// The frame does not have its original size.
pub fn read_number(image: &Image) -> usize {
    assert_eq!((image.width(), image.height()), SIZE);
    let bright = |bit: usize| {
        let (x, y) = (bit * BLOCK + BLOCK / 2, BLOCK / 2);
        image.pixels()[(y * BITS * BLOCK + x) * 3] > 127
    };
    (0..BITS)
        .filter(|bit| bright(*bit))
        .map(|bit| 1 << bit)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_shows_its_number() {
        let video = NumberedVideo {
            name: "none",
            rate: "25",
            frames: 0,
            changes: &[],
            options: &[],
        };
        for number in [0, 1, 1234, 4095] {
            let image = Image::new(SIZE.0, SIZE.1, video.pixels(number)).expect("the size fits");
            assert_eq!(read_number(&image), number);
        }
    }
}
