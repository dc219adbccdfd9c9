//! The sizes to which LFM2-VL resizes an image: as a whole, and as a grid of tiles.

use std::ops::RangeInclusive;

/// The limits of a model's images.
#[derive(Clone, Debug)]
pub(super) struct ImageSizes {
    /// Side of a patch in pixels.
    pub(super) patch: u32,
    /// Side in pixels of the square that a token shows.
    pub(super) block: u32,
    /// Fewest and most tokens of a whole image.
    pub(super) tokens: RangeInclusive<u32>,
    /// Side of a tile in pixels.
    pub(super) tile: u32,
    /// Fewest and most tiles of an image that is split.
    pub(super) tiles: RangeInclusive<u32>,
    /// The multiple of the most tokens above which an image is split.
    pub(super) tolerance: f64,
    /// False if no image is split.
    pub(super) splitting: bool,
}

impl ImageSizes {
    /// Returns the side in pixels of the smallest square that needs no enlarging: it takes the fewest tokens.
    pub(super) fn smallest_side(&self) -> u32 {
        let least = f64::from(*self.tokens.start());
        least.sqrt().ceil() as u32 * self.block
    }

    /// Returns the width and height to which an image is resized that is shown as a whole.
    ///
    /// An image that is so long that the other side cannot shrink to its ratio is stretched to the most tokens; the reference
    /// gives it more, which the vision encoder does not take.
    pub(super) fn whole_size(&self, width: u32, height: u32) -> (u32, u32) {
        let (width, height) = (f64::from(width), f64::from(height));
        let block = f64::from(self.block);
        let (least, most) = (
            f64::from(*self.tokens.start()),
            f64::from(*self.tokens.end()),
        );
        let mut columns = (width / block).round_ties_even().max(1.0);
        let mut rows = (height / block).round_ties_even().max(1.0);
        if columns * rows > most {
            let shrink = (height * width / (most * block * block)).sqrt();
            columns = (width / shrink / block).floor().max(1.0);
            rows = (height / shrink / block).floor().max(1.0);
        } else if columns * rows < least {
            let grow = (least * block * block / (height * width)).sqrt();
            columns = (width * grow / block).ceil();
            rows = (height * grow / block).ceil();
        }
        let rows = rows.min(most);
        let columns = columns.min((most / rows).floor());
        (columns as u32 * self.block, rows as u32 * self.block)
    }

    /// Returns the columns and rows of tiles into which an image is split; `None` if it is shown as a whole only.
    pub(super) fn grid(&self, width: u32, height: u32) -> Option<(u32, u32)> {
        let (width, height) = (f64::from(width), f64::from(height));
        let block = f64::from(self.block);
        // At least one patch, which may be less than a token.
        let tokens = |side: f64| {
            let nearest = (side / block).round_ties_even();
            nearest.max(f64::from(self.patch) / block)
        };
        let most = f64::from(*self.tokens.end()) * self.tolerance;
        if !self.splitting || tokens(width) * tokens(height) <= most {
            return None;
        }
        let mut best = None;
        let mut smallest = f64::INFINITY;
        for (columns, rows) in grids(&self.tiles) {
            let difference = (width / height - f64::from(columns) / f64::from(rows)).abs();
            // Of two grids that are equally near, the one with more tiles if the image has half as many pixels.
            let pixels = f64::from(self.tile).powi(2) * f64::from(columns * rows);
            if difference < smallest || difference == smallest && width * height > 0.5 * pixels {
                smallest = difference;
                best = Some((columns, rows));
            }
        }
        best.filter(|grid| *grid != (1, 1))
    }
}

/// Returns the grids with these numbers of tiles, as columns and rows, those of fewer tiles first.
fn grids(tiles: &RangeInclusive<u32>) -> impl Iterator<Item = (u32, u32)> {
    tiles.clone().flat_map(|count| {
        let divisors = (1..=count).filter(move |columns| count.is_multiple_of(*columns));
        divisors.map(move |columns| (columns, count / columns))
    })
}
