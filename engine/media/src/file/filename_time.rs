//! Reads the start time of a recording from its file name, or from the names of its folders.
//!
//! Cameras and recorders write many forms; `filename_time/tests.rs` is the table of those that are known. Invariant: a name
//! gives the time that its writer meant, or none. A day without a time of day is no start time, and forms that are read
//! differently in different countries, such as `03-08-2024`, are not read.

mod date_and_time;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, path::Path};

use jiff::{civil::Date, tz::Offset};

pub(super) use date_and_time::{StatedTime, date_and_time};
use date_and_time::{date, number, time, time_of_day};

/// Prefixes directly before the time of writers that always use UTC: the camera of Google's Pixel phones, Zoom's cloud.
const UTC_PREFIXES: [&str; 2] = ["PXL_", "GMT"];
/// Prefixes of names of which only the folder tells the time: those of Zoom.
const NAMES_WITHOUT_TIME: [&str; 2] = ["zoom_0", "video"];
/// A number of hexadecimal digits as long as this is a checksum or an identifier.
const CHECKSUM_DIGITS: usize = 20;

/// Returns the time in a path: date and time in the file name, or the date in the names of its folders.
pub(super) fn filename_time(path: &Path) -> Option<StatedTime> {
    let name = with_plain_spaces(path.file_name()?.to_string_lossy());
    let folders = path.parent().map(Path::to_string_lossy).unwrap_or_default();
    let folders = with_plain_spaces(folders);
    in_text(&name)
        .or_else(|| dashcam_time(&name))
        .or_else(|| from_folders(&folders, &name))
        .or_else(|| from_folder_of_meeting(&folders, &name))
}

/// Replaces the spaces at which no line may break: macOS writes one before AM and PM.
fn with_plain_spaces(text: Cow<str>) -> String {
    text.replace(['\u{a0}', '\u{2009}', '\u{202f}'], " ")
}

/// Returns the first date and time in a text.
fn in_text(text: &str) -> Option<StatedTime> {
    number_starts(text).find_map(|at| {
        let (before, number) = text.split_at(at);
        if is_checksum(before, number) {
            return None;
        }
        let found = date_and_time(number)?;
        let utc = UTC_PREFIXES.iter().any(|prefix| before.ends_with(prefix));
        Some(StatedTime {
            offset: found.offset.or(utc.then_some(Offset::UTC)),
            ..found
        })
    })
}

/// Returns the positions at which a number starts in a text.
fn number_starts(text: &str) -> impl DoubleEndedIterator<Item = usize> {
    let bytes = text.as_bytes();
    let starts = |at: usize| at == 0 || !bytes[at - 1].is_ascii_digit();
    (0..bytes.len()).filter(move |at| bytes[*at].is_ascii_digit() && starts(*at))
}

/// True if a number is part of a long hexadecimal number.
fn is_checksum(before: &str, number: &str) -> bool {
    let ahead = before.bytes().rev();
    let ahead = ahead.take_while(u8::is_ascii_alphanumeric);
    let behind = number.bytes().take_while(u8::is_ascii_alphanumeric);
    let all: Vec<u8> = ahead.chain(behind).collect();
    all.len() >= CHECKSUM_DIGITS
        && all.iter().all(u8::is_ascii_hexdigit)
        && all.iter().any(u8::is_ascii_alphabetic)
}

/// Reads the names of dash cameras that write years of two digits: `240803_101112_001_FH.MP4`, `FILE240803-101112F.MP4`.
fn dashcam_time(name: &str) -> Option<StatedTime> {
    let (digits, separator) = match name.strip_prefix("FILE") {
        Some(digits) => (digits, '-'),
        None => (name, '_'),
    };
    let (day, rest) = digits.split_at_checked(6)?;
    let (time, rest) = time(rest.strip_prefix(separator)?)?;
    let (channel, _) = rest.split_once('.')?;
    let channel = match separator {
        '-' => channel,
        _ => number(channel.strip_prefix('_')?, 3)?.1.strip_prefix('_')?,
    };
    let known = ["F", "R", "FH", "FL", "RH", "RL"].contains(&channel);
    let (date, _) = date(&format!("20{day}")).filter(|_| known)?;
    Some(StatedTime {
        local: date.to_datetime(time),
        offset: None,
    })
}

/// Takes the date from the folders; the time from the name, or the hour from the folder right below the date and the rest from
/// the name.
fn from_folders(folders: &str, name: &str) -> Option<StatedTime> {
    // The innermost date counts.
    let mut numbers = number_starts(folders).rev();
    let (date, below) = numbers.find_map(|at| date_of_folder(&folders[at..]))?;
    let of_name = || {
        // Without a date beside them, numbers with spaces between them are any numbers.
        let (time, _) = time(name).filter(|_| !name[2..].starts_with(' '))?;
        Some(StatedTime {
            local: date.to_datetime(time),
            offset: None,
        })
    };
    of_name().or_else(|| within_hour(date, below, name))
}

/// Reads `14/03.05.mp4` below the folder of a date. With a camera's folder between them it is Frigate's, which uses UTC.
fn within_hour(date: Date, below: &str, name: &str) -> Option<StatedTime> {
    let mut folders = below.strip_prefix('/')?.split('/');
    let (hour, nothing) = number(folders.next()?, 2)?;
    let (minute, rest) = number(name, 2)?;
    let separator = rest
        .chars()
        .next()
        .filter(|c| ['.', '-', '_'].contains(c))?;
    let (second, rest) = number(rest.strip_prefix(separator)?, 2)?;
    let complete = nothing.is_empty() && !rest.starts_with(|c: char| c.is_ascii_digit());
    let time = time_of_day(hour, minute, second).filter(|_| complete)?;
    let frigate = separator == '.' && rest.starts_with('.') && folders.count() == 1;
    Some(StatedTime {
        local: date.to_datetime(time),
        offset: frigate.then_some(Offset::UTC),
    })
}

/// Takes date and time from the folder, for recordings of meetings.
fn from_folder_of_meeting(folders: &str, name: &str) -> Option<StatedTime> {
    let folder = folders.rsplit('/').next()?;
    let mut prefixes = NAMES_WITHOUT_TIME.iter();
    let of_meeting = prefixes.any(|prefix| name.starts_with(prefix));
    of_meeting.then(|| date_and_time(folder)).flatten()
}

/// Reads a date that ends a folder's name.
fn date_of_folder(text: &str) -> Option<(Date, &str)> {
    date(text).filter(|(_, below)| below.is_empty() || below.starts_with('/'))
}
