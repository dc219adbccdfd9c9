//! Sees whether a JPEG picture is all there.
//!
//! Decoders fill up what is missing of one with grey and say nothing, so the bytes are asked: a whole picture has its end
//! marker. What comes after that, as phones append, is not looked at.

use std::{fs::File, io::Read, path::Path};

/// Marks that begin and end a picture, and that its pixels follow.
const START: u8 = 0xD8;
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;

/// Whether a file begins as a JPEG picture and ends before its picture does.
pub(super) fn cut_short(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let begins = |file: &mut File| {
        let mut first = [0; 2];
        file.read_exact(&mut first).is_ok() && first == [0xFF, START]
    };
    let Ok(mut file) = File::open(path) else {
        return false;
    };
    // What cannot be read here could not be decoded either.
    begins(&mut file) && file.read_to_end(&mut bytes).is_ok() && !has_end(&bytes)
}

/// Whether the end marker is reached from behind the start marker.
fn has_end(mut bytes: &[u8]) -> bool {
    loop {
        match bytes {
            [0xFF, END, ..] => return true,
            // Fill bytes may stand before a marker.
            [0xFF, 0xFF, ..] => bytes = &bytes[1..],
            [0xFF, mark, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                bytes = bytes.get(2 + length..).unwrap_or_default();
                if *mark == SCAN {
                    bytes = after_pixels(bytes);
                }
            }
            _ => return false,
        }
    }
}

/// What follows the pixels of a scan: in them, 0xFF comes before 0 and before marks of restart only.
fn after_pixels(bytes: &[u8]) -> &[u8] {
    let marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7 | 0xFF);
    match bytes.windows(2).position(marker) {
        Some(at) => &bytes[at..],
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of two scans behind its start marker, with a thumbnail that has an end marker of its own.
    const PICTURE: [u8; 28] = [
        0xFF, 0xE1, 0, 4, 0xFF, END, // a thumbnail
        0xFF, 0xFF, SCAN, 0, 3, 1, 7, 0xFF, 0, 0xFF, 0xD0, 9, // pixels
        0xFF, SCAN, 0, 2, 5, 5, 5, 0xFF, END,
        0xFF, // pixels, the end, and what a phone appends
    ];

    #[test]
    fn a_whole_picture_has_its_end() {
        assert!(has_end(&PICTURE));
    }

    #[test]
    fn a_picture_cut_anywhere_has_none() {
        for length in 0..PICTURE.len() - 1 {
            assert!(!has_end(&PICTURE[..length]), "{length} bytes");
        }
    }
}
