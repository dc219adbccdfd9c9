//! Reads the times that a container states: MP4, MOV, Matroska, WebM.
//!
//! Only the few bytes on the way to the time are read, so it costs the same for files of any size. Invariant: a file that is
//! cut anywhere, or damaged, gives a time or none, never a panic.

use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
};

use jiff::{Span, Timestamp};

use super::{
    mp4_boxes::{BoxSpan, boxes, bytes_at},
    quicktime_metadata::{creation_date, has_local_clock},
};

/// Seconds from 1904, from which MP4 counts, to 1970.
const FROM_1904: i64 = 2_082_844_800;
/// Seconds from 1970 to 2001, from which Matroska counts.
const TO_2001: i64 = 978_307_200;

/// The times that a container states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ContainerTimes {
    /// The date with an offset from UTC, if it has one.
    pub(super) with_offset: Option<Timestamp>,
    /// The creation time, if it has one; UTC.
    pub(super) created: Option<Timestamp>,
    /// True if the creation time is local time nevertheless.
    pub(super) local_clock: bool,
}

impl ContainerTimes {
    /// Reads the times of a file; none if its container has none, or it cannot be read.
    pub(super) fn of_file(path: &Path) -> Self {
        let file = File::open(path).ok();
        file.and_then(|mut file| Self::read(&mut file))
            .unwrap_or_default()
    }

    fn read(file: &mut (impl Read + Seek)) -> Option<Self> {
        if bytes_at::<4>(file, 0).ok()? == EBML {
            return Some(Self {
                created: matroska_time(file),
                ..Self::default()
            });
        }
        let moov = boxes(file, (0, u64::MAX)).find(|found| &found.kind == b"moov")?;
        Some(Self {
            with_offset: creation_date(file, moov),
            created: mp4_time(file, moov),
            local_clock: has_local_clock(file, moov),
        })
    }
}

/// Reads the creation time from the box `mvhd`: seconds since 1904.
fn mp4_time(file: &mut (impl Read + Seek), moov: BoxSpan) -> Option<Timestamp> {
    let mvhd = boxes(file, moov.body).find(|found| &found.kind == b"mvhd")?;
    let at = mvhd.body.0;
    let seconds = match bytes_at::<1>(file, at).ok()? {
        [0] => u32::from_be_bytes(bytes_at(file, at + 4).ok()?).into(),
        [1] => i64::try_from(u64::from_be_bytes(bytes_at(file, at + 4).ok()?)).ok()?,
        _ => return None,
    };
    Timestamp::from_second(seconds.checked_sub(FROM_1904)?).ok()
}

/// The identifier with which every Matroska file starts.
const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_a966;
const DATE_UTC: u64 = 0x4461;
const CLUSTER: u64 = 0x1f43_b675;
/// No file has more elements before its frames.
const MAX_ELEMENTS: usize = 1000;

/// Reads the creation time from the element `DateUTC` of `Info` of `Segment`: nanoseconds since 2001.
fn matroska_time(file: &mut (impl Read + Seek)) -> Option<Timestamp> {
    let (segment, _) = find_element(file, 0, SEGMENT)?;
    let (info, _) = find_element(file, segment, INFO)?;
    let (date, size) = find_element(file, info, DATE_UTC)?;
    let nanos = i64::from_be_bytes(bytes_at(file, date).ok()?);
    let epoch = Timestamp::from_second(TO_2001).ok()?;
    let time = epoch.checked_add(Span::new().nanoseconds(nanos)).ok();
    time.filter(|_| size == 8)
}

/// Returns the position and size of the content of the first such element from here on, before the frames.
fn find_element(file: &mut (impl Read + Seek), mut at: u64, wanted: u64) -> Option<(u64, u64)> {
    for _ in 0..MAX_ELEMENTS {
        let (id, id_length) = variable_int(file, at, false)?;
        let (size, size_length) = variable_int(file, at + id_length, true)?;
        let content = at + id_length + size_length;
        match id {
            _ if id == wanted => return Some((content, size)),
            CLUSTER => return None,
            _ => at = content.checked_add(size)?,
        }
    }
    None
}

/// Reads a number whose first bits give its length; returns the number and its length in bytes.
fn variable_int(file: &mut (impl Read + Seek), at: u64, strip_marker: bool) -> Option<(u64, u64)> {
    let [first] = bytes_at::<1>(file, at).ok()?;
    let length = u64::from(first.leading_zeros()) + 1;
    if length > 8 {
        return None;
    }
    let mut value = match strip_marker {
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
        // A segment of unknown size, another element, then its information.
        file.extend([
            0x18, 0x53, 0x80, 0x67, 0x01, 255, 255, 255, 255, 255, 255, 255,
        ]);
        file.extend([0xec, 0x82, 0, 0]);
        file.extend([0x15, 0x49, 0xa9, 0x66, 0x8b, 0x44, 0x61, 0x88]);
        file.extend(nanos.to_be_bytes());
        file
    }

    #[test]
    fn reads_the_creation_time_of_each_container() {
        let of = |bytes: Vec<u8>| {
            let times = ContainerTimes::read(&mut Cursor::new(bytes))?;
            times.created.map(|at| at.to_string())
        };
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
    fn files_cut_anywhere_cause_no_panic() {
        for whole in [mp4(0, 5), mp4(1, u64::MAX), matroska(i64::MAX)] {
            for length in 0..whole.len() {
                let _ = ContainerTimes::read(&mut Cursor::new(&whole[..length]));
            }
        }
    }
}
