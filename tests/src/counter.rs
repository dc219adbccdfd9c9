//! Videos whose frames show their number, so that a program can compare what it sees with when it sees it.
//!
//! The upper half of a frame shows the number as twelve black and white blocks, the lower half a colour that changes at
//! given frames, where a segment must then end.

use std::path::PathBuf;

use atom_models::Image;

use crate::media;

/// Bits of the number.
const BITS: usize = 12;
/// Width and height of a block.
const BLOCK: usize = 16;
/// Size of a frame.
pub const SIZE: (u32, u32) = ((BITS * BLOCK) as u32, 2 * BLOCK as u32);
/// The colours of the lower half, in turn.
const COLOURS: [[u8; 3]; 3] = [[220, 40, 40], [40, 40, 220], [40, 220, 40]];

/// What kind of counter video is made.
pub struct Counter<'a> {
    /// Name of the file; its end chooses the container.
    pub name: &'a str,
    /// Frames a second, as ffmpeg reads it.
    pub rate: &'a str,
    /// Number of frames.
    pub frames: usize,
    /// Frames at which the colour changes.
    pub changes: &'a [usize],
    /// More options for ffmpeg's output, such as a filter of times.
    pub options: &'a [&'a str],
}

impl Counter<'_> {
    /// Makes the video.
    pub fn make(&self) -> PathBuf {
        let pixels: Vec<u8> = (0..self.frames)
            .flat_map(|number| self.picture(number))
            .collect();
        let size = format!("{}x{}", SIZE.0, SIZE.1);
        let mut arguments = vec![
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-r", self.rate, "-i", "-",
            "-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "1",
        ];
        arguments.extend(self.options);
        media::made_of(self.name, &arguments, &pixels)
    }

    fn picture(&self, number: usize) -> Vec<u8> {
        let changed = self.changes.iter().filter(|at| **at <= number).count();
        let (width, height) = (BITS * BLOCK, 2 * BLOCK);
        let pixel = |place: usize| {
            let (x, y) = (place % width, place / width);
            match y < BLOCK {
                true => [255 * u8::from(number >> (x / BLOCK) & 1 == 1); 3],
                false => COLOURS[changed % COLOURS.len()],
            }
        };
        (0..width * height).flat_map(pixel).collect()
    }
}

/// The number that a frame shows, which must have kept its size.
pub fn number(image: &Image) -> usize {
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
    fn a_picture_shows_its_number() {
        let counter = Counter {
            name: "none",
            rate: "25",
            frames: 0,
            changes: &[],
            options: &[],
        };
        for shown in [0, 1, 1234, 4095] {
            let image = Image::new(SIZE.0, SIZE.1, counter.picture(shown)).expect("it fits");
            assert_eq!(number(&image), shown);
        }
    }
}
