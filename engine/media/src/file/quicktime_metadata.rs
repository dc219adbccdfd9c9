//! Reads what QuickTime and MP4 files say about their start beside the creation time: a date with its offset from UTC, and the
//! camera.
//!
//! The layout is that of Apple's QuickTime File Format: `moov/meta` holds a list of keys and a list of their values. Invariant:
//! a damaged file gives a value or none, never a panic or an endless loop.

use std::io::{Read, Seek};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    filename_time::date_and_time,
    mp4_boxes::{BoxSpan, boxes, bytes_at},
};

const CREATION_DATE: &[u8] = b"com.apple.quicktime.creationdate";
/// No file has more keys.
const MAX_KEYS: u32 = 1000;
/// No value that is read is longer.
const MAX_VALUE: u64 = 256;
/// The firmware of GoPro's cameras that know no time zone and write local time: HERO to HERO9, MAX, HERO10.
const LOCAL_TIME_FIRMWARE: [&[u8]; 3] = [b"HD", b"H19", b"H21"];

/// Returns the date with an offset from UTC that Apple's devices write into the metadata of `moov`.
pub(super) fn creation_date(file: &mut (impl Read + Seek), moov: BoxSpan) -> Option<Timestamp> {
    let direct = boxes(file, moov.body).find(|found| &found.kind == b"meta");
    let meta = match direct {
        Some(meta) => meta,
        None => {
            let user_data = boxes(file, moov.body).find(|found| &found.kind == b"udta")?;
            boxes(file, user_data.body).find(|found| &found.kind == b"meta")?
        }
    };
    let children = (first_child(file, meta)?, meta.body.1);
    let keys = boxes(file, children).find(|found| &found.kind == b"keys")?;
    let list = boxes(file, children).find(|found| &found.kind == b"ilst")?;
    let key = key_number(file, keys)?;
    let text = value_of_key(file, list, key)?;
    let stated = date_and_time(std::str::from_utf8(&text).ok()?)?;
    stated.offset.and_then(|_| stated.moment(&TimeZone::UTC))
}

/// Returns true if the file is of a camera that writes local time where UTC belongs.
pub(super) fn has_local_clock(file: &mut (impl Read + Seek), moov: BoxSpan) -> bool {
    let mut firmware = || {
        let user_data = boxes(file, moov.body).find(|found| &found.kind == b"udta")?;
        let firmware = boxes(file, user_data.body).find(|found| &found.kind == b"FIRM")?;
        read_bytes(file, firmware.body)
    };
    let local = |firmware: &Vec<u8>| {
        let mut local = LOCAL_TIME_FIRMWARE.iter();
        local.any(|prefix| firmware.starts_with(prefix))
    };
    firmware().as_ref().is_some_and(local)
}

/// Returns the position of the first box in `meta`: QuickTime has it at once, MP4 behind a version.
fn first_child(file: &mut (impl Read + Seek), meta: BoxSpan) -> Option<u64> {
    let at = meta.body.0;
    let [.., a, b, c, d] = bytes_at::<8>(file, at).ok()?;
    Some(if [a, b, c, d] == *b"hdlr" { at } else { at + 4 })
}

/// Returns the number of the key of the creation date, counted from 1.
fn key_number(file: &mut (impl Read + Seek), keys: BoxSpan) -> Option<u32> {
    let count = u32::from_be_bytes(bytes_at(file, keys.body.0 + 4).ok()?);
    let mut at = keys.body.0 + 8;
    for number in 1..=count.min(MAX_KEYS) {
        let size = u64::from(u32::from_be_bytes(bytes_at(file, at).ok()?));
        let end = at.checked_add(size).filter(|end| *end <= keys.body.1)?;
        // The size and the namespace of a key stand before its name.
        if read_bytes(file, (at + 8, end))? == CREATION_DATE {
            return Some(number);
        }
        at = end;
    }
    None
}

/// Returns the value of a key: the text in the box `data` of its item.
fn value_of_key(file: &mut (impl Read + Seek), list: BoxSpan, key: u32) -> Option<Vec<u8>> {
    let mut at = list.body.0;
    for _ in 0..MAX_KEYS {
        let size = u64::from(u32::from_be_bytes(bytes_at(file, at).ok()?));
        let end = at.checked_add(size).filter(|end| *end <= list.body.1)?;
        if u32::from_be_bytes(bytes_at(file, at + 4).ok()?) == key {
            let data = boxes(file, (at + 8, end)).find(|found| &found.kind == b"data")?;
            // The type and the language of the value stand before it.
            return read_bytes(file, (data.body.0 + 8, data.body.1));
        }
        at = if size >= 8 { end } else { return None };
    }
    None
}

/// Reads a short part of a file; none if it is too long or reversed.
fn read_bytes(file: &mut (impl Read + Seek), (from, to): (u64, u64)) -> Option<Vec<u8>> {
    let length = to.checked_sub(from).filter(|length| *length <= MAX_VALUE)?;
    (from..from + length)
        .map(|at| bytes_at::<1>(file, at).ok().map(|[byte]| byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes(), &kind[..], body].concat()
    }

    /// A file whose metadata has another key before the creation date; MP4 has four bytes before the boxes of `meta`.
    fn with_creation_date(date: &str, before_boxes: &[u8]) -> Vec<u8> {
        let key = |name: &[u8]| boxed(b"mdta", name);
        let keys = [key(b"com.apple.quicktime.make"), key(CREATION_DATE)].concat();
        let keys = boxed(b"keys", &[&[0, 0, 0, 0, 0, 0, 0, 2][..], &keys].concat());
        let item = |number: u8, text: &str| {
            let data = [&[0, 0, 0, 1, 0, 0, 0, 0][..], text.as_bytes()].concat();
            boxed(&[0, 0, 0, number], &boxed(b"data", &data))
        };
        let list = boxed(b"ilst", &[item(1, "Apple"), item(2, date)].concat());
        let meta = [before_boxes, &boxed(b"hdlr", &[0; 24]), &keys, &list].concat();
        boxed(b"moov", &boxed(b"meta", &meta))
    }

    fn creation_date_of(bytes: &[u8]) -> Option<String> {
        let mut file = Cursor::new(bytes);
        let moov = boxes(&mut file, (0, u64::MAX)).next()?;
        creation_date(&mut file, moov).map(|at| at.to_string())
    }

    #[test]
    fn the_date_that_a_phone_writes_is_read_with_its_offset() {
        let expected = Some("2024-08-03T10:11:12Z".to_owned());
        for date in ["2024-08-03T12:11:12+0200", "2024-08-03T12:11:12+02:00"] {
            for before in [&[][..], &[0; 4]] {
                assert_eq!(
                    creation_date_of(&with_creation_date(date, before)),
                    expected
                );
            }
        }
        // Without an offset it is no better than other times.
        for date in ["2024-08-03T12:11:12", "2024", "", "yesterday"] {
            assert_eq!(
                creation_date_of(&with_creation_date(date, &[])),
                None,
                "{date}"
            );
        }
    }

    #[test]
    fn only_cameras_without_a_time_zone_have_a_local_clock() {
        let local = |firmware: &[u8]| {
            let bytes = boxed(b"moov", &boxed(b"udta", &boxed(b"FIRM", firmware)));
            let mut file = Cursor::new(bytes);
            let moov = boxes(&mut file, (0, u64::MAX)).next().unwrap();
            has_local_clock(&mut file, moov)
        };
        assert!(local(b"HD8.01.01.60.00") && local(b"H21.01.01.46.00"));
        assert!(!local(b"H22.01.01.10.00") && !local(b""));
    }

    #[test]
    fn files_cut_or_damaged_anywhere_cause_no_panic() {
        let whole = with_creation_date("2024-08-03T12:11:12+0200", &[]);
        for at in 0..whole.len() {
            let _ = creation_date_of(&whole[..at]);
            for wrong in [0, 1, 255] {
                let mut damaged = whole.clone();
                damaged[at] = wrong;
                let _ = creation_date_of(&damaged);
            }
        }
    }
}
