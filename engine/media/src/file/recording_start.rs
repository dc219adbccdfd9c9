//! The moment at which a recording started: from its file name, as cameras and recorders write it, else from its container.
//!
//! A file name gives local time unless it has an offset; a container gives UTC. Implausible times are ignored: those of a clock
//! that was never set, and the future.

use std::path::Path;

use jiff::{Span, Timestamp, tz::TimeZone};

use super::{creation_time::creation_time, filename_time::filename_time};

/// No digital video was recorded before. Clocks that were never set start in 1904, 1970 or 1980.
const FIRST_YEAR: i16 = 1990;

/// Returns the moment at which a recording started, if its name or its container tells. Names without an offset are read in
/// this time zone.
pub fn recording_start(path: &Path, zone: &TimeZone) -> Option<Timestamp> {
    let now = Timestamp::now();
    let plausible = |at: &Timestamp| is_plausible(*at, now);
    filename_time(path, zone)
        .filter(plausible)
        .or_else(|| creation_time(path).filter(plausible))
}

/// False for times of clocks that were never set, and for times more than a day in the future.
fn is_plausible(at: Timestamp, now: Timestamp) -> bool {
    let date = at.to_zoned(TimeZone::UTC).datetime();
    // Another clock that was never set starts in 2000, in any time zone.
    let unset = [(1999, 12, 31), (2000, 1, 1)].contains(&(date.year(), date.month(), date.day()));
    let latest = now.checked_add(Span::new().hours(24));
    date.year() >= FIRST_YEAR && !unset && latest.is_ok_and(|latest| at <= latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_implausible_times() {
        let now: Timestamp = "2026-11-22T13:00:00Z".parse().unwrap();
        for (at, expected) in [
            ("1904-01-01T00:00:00Z", false),
            ("1970-01-01T00:00:05Z", false),
            ("1980-01-06T00:00:00Z", false),
            ("2000-01-01T00:01:00Z", false),
            ("2000-01-02T00:01:00Z", true),
            ("2026-11-23T12:59:00Z", true),
            ("2026-11-23T13:01:00Z", false),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(is_plausible(at, now), expected, "{at}");
        }
    }
}
