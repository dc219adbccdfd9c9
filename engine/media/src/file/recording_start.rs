//! When a recording began: by its name, as cameras and recorders write it, else by its container.
//!
//! A name tells local time unless it says otherwise; a container tells UTC. What cannot be is not believed: a clock that was
//! never set, or the future.

use std::{
    fs,
    io::{Read, Seek},
    path::Path,
};

use jiff::{
    Span, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};

use super::mp4_boxes::{boxes, bytes_at};

/// When a recording began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingStart {
    /// The moment.
    pub at: Timestamp,
    /// What tells it.
    pub from: StartOrigin,
}

/// What tells when a recording began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOrigin {
    /// The name of the file, or of the folders in which it lies.
    Name,
    /// The container's time of creation.
    Metadata,
}

/// When a recording began, if its name or else its container tells.
pub fn recording_start(path: &Path, zone: &TimeZone) -> Option<RecordingStart> {
    of_name(path, zone).or_else(|| of_metadata(path))
}

/// When a recording began by its name; times are of this zone unless the name says otherwise.
fn of_name(path: &Path, zone: &TimeZone) -> Option<RecordingStart> {
    named(path, zone).and_then(|at| believed(at, StartOrigin::Name, Timestamp::now()))
}

/// When a recording began by its container: MP4, MOV, Matroska, WebM. Nothing if it does not tell, or cannot be read.
fn of_metadata(path: &Path) -> Option<RecordingStart> {
    let mut file = fs::File::open(path).ok()?;
    let at = created(&mut file)?;
    believed(at, StartOrigin::Metadata, Timestamp::now())
}

/// Clocks that were never set begin in 1904, 1970, 1980 or 2000; nobody recorded digital video before.
const FIRST_YEAR: i16 = 1990;

fn believed(at: Timestamp, from: StartOrigin, now: Timestamp) -> Option<RecordingStart> {
    let date = at.to_zoned(TimeZone::UTC).datetime();
    let unset = [(1999, 12, 31), (2000, 1, 1)].contains(&(date.year(), date.month(), date.day()));
    let future = now.checked_add(Span::new().hours(24)).ok()? < at;
    (date.year() >= FIRST_YEAR && !unset && !future).then_some(RecordingStart { at, from })
}

/// The moment that a name tells: date and time in the name of the file, or the date in the names of its folders.
fn named(path: &Path, zone: &TimeZone) -> Option<Timestamp> {
    let name = path.file_name()?.to_str()?;
    let folders = path.parent().and_then(Path::to_str).unwrap_or_default();
    let moment = places(name)
        .find_map(date_and_time)
        .or_else(|| in_folders(folders, name))?;
    match moment.offset {
        Some(offset) => offset.to_timestamp(moment.local).ok(),
        // A time that summer time leaves out is moved forward; of two equal ones it is the first.
        None => {
            let zoned = zone.to_ambiguous_zoned(moment.local).compatible().ok()?;
            Some(zoned.timestamp())
        }
    }
}

/// What a name tells.
#[derive(Clone, Copy, Debug)]
struct Moment {
    local: DateTime,
    offset: Option<Offset>,
}

/// The ends of a text that begin with a number.
fn places(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let bytes = text.as_bytes();
    let begins = |at: usize| at == 0 || !bytes[at - 1].is_ascii_digit();
    let numbers = (0..bytes.len()).filter(move |at| bytes[*at].is_ascii_digit() && begins(*at));
    numbers.map(|at| &text[at..])
}

fn date_and_time(text: &str) -> Option<Moment> {
    let (date, rest) = date(text)?;
    let between = rest.trim_start_matches(['_', '-', 'T', 't', ' ', '.']);
    if rest.len() - between.len() > 1 {
        return None;
    }
    let (time, after) = time(between)?;
    let iso = rest.starts_with(['T', 't']);
    Some(Moment {
        local: date.to_datetime(time),
        offset: offset(after, iso),
    })
}

/// The date from the folders; the time from the name, or the hour from a folder right below and the rest from the name.
fn in_folders(folders: &str, name: &str) -> Option<Moment> {
    // The innermost date counts.
    let (date, below) = places(folders).rev().find_map(date_of_folder)?;
    let within_hour = || {
        let hour = below.strip_prefix('/')?.split('/').next()?;
        let (hour, nothing) = number(hour, 2)?;
        let (minute, rest) = number(name, 2)?;
        let (second, rest) = number(rest.strip_prefix(['.', '-', '_'])?, 2)?;
        let alone = nothing.is_empty() && !rest.starts_with(|c: char| c.is_ascii_digit());
        alone.then(|| clock(hour, minute, second)).flatten()
    };
    let time = time(name).map(|(time, _)| time).or_else(within_hour)?;
    Some(Moment {
        local: date.to_datetime(time),
        offset: None,
    })
}

/// A date, which ends a folder's name.
fn date_of_folder(text: &str) -> Option<(Date, &str)> {
    date(text).filter(|(_, below)| below.is_empty() || below.starts_with('/'))
}

/// `2026-11-22`, `20261122`, `2026/11/22` ... and what follows.
fn date(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = number(text, 4)?;
    let (month, between, rest) = parted(rest, &['-', '_', '.', '/'])?;
    let (day, rest) = match between {
        Some(between) => number(rest.strip_prefix(between)?, 2)?,
        None => number(rest, 2)?,
    };
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    Some((date, rest))
}

/// `14-03-05`, `140305`, `14h03m05`, `140305123` ... and what follows.
fn time(text: &str) -> Option<(Time, &str)> {
    let (hour, rest) = number(text, 2)?;
    let (minute, between, rest) = parted(rest, &['-', '_', '.', ':', 'h'])?;
    let (second, rest) = match between {
        Some('h') => number(rest.strip_prefix('m')?, 2)?,
        Some(between) => number(rest.strip_prefix(between)?, 2)?,
        None => number(rest, 2)?,
    };
    let (nanos, rest) = fraction(rest)?;
    let time = clock(hour, minute, second)?;
    Some((time.with().subsec_nanosecond(nanos).build().ok()?, rest))
}

fn clock(hour: u32, minute: u32, second: u32) -> Option<Time> {
    Time::new(hour as i8, minute as i8, second as i8, 0).ok()
}

/// Two digits, with one of these signs before them or none, and what follows.
fn parted<'t>(text: &'t str, signs: &[char]) -> Option<(u32, Option<char>, &'t str)> {
    let sign = text.chars().next().filter(|sign| signs.contains(sign));
    let (value, rest) = number(&text[sign.map_or(0, char::len_utf8)..], 2)?;
    Some((value, sign, rest))
}

/// Parts of a second, as `123`, `.123` or nothing; neither is a number too long to be that.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let pointed = text.strip_prefix('.').unwrap_or(text);
    let length = pointed.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = pointed.split_at(length);
    match length {
        0 => Some((0, text)),
        3 | 6 | 9 => Some((format!("{digits:0<9}").parse().ok()?, rest)),
        // A number of another kind follows a point.
        _ if pointed.len() < text.len() => Some((0, text)),
        _ => None,
    }
}

/// `Z`, `+0100`, `+01:00`, and after a `T` also `-0500`: elsewhere that may be a number of another kind.
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
    let known = hours <= 14 && minutes % 15 == 0 && minutes < 60;
    let alone = !rest.starts_with(|c: char| c.is_ascii_digit());
    let seconds = sign * (hours * 3600 + minutes * 60) as i32;
    Offset::from_seconds(seconds)
        .ok()
        .filter(|_| known && alone)
}

/// A number of so many digits, and what follows.
fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let written = number.bytes().all(|b| b.is_ascii_digit());
    Some((number.parse().ok().filter(|_| written)?, rest))
}

/// Seconds from 1904, from which MP4 counts, to 1970.
const FROM_1904: i64 = 2_082_844_800;
/// Seconds from 1970 to 2001, from which Matroska counts.
const TO_2001: i64 = 978_307_200;

/// The container's time of creation.
fn created(file: &mut (impl Read + Seek)) -> Option<Timestamp> {
    match bytes_at::<4>(file, 0).ok()? {
        MATROSKA => {
            let nanos = matroska_date(file)?;
            let since = Timestamp::from_second(TO_2001).ok()?;
            since.checked_add(Span::new().nanoseconds(nanos)).ok()
        }
        _ => {
            let seconds = mp4_date(file)?;
            Timestamp::from_second(seconds.checked_sub(FROM_1904)?).ok()
        }
    }
}

/// Seconds since 1904, in the box `mvhd` of the box `moov`.
fn mp4_date(file: &mut (impl Read + Seek)) -> Option<i64> {
    let moov = boxes(file, (0, u64::MAX)).find(|block| &block.kind == b"moov")?;
    let mvhd = boxes(file, moov.body).find(|block| &block.kind == b"mvhd")?;
    let at = mvhd.body.0;
    match bytes_at::<1>(file, at).ok()? {
        [0] => Some(u32::from_be_bytes(bytes_at(file, at + 4).ok()?).into()),
        [1] => i64::try_from(u64::from_be_bytes(bytes_at(file, at + 4).ok()?)).ok(),
        _ => None,
    }
}

const MATROSKA: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_a966;
const DATE_UTC: u64 = 0x4461;
const CLUSTER: u64 = 0x1f43_b675;

/// Nanoseconds since 2001, in the element `DateUTC` of `Info` of `Segment`.
fn matroska_date(file: &mut (impl Read + Seek)) -> Option<i64> {
    let (segment, _) = element(file, 0, SEGMENT)?;
    let (info, _) = element(file, segment, INFO)?;
    let (date, size) = element(file, info, DATE_UTC)?;
    let nanos = i64::from_be_bytes(bytes_at(file, date).ok()?);
    (size == 8).then_some(nanos)
}

/// Where the content of an element begins, and its size; it is sought among those from here on, up to the pictures.
fn element(file: &mut (impl Read + Seek), mut at: u64, wanted: u64) -> Option<(u64, u64)> {
    // No file has as many before its pictures.
    for _ in 0..1000 {
        let (id, length) = variable(file, at, false)?;
        let (size, more) = variable(file, at + length, true)?;
        let content = at + length + more;
        match id {
            _ if id == wanted => return Some((content, size)),
            CLUSTER => return None,
            _ => at = content.checked_add(size)?,
        }
    }
    None
}

/// A number that says by its first bits how many bytes it has, and how many that are.
fn variable(file: &mut (impl Read + Seek), at: u64, marker_off: bool) -> Option<(u64, u64)> {
    let [first] = bytes_at::<1>(file, at).ok()?;
    let length = u64::from(first.leading_zeros()) + 1;
    if length > 8 {
        return None;
    }
    let mut value = match marker_off {
        true => u64::from(first) & ((1 << (8 - length)) - 1),
        false => u64::from(first),
    };
    for n in 1..length {
        let [next] = bytes_at::<1>(file, at + n).ok()?;
        value = value << 8 | u64::from(next);
    }
    Some((value, length))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn told(path: &str) -> Option<String> {
        named(Path::new(path), &berlin()).map(|at| at.to_string())
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
                told(name).as_deref(),
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
            assert_eq!(told(name).as_deref(), expected, "{name}");
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
            assert_eq!(told(name), None, "{name}");
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
            assert_eq!(told(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn does_not_believe_nonsense() {
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
            let begun = believed(at, StartOrigin::Name, now);
            assert_eq!(begun.is_some(), expected, "{at}");
        }
    }

    fn mp4(version: u8, seconds: u64) -> Vec<u8> {
        let mut mvhd = vec![version, 0, 0, 0];
        match version {
            0 => mvhd.extend((seconds as u32).to_be_bytes()),
            _ => mvhd.extend(seconds.to_be_bytes()),
        }
        let boxed = |kind: &[u8; 4], body: &[u8]| {
            [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], body].concat()
        };
        let moov = boxed(b"moov", &boxed(b"mvhd", &mvhd));
        [boxed(b"ftyp", b"isom"), boxed(b"mdat", &[0; 100]), moov].concat()
    }

    fn matroska(nanos: i64) -> Vec<u8> {
        let mut file = vec![0x1a, 0x45, 0xdf, 0xa3, 0x81, 0];
        // A segment of unknown size, something else, then its facts.
        file.extend([
            0x18, 0x53, 0x80, 0x67, 0x01, 255, 255, 255, 255, 255, 255, 255,
        ]);
        file.extend([0xec, 0x82, 0, 0]);
        file.extend([0x15, 0x49, 0xa9, 0x66, 0x8b, 0x44, 0x61, 0x88]);
        file.extend(nanos.to_be_bytes());
        file
    }

    #[test]
    fn reads_the_time_of_creation_of_containers() {
        let of = |bytes: Vec<u8>| created(&mut Cursor::new(bytes)).map(|at| at.to_string());
        let at = "2026-11-22T13:03:05Z".parse::<Timestamp>().unwrap();
        let since_1904 = (at.as_second() + FROM_1904) as u64;
        let expected = Some(at.to_string());
        assert_eq!(of(mp4(0, since_1904)), expected);
        assert_eq!(of(mp4(1, since_1904)), expected);
        assert_eq!(of(mp4(7, since_1904)), None);
        let since_2001 = (at.as_second() - TO_2001) * 1_000_000_000;
        assert_eq!(of(matroska(since_2001)), expected);
        assert_eq!(of(b"RIFF....AVI ".to_vec()), None);
        assert_eq!(of(Vec::new()), None);
    }

    #[test]
    fn survives_files_cut_anywhere() {
        for whole in [mp4(0, 5), mp4(1, u64::MAX), matroska(i64::MAX)] {
            for length in 0..whole.len() {
                let _ = created(&mut Cursor::new(&whole[..length]));
            }
        }
    }
}
