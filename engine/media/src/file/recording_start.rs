//! The moment at which a recording started: from its file name, as cameras and recorders write it, or from its container.
//!
//! Times that are certain, because they are UTC or state their offset, go before local times: those are read in the time zone
//! of this machine, which may be another one than the camera's. The date of the file itself is never taken, since copying
//! changes it. Implausible times are ignored: those of a clock that was never set, and the future.

use std::path::Path;

use atom_operators::start_time::{StartOrigin, StartTime};
use jiff::{Span, Timestamp, tz::TimeZone};

use super::{creation_time::ContainerTimes, filename_time::filename_time};

/// No digital video was recorded before. Clocks that were never set start in 1904, 1970 or 1980.
const FIRST_YEAR: i16 = 1990;

/// Returns the moment at which a recording started, if its name or its container gives it. Times without an offset are read in
/// this time zone.
pub fn recording_start(path: &Path, zone: &TimeZone) -> Option<StartTime> {
    let now = Timestamp::now();
    let stated = time_of_name(path, zone)
        .into_iter()
        .chain(times_of_container(ContainerTimes::of_file(path), zone));
    let plausible = stated.filter(|(_, moment)| is_plausible(*moment, now));
    let (origin, moment) = plausible.min_by_key(|(origin, _)| *origin)?;
    Some(StartTime::new(moment, origin))
}

/// Returns the time in a file's name with its origin.
fn time_of_name(path: &Path, zone: &TimeZone) -> Option<(StartOrigin, Timestamp)> {
    let stated = filename_time(path)?;
    let origin = match stated.offset {
        Some(_) => StartOrigin::NameUtc,
        None => StartOrigin::NameLocal,
    };
    Some((origin, stated.moment(zone)?))
}

/// Returns the times of a container with their origins.
fn times_of_container(
    times: ContainerTimes,
    zone: &TimeZone,
) -> impl Iterator<Item = (StartOrigin, Timestamp)> {
    let with_offset = times
        .with_offset
        .map(|moment| (StartOrigin::ContainerOffset, moment));
    let created = times.created.and_then(|moment| {
        if !times.local_clock {
            return Some((StartOrigin::ContainerUtc, moment));
        }
        let local = TimeZone::UTC.to_datetime(moment);
        let zoned = zone.to_ambiguous_zoned(local).compatible().ok()?;
        Some((StartOrigin::ContainerLocal, zoned.timestamp()))
    });
    with_offset.into_iter().chain(created)
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
    fn a_container_with_an_offset_goes_before_one_without_and_a_local_clock_is_read_as_such() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let created = Some(at("2024-08-03T12:11:12Z"));
        let found = |times| -> Vec<(StartOrigin, String)> {
            let times = times_of_container(times, &berlin);
            times
                .map(|(origin, moment)| (origin, moment.to_string()))
                .collect()
        };
        let phone = ContainerTimes {
            with_offset: Some(at("2024-08-03T10:11:12Z")),
            created,
            local_clock: false,
        };
        let earlier = "2024-08-03T10:11:12Z".to_owned();
        assert_eq!(
            found(phone)[0],
            (StartOrigin::ContainerOffset, earlier.clone())
        );
        let camera = ContainerTimes {
            created,
            local_clock: true,
            ..ContainerTimes::default()
        };
        assert_eq!(found(camera), [(StartOrigin::ContainerLocal, earlier)]);
        assert!(found(ContainerTimes::default()).is_empty());
    }

    #[test]
    fn the_name_of_a_pixel_phone_is_utc_in_any_time_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (name, origin, expected) in [
            (
                "PXL_20240803_101112345.mp4",
                StartOrigin::NameUtc,
                "2024-08-03T10:11:12.345Z",
            ),
            (
                "VID_20240803_101112345.mp4",
                StartOrigin::NameLocal,
                "2024-08-03T08:11:12.345Z",
            ),
        ] {
            let start = recording_start(Path::new(name), &berlin).unwrap();
            let moment = Timestamp::from_millisecond(start.utc_ms).unwrap();
            assert_eq!((start.origin, &*moment.to_string()), (origin, expected));
        }
        assert_eq!(
            recording_start(Path::new("VID-20240803-WA0001.mp4"), &berlin),
            None
        );
    }

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
