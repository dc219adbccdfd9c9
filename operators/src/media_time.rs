//! Positions in a video.
//!
//! Three clocks are kept apart by type: [`Tick`](crate::tick::Tick) orders the intake, [`MediaTime`] is the position in
//! the video, and [`Instant`](std::time::Instant) is the wall clock. None is ever subtracted from another.

use std::fmt;

use serde::Serialize;

/// Largest error of a container's clock, in nanoseconds.
pub(crate) const ROUNDING_NANOS: u64 = 2_000;

/// A position in the video, in nanoseconds since the source began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct MediaTime(u64);

impl MediaTime {
    /// Returns the position `nanos` nanoseconds after the beginning.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the position `millis` milliseconds after the beginning.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Returns the nanoseconds since the beginning.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Returns true if this is at or after `other`, within the rounding of containers: a frame some microseconds
    /// before a boundary belongs to what begins there.
    pub const fn reaches(self, other: Self) -> bool {
        self.0 + ROUNDING_NANOS >= other.0
    }

    /// Returns the milliseconds since the beginning, rounded to the nearest.
    pub const fn millis(self) -> u64 {
        (self.0 + 500_000) / 1_000_000
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.millis();
        let (seconds, millis) = (millis / 1000, millis % 1000);
        write!(
            f,
            "{:02}:{:02}:{:02}.{millis:03}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}
