//! Reads the start time of a recording from its file name, or from the names of its folders.
//!
//! Cameras and recorders write many forms; each is accepted only if the digits around it rule out another kind of number.

use std::path::Path;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

/// Returns the time in a path: date and time in the file name, or the date in the names of its folders.
pub(super) fn filename_time(path: &Path, zone: &TimeZone) -> Option<Timestamp> {
    let name = path.file_name()?.to_str()?;
    let folders = path.parent().and_then(Path::to_str).unwrap_or_default();
    let found = number_suffixes(name)
        .find_map(date_and_time)
        .or_else(|| from_folders(folders, name))?;
    match found.offset {
        Some(offset) => offset.to_timestamp(found.local).ok(),
        // A time skipped by daylight saving is moved forward; of a repeated time it is the first.
        None => {
            let zoned = zone.to_ambiguous_zoned(found.local).compatible().ok()?;
            Some(zoned.timestamp())
        }
    }
}

/// A date and time in a name, with its offset from UTC if the name has one.
#[derive(Clone, Copy, Debug)]
struct NamedTime {
    local: DateTime,
    offset: Option<Offset>,
}

/// Returns the suffixes of a text that start with a number.
fn number_suffixes(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let bytes = text.as_bytes();
    let starts = |at: usize| at == 0 || !bytes[at - 1].is_ascii_digit();
    let numbers = (0..bytes.len()).filter(move |at| bytes[*at].is_ascii_digit() && starts(*at));
    numbers.map(|at| &text[at..])
}

fn date_and_time(text: &str) -> Option<NamedTime> {
    let (date, rest) = date(text)?;
    let after_separator = rest.trim_start_matches(['_', '-', 'T', 't', ' ', '.']);
    if rest.len() - after_separator.len() > 1 {
        return None;
    }
    let (time, after) = time(after_separator)?;
    let iso = rest.starts_with(['T', 't']);
    Some(NamedTime {
        local: date.to_datetime(time),
        offset: offset(after, iso),
    })
}

/// Takes the date from the folders; the time from the name, or the hour from the folder right below the date and the rest from
/// the name.
fn from_folders(folders: &str, name: &str) -> Option<NamedTime> {
    // The innermost date counts.
    let (date, below) = number_suffixes(folders).rev().find_map(date_of_folder)?;
    let within_hour = || {
        let hour = below.strip_prefix('/')?.split('/').next()?;
        let (hour, nothing) = number(hour, 2)?;
        let (minute, rest) = number(name, 2)?;
        let (second, rest) = number(rest.strip_prefix(['.', '-', '_'])?, 2)?;
        let complete = nothing.is_empty() && !rest.starts_with(|c: char| c.is_ascii_digit());
        complete
            .then(|| time_of_day(hour, minute, second))
            .flatten()
    };
    let time = time(name).map(|(time, _)| time).or_else(within_hour)?;
    Some(NamedTime {
        local: date.to_datetime(time),
        offset: None,
    })
}

/// Reads a date that ends a folder's name.
fn date_of_folder(text: &str) -> Option<(Date, &str)> {
    date(text).filter(|(_, below)| below.is_empty() || below.starts_with('/'))
}

/// Reads `2026-11-22`, `20261122`, `2026/11/22` and the like; returns the rest of the text too.
fn date(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = number(text, 4)?;
    let (month, separator, rest) = separated(rest, &['-', '_', '.', '/'])?;
    let (day, rest) = match separator {
        Some(separator) => number(rest.strip_prefix(separator)?, 2)?,
        None => number(rest, 2)?,
    };
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    Some((date, rest))
}

/// Reads `14-03-05`, `140305`, `14h03m05`, `140305123` and the like; returns the rest of the text too.
fn time(text: &str) -> Option<(Time, &str)> {
    let (hour, rest) = number(text, 2)?;
    let (minute, separator, rest) = separated(rest, &['-', '_', '.', ':', 'h'])?;
    let (second, rest) = match separator {
        Some('h') => number(rest.strip_prefix('m')?, 2)?,
        Some(separator) => number(rest.strip_prefix(separator)?, 2)?,
        None => number(rest, 2)?,
    };
    let (nanos, rest) = fraction(rest)?;
    let time = time_of_day(hour, minute, second)?;
    Some((time.with().subsec_nanosecond(nanos).build().ok()?, rest))
}

fn time_of_day(hour: u32, minute: u32, second: u32) -> Option<Time> {
    Time::new(hour as i8, minute as i8, second as i8, 0).ok()
}

/// Reads two digits after one of these separators or none; returns the separator and the rest of the text too.
fn separated<'t>(text: &'t str, separators: &[char]) -> Option<(u32, Option<char>, &'t str)> {
    let separator = text.chars().next().filter(|c| separators.contains(c));
    let (value, rest) = number(&text[separator.map_or(0, char::len_utf8)..], 2)?;
    Some((value, separator, rest))
}

/// Reads a fraction of a second, `123`, `.123` or nothing, in nanoseconds; none if the digits are another kind of number.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let after_point = text.strip_prefix('.').unwrap_or(text);
    let length = after_point.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = after_point.split_at(length);
    match length {
        0 => Some((0, text)),
        3 | 6 | 9 => Some((format!("{digits:0<9}").parse().ok()?, rest)),
        // Another kind of number behind a point.
        _ if after_point.len() < text.len() => Some((0, text)),
        _ => None,
    }
}

/// Reads `Z`, `+0100`, `+01:00`, and behind a `T` also `-0500`: elsewhere a minus may introduce another number.
fn offset(text: &str, iso: bool) -> Option<Offset> {
    if text.starts_with(['Z', 'z']) {
        return Some(Offset::UTC);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' if iso => -1,
        _ => return None,
    };
    let (hours, rest) = number(&text[1..], 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    let plausible = hours <= 14 && minutes % 15 == 0 && minutes < 60;
    let complete = !rest.starts_with(|c: char| c.is_ascii_digit());
    let seconds = sign * (hours * 3600 + minutes * 60) as i32;
    Offset::from_seconds(seconds)
        .ok()
        .filter(|_| plausible && complete)
}

/// Reads a number of exactly this many digits; returns the rest of the text too.
fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let all_digits = number.bytes().all(|b| b.is_ascii_digit());
    Some((number.parse().ok().filter(|_| all_digits)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<String> {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        filename_time(Path::new(path), &berlin).map(|at| at.to_string())
    }

    #[test]
    fn reads_the_names_that_cameras_and_recorders_write() {
        // November in Berlin is an hour ahead of UTC.
        for name in [
            "2026-11-22_14-03-05.mp4",
            "20261122_140305.mp4",
            "20261122140305.mp4",
            "20261122T130305Z.mkv",
            "2026-11-22T14-03-05+0100.mp4",
            "2026-11-22T08:03:05-05:00.mp4",
            "2026-11-22 14.03.05.mp4",
            "2026-11-22 14.03.05",
            "2026_11_22_14_03_05.avi",
            "2026.11.22-14h03m05s.ts",
            "door-20261122-140305.mp4",
            "cam12_20261122_140305.mp4",
            "192.168.1.64_01_20261122140305.mp4",
            "20261122140305_20261122141305.mp4",
            "20261122_140305-20261122_141305.mp4",
            "2026-11-22_14-03-05-0001.mp4",
            "2026-11-22_14-03-05.0001.mp4",
            "/video/2026-11-22/14-03-05.mp4",
            "/video/2026-11-22/14.03.05-14.13.05[M][0@0][0].mp4",
            "/video/2026-11-22/door/140305.mp4",
            "2026/11/22/14-03-05.mp4",
            "20261122/140305.mp4",
            "2026-11-22/14/03.05.mp4",
            "recordings/2026-11-22/14/door/03.05.mp4",
            "2020-01-01/2026-11-22/14/03-05.mp4",
            "Aufnahme äöü 2026-11-22 14-03-05.mp4",
        ] {
            assert_eq!(
                read(name).as_deref(),
                Some("2026-11-22T13:03:05Z"),
                "{name}"
            );
        }
    }

    #[test]
    fn reads_parts_of_a_second() {
        for name in [
            "VID_20261122_140305123.mp4",
            "2026-11-22T14-03-05.123+0100.mp4",
            "20261122T130305.123Z.mp4",
        ] {
            let expected = Some("2026-11-22T13:03:05.123Z");
            assert_eq!(read(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn takes_no_other_number_for_a_time() {
        for name in [
            "holiday.mp4",
            "",
            "/",
            "2026-11-22.mp4",
            "20261122.mp4",
            "2026-13-22_14-03-05.mp4",
            "2026-02-30_14-03-05.mp4",
            "2026-11-22_24-03-05.mp4",
            "2026-11-22_14-60-05.mp4",
            "2026-11-22_14-03.mp4",
            "2026-11-22 at 2.03.05 PM.mov",
            "2026-11-22__14-03-05.mp4",
            "2026-1122_140305.mp4",
            "1202611221403059.mp4",
            "20261122_14030512345.mp4",
            "14-03-05.mp4",
            "2026-11-22/03.05.mp4",
            "2026-11-22/door/03.05.mp4",
            "2026-11-22/25/03.05.mp4",
            "2026-11-22/14/03.05.07.08x/03.mp4",
            "2026-11-22b/14-03-05.mp4",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn resolves_times_that_summer_time_leaves_out_or_repeats() {
        for (name, expected) in [
            ("2026-07-01_12-00-00.mp4", "2026-07-01T10:00:00Z"),
            // 02:30 does not exist: it is read as 03:30.
            ("2026-03-29_02-30-00.mp4", "2026-03-29T01:30:00Z"),
            // 02:30 exists twice: it is the first, still in summer time.
            ("2026-10-25_02-30-00.mp4", "2026-10-25T00:30:00Z"),
            ("2026-10-25T02-30-00+0100.mp4", "2026-10-25T01:30:00Z"),
        ] {
            assert_eq!(read(name).as_deref(), Some(expected), "{name}");
        }
    }
}
