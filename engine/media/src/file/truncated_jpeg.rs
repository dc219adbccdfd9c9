//! Detects truncated JPEG files.
//!
//! Decoders silently fill the missing part with grey, so the markers are checked: a whole image has an end marker. Data behind
//! it, which phones append, is ignored.

use std::{fs::File, io::Read, path::Path};

/// Start of image.
const START: u8 = 0xD8;
/// End of image.
const END: u8 = 0xD9;
/// Start of a scan: its header, then pixels.
const SCAN: u8 = 0xDA;

/// True if a file starts as a JPEG image and ends before the image does.
pub(super) fn is_truncated_jpeg(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let is_jpeg = |file: &mut File| {
        let mut first = [0; 2];
        file.read_exact(&mut first).is_ok() && first == [0xFF, START]
    };
    let Ok(mut file) = File::open(path) else {
        return false;
    };
    // An unreadable file was not decoded either.
    is_jpeg(&mut file) && file.read_to_end(&mut bytes).is_ok() && !has_end(&bytes)
}

/// True if the end marker is reached from behind the start marker.
fn has_end(mut bytes: &[u8]) -> bool {
    loop {
        match bytes {
            [0xFF, END, ..] => return true,
            // Fill bytes may precede a marker.
            [0xFF, 0xFF, ..] => bytes = &bytes[1..],
            [0xFF, marker, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                bytes = bytes.get(2 + length..).unwrap_or_default();
                if *marker == SCAN {
                    bytes = after_pixels(bytes);
                }
            }
            _ => return false,
        }
    }
}

/// Returns the bytes behind the pixels of a scan: within them, 0xFF precedes only 0 and restart markers.
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

    /// An image of two scans behind its start marker, with a thumbnail that has an end marker of its own.
    const IMAGE: [u8; 28] = [
        0xFF, 0xE1, 0, 4, 0xFF, END, // a thumbnail
        0xFF, 0xFF, SCAN, 0, 3, 1, 7, 0xFF, 0, 0xFF, 0xD0, 9, // pixels
        0xFF, SCAN, 0, 2, 5, 5, 5, 0xFF, END,
        0xFF, // pixels, the end, and what a phone appends
    ];

    #[test]
    fn a_whole_image_has_an_end_marker() {
        assert!(has_end(&IMAGE));
    }

    #[test]
    fn an_image_truncated_anywhere_has_none() {
        for length in 0..IMAGE.len() - 1 {
            assert!(!has_end(&IMAGE[..length]), "{length} bytes");
        }
    }
}
