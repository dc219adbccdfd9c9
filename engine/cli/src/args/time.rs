//! Times on the command line: positions in a video, and moments of the wall clock.

use jiff::{Timestamp, Zoned, civil::DateTime, tz::TimeZone};

/// A time as the user writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeArg {
    /// Milliseconds since the video started.
    Media(u64),
    /// Milliseconds since 1970 (UTC).
    Wall(i64),
}

impl TimeArg {
    /// Returns the position in the video, if it is one.
    pub fn media_ms(self) -> Option<u64> {
        match self {
            Self::Media(ms) => Some(ms),
            Self::Wall(_) => None,
        }
    }

    /// Returns the moment of the wall clock, if it is one.
    pub fn wall_ms(self) -> Option<i64> {
        match self {
            Self::Wall(ms) => Some(ms),
            Self::Media(_) => None,
        }
    }
}

/// Parses a media time, or a moment of the wall clock; a moment without a time zone is in that of this machine.
///
/// # Errors
/// If it is neither; the error shows examples.
pub fn parse_time(text: &str) -> Result<TimeArg, String> {
    if let Some(ms) = media_ms(text) {
        return Ok(TimeArg::Media(ms));
    }
    let zoned = || text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp());
    let local = || {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::system()).ok()?.timestamp())
    };
    let moment = text.parse::<Timestamp>().ok().or_else(zoned).or_else(local);
    moment.map(|moment| TimeArg::Wall(moment.as_millisecond())).ok_or_else(|| {
        format!(
            "{text:?} is not a time; expected seconds, [HH:]MM:SS or a date and time, for example 90, 1:30 or \"2026-11-22 14:05\""
        )
    })
}

/// Parses `90`, `90.5`, `1:30` or `01:01:30` as milliseconds.
fn media_ms(text: &str) -> Option<u64> {
    let mut seconds = 0.0;
    for part in text.split(':') {
        let number: f64 = part.parse().ok().filter(|n| (0.0..1e9).contains(n))?;
        seconds = seconds * 60.0 + number;
    }
    Some((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_of_the_video() {
        assert_eq!(
            ["90", "1:30", "00:01:30.5"].map(|text| parse_time(text).unwrap()),
            [90_000, 90_000, 90_500].map(TimeArg::Media)
        );
        for wrong in ["", "x", "1:-2", "1e99", "2026-13-01", "14:05 o'clock"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parses_moments_with_and_without_a_time_zone() {
        let utc = TimeArg::Wall(1_795_356_300_000);
        for text in [
            "2026-11-22T14:05:00Z",
            "2026-11-22 14:05Z",
            "2026-11-22T15:05:00+01:00",
            "2026-11-22T15:05[Europe/Berlin]",
        ] {
            assert_eq!(parse_time(text), Ok(utc), "{text}");
        }
        let local: DateTime = "2026-11-22T14:05".parse().unwrap();
        let local = local.to_zoned(TimeZone::system()).unwrap();
        for text in ["2026-11-22 14:05", "2026-11-22T14:05:00"] {
            assert_eq!(
                parse_time(text),
                Ok(TimeArg::Wall(local.timestamp().as_millisecond()))
            );
        }
        assert!(matches!(parse_time("2026-11-22"), Ok(TimeArg::Wall(_))));
    }
}
