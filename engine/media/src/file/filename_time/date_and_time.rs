//! Reads a date, a time of day and an offset from UTC at the beginning of a text.
//!
//! Invariant: digits are taken for a date or time only if the digits around them rule out another kind of number.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

/// Years that a date may have.
const YEARS: std::ops::Range<u32> = 1970..2100;
/// Texts that may stand between date and time beside a single separator. Screen recorders write "at" in the user's language; the
/// accents of macOS are characters of their own.
const CONNECTORS: [&str; 19] = [
    " - ",
    ", ",
    "--",
    " at ",
    "_at_",
    " um ",
    " om ",
    " kl. ",
    " kl ",
    " klo ",
    " alle ore ",
    " alle ",
    " a las ",
    " a la(s) ",
    " à ",
    " a\u{300} ",
    " às ",
    " a\u{300}s ",
    " в ",
];

/// A date and time in a text, with its offset from UTC if the text has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::file) struct StatedTime {
    pub(in crate::file) local: DateTime,
    pub(in crate::file) offset: Option<Offset>,
}

impl StatedTime {
    /// Returns the moment. Without an offset it is local time: a time skipped by daylight saving is moved forward, and of a
    /// repeated time it is the first.
    pub(in crate::file) fn moment(&self, zone: &TimeZone) -> Option<Timestamp> {
        match self.offset {
            Some(offset) => offset.to_timestamp(self.local).ok(),
            None => {
                let zoned = zone.to_ambiguous_zoned(self.local).compatible().ok()?;
                Some(zoned.timestamp())
            }
        }
    }
}

/// Reads a date and time, such as `2024-08-03T10-11-12Z`, `20240803_101112` or `2024-08-03 at 10.11.12 AM`.
pub(in crate::file) fn date_and_time(text: &str) -> Option<StatedTime> {
    let (date, rest) = date(text)?;
    let (time, after) = time(after_connector(rest))?;
    Some(StatedTime {
        local: date.to_datetime(time),
        offset: offset(after, rest.starts_with(['T', 't'])),
    })
}

fn after_connector(rest: &str) -> &str {
    let connector = CONNECTORS.iter().find_map(|word| rest.strip_prefix(word));
    let single = || rest.strip_prefix(['_', '-', 'T', 't', ' ', '.']);
    connector.or_else(single).unwrap_or(rest)
}

/// Reads `2026-11-22`, `20261122`, `2026/11/22`, `2026_1122` and the like; returns the rest of the text too.
pub(super) fn date(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = number(text, 4)?;
    let (month, separator, rest) = separated(rest, &['-', '_', '.', '/'])?;
    let (day, rest) = match separator {
        None => number(rest, 2)?,
        Some(separator) => match rest.strip_prefix(separator) {
            Some(rest) => number(rest, 2)?,
            // Viofo's cameras write `2026_1122_140305`.
            None => {
                number(rest, 2).filter(|(_, rest)| separator == '_' && rest.starts_with('_'))?
            }
        },
    };
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    YEARS.contains(&year).then_some((date, rest))
}

/// Reads `14-03-05`, `140305`, `14h03m05`, `140305123`, `2.03.05 PM` and the like; returns the rest of the text too.
pub(super) fn time(text: &str) -> Option<(Time, &str)> {
    let one_digit = || number(text, 1).filter(|(_, rest)| rest.starts_with(['.', '_', '-', ':']));
    let two_digits = number(text, 2);
    let (hour, rest) = two_digits.or_else(one_digit)?;
    let (minute, separator, rest) = separated(rest, &['-', '_', '.', ':', 'h', ' '])?;
    let (second, rest) = match separator {
        Some('h') => number(rest.strip_prefix('m')?, 2)?,
        Some(separator) => number(rest.strip_prefix(separator)?, 2)?,
        None => number(rest, 2)?,
    };
    let (nanos, rest) = fraction(rest)?;
    let (hour, rest) = match half_of_day(hour, rest) {
        Some(read) => read,
        // One digit is the hour of a clock of twelve hours.
        None => two_digits.map(|(hour, _)| (hour, rest))?,
    };
    let time = time_of_day(hour, minute, second)?;
    Some((time.with().subsec_nanosecond(nanos).build().ok()?, rest))
}

/// Creates a time of day; none if there is no such time.
pub(super) fn time_of_day(hour: u32, minute: u32, second: u32) -> Option<Time> {
    Time::new(hour as i8, minute as i8, second as i8, 0).ok()
}

/// Reads AM or PM behind a time; returns the hour of the day and the rest of the text.
fn half_of_day(hour: u32, text: &str) -> Option<(u32, &str)> {
    let text = text.strip_prefix(' ').unwrap_or(text);
    let half = |words: [&str; 2]| words.into_iter().find_map(|word| prefix_word(text, word));
    let (add, rest) = match half(["AM", "A.M."]) {
        Some(rest) => (0, rest),
        None => (12, half(["PM", "P.M."])?),
    };
    // Hours outside of this range are hours of the day already.
    (1..=12).contains(&hour).then_some((hour % 12 + add, rest))
}

/// Returns the text behind a word, in capitals or not, that no letter or digit follows.
fn prefix_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (first, rest) = text.split_at_checked(word.len())?;
    let ends = !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
    (first.eq_ignore_ascii_case(word) && ends).then_some(rest)
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

/// Reads `Z`, `UTC`, `GMT+2`, `+0100`, `+01:00`, and behind a `T` also `-0500`: elsewhere a minus may introduce another number.
fn offset(text: &str, iso: bool) -> Option<Offset> {
    let after_space = text.strip_prefix([' ', '_']).unwrap_or(text);
    let zone = after_space.get(..3).unwrap_or_default();
    if zone.eq_ignore_ascii_case("UTC") || zone.eq_ignore_ascii_case("GMT") {
        let rest = &after_space[3..];
        let ends = !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        return signed_offset(rest, 1).or(ends.then_some(Offset::UTC));
    }
    match text.chars().next()? {
        'Z' | 'z' => prefix_word(text, "Z").map(|_| Offset::UTC),
        '+' => signed_offset(text, 2),
        '-' if iso => signed_offset(text, 2),
        _ => None,
    }
}

/// Reads `+0100`, `+01:00`, or with fewer digits `+1`, `+5:30`.
fn signed_offset(text: &str, fewest_digits: usize) -> Option<Offset> {
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let one_digit = || number(&text[1..], 1).filter(|_| fewest_digits == 1);
    let (hours, rest) = number(&text[1..], 2).or_else(one_digit)?;
    let minutes = number(rest.strip_prefix(':').unwrap_or(rest), 2);
    let (minutes, rest) = match minutes {
        Some(minutes) => minutes,
        None => Some((0, rest)).filter(|_| fewest_digits == 1)?,
    };
    let plausible = hours <= 14 && minutes % 15 == 0 && minutes < 60;
    let complete = !rest.starts_with(|c: char| c.is_ascii_digit());
    let seconds = sign * (hours * 3600 + minutes * 60) as i32;
    Offset::from_seconds(seconds)
        .ok()
        .filter(|_| plausible && complete)
}

/// Reads a number of exactly this many digits; returns the rest of the text too.
pub(super) fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let all_digits = number.bytes().all(|b| b.is_ascii_digit());
    Some((number.parse().ok().filter(|_| all_digits)?, rest))
}
