//! A very small copy of a frame, for cheap change detection.
//!
//! Two copies are compared cell by cell to find frames where nothing moved, and by colour histogram to find scene changes.

use atom_models::Image;

/// Cells in a row and in a column.
const SIDE: usize = 16;
/// Levels of each colour channel in the histogram.
const LEVELS: usize = 4;

/// Mean colours of 16 x 16 cells of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Box<[[u8; 3]; SIDE * SIDE]>);

impl Signature {
    /// Computes the signature of an image.
    pub fn new(image: &Image) -> Self {
        let mut sums = [[0u32; 3]; SIDE * SIDE];
        let mut counts = [0u32; SIDE * SIDE];
        let (width, height) = (image.width() as usize, image.height() as usize);
        for y in 0..height {
            let row = y * SIDE / height * SIDE;
            for (x, pixel) in image.row(y as u32).chunks_exact(3).enumerate() {
                let cell = row + x * SIDE / width;
                counts[cell] += 1;
                sums[cell]
                    .iter_mut()
                    .zip(pixel)
                    .for_each(|(sum, value)| *sum += u32::from(*value));
            }
        }
        let mut cells = Box::new([[0; 3]; SIDE * SIDE]);
        for (cell, (sum, count)) in cells.iter_mut().zip(sums.iter().zip(counts)) {
            *cell = sum.map(|channel| (channel / count.max(1)) as u8);
        }
        Self(cells)
    }

    /// Returns the mean difference of brightness over the cells, 0 to 1.
    pub fn difference(&self, other: &Self) -> f64 {
        let total: u32 = self
            .0
            .iter()
            .zip(other.0.iter())
            .map(|(a, b)| luma(a).abs_diff(luma(b)))
            .sum();
        f64::from(total) / (self.0.len() * 255) as f64
    }

    /// Returns the share of cells whose colour has no counterpart in the other frame, 0 to 1: high where a scene
    /// changes, low where things only move.
    pub fn colour_change(&self, other: &Self) -> f64 {
        let (a, b) = (self.histogram(), other.histogram());
        let common: u32 = a.iter().zip(&b).map(|(x, y)| x.min(y)).sum();
        1.0 - f64::from(common) / self.0.len() as f64
    }

    fn histogram(&self) -> [u32; LEVELS * LEVELS * LEVELS] {
        let mut counts = [0; LEVELS * LEVELS * LEVELS];
        for cell in self.0.iter() {
            let level = |value: u8| usize::from(value) * LEVELS / 256;
            counts[(level(cell[0]) * LEVELS + level(cell[1])) * LEVELS + level(cell[2])] += 1;
        }
        counts
    }
}

/// Returns the brightness of a colour by the weights of ITU-R BT.601.
fn luma([r, g, b]: &[u8; 3]) -> u32 {
    (299 * u32::from(*r) + 587 * u32::from(*g) + 114 * u32::from(*b)) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(rgb: [u8; 3]) -> Signature {
        Signature::new(&Image::filled(33, 17, rgb))
    }

    #[test]
    fn equal_images_have_no_difference() {
        assert_eq!(plain([9, 9, 9]).difference(&plain([9, 9, 9])), 0.0);
        assert_eq!(plain([9, 9, 9]).colour_change(&plain([9, 9, 9])), 0.0);
    }

    #[test]
    fn black_and_white_differ_completely() {
        assert_eq!(plain([0, 0, 0]).difference(&plain([255, 255, 255])), 1.0);
        assert_eq!(plain([0, 0, 0]).colour_change(&plain([255, 255, 255])), 1.0);
    }

    #[test]
    fn an_image_smaller_than_the_grid_has_a_signature() {
        assert_eq!(
            Signature::new(&Image::filled(1, 1, [0, 0, 0])).difference(&plain([0, 0, 0])),
            0.0
        );
    }
}
