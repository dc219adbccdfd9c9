//! The grid of media time that a sampler chooses frames on.
//!
//! The grid is anchored at 0 and restarts at every multiple of the segment lengths downstream, so a choice depends
//! only on frames of its own window. A source may use the same grid to skip the conversion of frames that no sampler
//! wants: the choice is the same.

use std::sync::Arc;

use crate::{
    media_time::{MediaTime, ROUNDING_NANOS},
    rate_control::RateFactor,
};

/// A grid of media time; the first frame in each cell is wanted.
#[derive(Clone, Debug)]
pub struct SamplingGrid {
    fps: f64,
    /// For a live source, the factor that scales the rate, and the lowest rate.
    rate: Option<(Arc<RateFactor>, f64)>,
    window_lengths_ms: Vec<u64>,
    last: Option<GridCell>,
}

/// The cell of a frame: its window for each segment length, and its index at the current rate.
type GridCell = (Vec<u64>, u128);

impl SamplingGrid {
    /// Creates a grid of `fps` cells a second that restarts at every multiple of each of the lengths.
    pub fn new(fps: f64, window_lengths_ms: &[u64]) -> Self {
        Self {
            fps,
            rate: None,
            window_lengths_ms: window_lengths_ms.to_vec(),
            last: None,
        }
    }

    /// Scales the rate by `rate`, but never below `min_fps`.
    pub fn with_rate(self, rate: Arc<RateFactor>, min_fps: f64) -> Self {
        Self {
            rate: Some((rate, min_fps)),
            ..self
        }
    }

    /// Returns the current number of cells in a second.
    pub fn fps(&self) -> f64 {
        match &self.rate {
            Some((rate, min_fps)) => rate.apply(self.fps, *min_fps),
            None => self.fps,
        }
    }

    /// Returns the configured number of cells in a second, whatever the load.
    pub fn configured_fps(&self) -> f64 {
        self.fps
    }

    /// Returns true if a frame is the first of its cell. Frames must be offered in order.
    pub fn wants(&mut self, at: MediaTime) -> bool {
        let cell = self.cell(at);
        if self.last.as_ref() == Some(&cell) {
            return false;
        }
        self.last = Some(cell);
        true
    }

    /// Returns the earliest media time after a frame at `at` at which another one is wanted.
    pub fn next(&self, at: MediaTime) -> MediaTime {
        let (windows, index) = self.cell(at);
        let rate = ((self.fps() * 1e6).round() as u128).max(1);
        let next_cell = ((index + 1) * 1_000_000_000_000_000).div_ceil(rate);
        let windows = self.window_lengths_ms.iter().zip(windows);
        let window_ends = windows.map(|(length, n)| (n + 1) * (length * 1_000_000).max(1));
        let next = window_ends.fold(u64::try_from(next_cell).unwrap_or(u64::MAX), u64::min);
        MediaTime::from_nanos(next.saturating_sub(ROUNDING_NANOS))
    }

    /// Returns the window of a frame for each segment length.
    pub(crate) fn windows(&self, at: MediaTime) -> Vec<u64> {
        // A frame that a container's rounding put just before a boundary belongs after it.
        let nanos = at.nanos() + ROUNDING_NANOS;
        self.window_lengths_ms
            .iter()
            .map(|length| nanos / (length * 1_000_000).max(1))
            .collect()
    }

    fn cell(&self, at: MediaTime) -> GridCell {
        let nanos = u128::from(at.nanos() + ROUNDING_NANOS);
        // Cells in a million seconds.
        let rate = (self.fps() * 1e6).round() as u128;
        (self.windows(at), nanos * rate / 1_000_000_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_is_the_earliest_time_at_which_a_frame_is_wanted() {
        for (fps, lengths) in [
            (0.1, &[4000][..]),
            (0.3, &[]),
            (2.0, &[4000, 700]),
            (7.7, &[]),
        ] {
            let mut at = MediaTime::from_nanos(123_456_789);
            for _ in 0..50 {
                let mut grid = SamplingGrid::new(fps, lengths);
                grid.wants(at);
                let next = grid.next(at);
                assert!(next > at);
                assert!(
                    !grid.wants(MediaTime::from_nanos(next.nanos() - 1)),
                    "{fps}"
                );
                assert!(grid.wants(next), "{fps}");
                at = next;
            }
        }
    }
}
