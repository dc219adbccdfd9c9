//! The frames of the generated table of videos: cells of one colour each, which also show the number of the frame.
//!
//! The cells are so large that any subsampling of the colours leaves their middles as they are.

use atom_models::Image;

/// The size of a frame, in pixels.
pub const SIZE: (u32, u32) = (192, 64);
/// The number of frames.
pub const FRAMES: usize = 20;
/// The width and the height of a cell, in pixels.
const CELL: usize = 32;
/// The colours of the lower cells.
const COLOURS: [[u8; 3]; 6] = [
    [220, 30, 30],
    [30, 200, 40],
    [40, 40, 220],
    [128, 128, 128],
    [230, 220, 40],
    [150, 40, 160],
];

/// Returns all frames, one after another: RGB pixels, row by row.
pub fn frames() -> Vec<u8> {
    (0..FRAMES).flat_map(frame).collect()
}

fn frame(number: usize) -> Vec<u8> {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let pixel = |index: usize| {
        let (cell, lower) = (index % width / CELL, index / width >= CELL);
        match lower {
            true => COLOURS[cell],
            false => [40 + 180 * u8::from(number >> cell & 1 == 1); 3],
        }
    };
    (0..width * height).flat_map(pixel).collect()
}

/// Returns the mean colours of the middles of the cells of a frame.
pub fn cells(image: &Image) -> Vec<[f64; 3]> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let cells =
        (0..height / CELL).flat_map(|row| (0..width / CELL).map(move |column| (row, column)));
    cells
        .map(|(row, column)| {
            let middle = CELL * 3 / 8..CELL * 5 / 8;
            let pixels = middle
                .clone()
                .flat_map(|y| middle.clone().map(move |x| (x, y)));
            let mut sum = [0.0; 3];
            for (x, y) in pixels {
                let at = ((row * CELL + y) * width + column * CELL + x) * 3;
                for (total, value) in sum.iter_mut().zip(&image.pixels()[at..at + 3]) {
                    *total += f64::from(*value);
                }
            }
            sum.map(|total| total / (middle.len() * middle.len()) as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_of_a_frame_tell_its_number_and_have_its_colours() {
        let image = Image::new(SIZE.0, SIZE.1, frame(0b10_0101)).expect("the size fits");
        let cells = cells(&image);
        let bits: Vec<_> = cells[..6].iter().map(|cell| cell[0] > 127.0).collect();
        assert_eq!(bits, [true, false, true, false, false, true]);
        assert_eq!(cells[6..], COLOURS.map(|colour| colour.map(f64::from)));
    }
}
