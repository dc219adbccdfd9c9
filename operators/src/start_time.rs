//! The wall time at which the media time of a source was 0, and how it is known.
//!
//! A time of day without a time zone may be wrong by hours, so a start time never travels without its origin.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The wall time at which the media time of a source was 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartTime {
    /// Milliseconds since 1970, UTC.
    pub utc_ms: i64,
    /// The origin of the time.
    pub origin: StartOrigin,
}

impl StartTime {
    /// Creates the start time of a moment.
    pub fn new(moment: Timestamp, origin: StartOrigin) -> Self {
        Self {
            utc_ms: moment.as_millisecond(),
            origin,
        }
    }
}

/// The origin of a start time. Of several, the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StartOrigin {
    /// A file name that states its offset from UTC, or whose writer always uses UTC.
    NameUtc,
    /// A date with its offset from UTC in the container.
    ContainerOffset,
    /// A file name in local time, read in the time zone of this machine.
    NameLocal,
    /// The creation time of the container, which is UTC.
    ContainerUtc,
    /// The creation time of the container, written by a camera that knows no time zone, read in that of this machine.
    ContainerLocal,
    /// The clock of this machine when the first frame of a live source came.
    Clock,
}

impl StartOrigin {
    /// All origins, the most certain one first.
    pub const ALL: [Self; 6] = [
        Self::NameUtc,
        Self::ContainerOffset,
        Self::NameLocal,
        Self::ContainerUtc,
        Self::ContainerLocal,
        Self::Clock,
    ];

    /// Returns its name, as JSON and the index have it.
    ///
    /// ```
    /// use atom_operators::start_time::StartOrigin;
    ///
    /// assert_eq!(StartOrigin::NameLocal.name(), "name_local");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::NameUtc => "name_utc",
            Self::ContainerOffset => "container_offset",
            Self::NameLocal => "name_local",
            Self::ContainerUtc => "container_utc",
            Self::ContainerLocal => "container_local",
            Self::Clock => "clock",
        }
    }
}

impl Serialize for StartOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
