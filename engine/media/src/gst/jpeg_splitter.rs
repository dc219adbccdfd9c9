//! Finds JPEG images in a stream of bytes by their own markers.
//!
//! Web cameras separate images by boundaries and announce their lengths, and many get one or the other wrong. The end of a JPEG
//! image can be found in the image itself, so neither is read: whatever stands between two images is skipped, and an image is
//! complete as soon as its last byte is there. Invariant: the bytes that wait are at most one unfinished image.

use std::mem;

/// Start of image; another marker follows it.
const START: [u8; 3] = [0xFF, 0xD8, 0xFF];
/// End of image.
const END_OF_IMAGE: u8 = 0xD9;
/// Start of a scan: its header, then pixels.
const START_OF_SCAN: u8 = 0xDA;
/// The largest image that is waited for, in bytes.
const MAX_IMAGE: usize = 64 << 20;

/// An image, or what is left of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SplitImage {
    /// A whole image.
    Whole(Vec<u8>),
    /// An image that ends before its end marker, or has no valid structure.
    Damaged,
}

/// The outcome of a step of the search.
enum Step {
    /// More bytes are needed.
    Wait,
    /// The next step can be made.
    Go,
    /// An image ended.
    Found(SplitImage),
}

/// The bytes after the last whole image.
#[derive(Default)]
pub(super) struct JpegSplitter {
    /// Begins with the start marker, if `position` is not 0.
    bytes: Vec<u8>,
    /// The place of the next marker, or, within pixels, of the first byte that was not examined; 0 between images.
    position: usize,
    in_pixels: bool,
    /// Number of bytes skipped since the last image.
    skipped: usize,
}

impl JpegSplitter {
    /// Takes the next bytes of the stream; returns the images that end in them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<SplitImage> {
        self.bytes.extend_from_slice(bytes);
        let mut images = Vec::new();
        loop {
            match self.step() {
                Step::Wait => break,
                Step::Go => {}
                Step::Found(image) => images.push(image),
            }
        }
        if self.bytes.len() > MAX_IMAGE {
            self.drop_first(self.bytes.len());
            images.push(SplitImage::Damaged);
        }
        images
    }

    /// Returns the number of bytes skipped since the last image.
    pub(super) fn skipped(&self) -> usize {
        self.skipped
    }

    /// Forgets an unfinished image: the stream ended. Returns it if there was one.
    pub(super) fn finish(&mut self) -> Option<SplitImage> {
        let unfinished = self.position > 0;
        *self = Self::default();
        unfinished.then_some(SplitImage::Damaged)
    }

    fn step(&mut self) -> Step {
        match self.position {
            0 => self.find_start(),
            _ if self.in_pixels => self.skip_pixels(),
            _ => self.read_marker(),
        }
    }

    fn find_start(&mut self) -> Step {
        let found = self.bytes.windows(START.len()).position(|w| w == START);
        let before = found.unwrap_or(self.bytes.len().saturating_sub(START.len() - 1));
        self.drop_first(before);
        self.skipped += before;
        if found.is_none() {
            return Step::Wait;
        }
        self.position = 2;
        Step::Go
    }

    /// Goes to the marker behind the pixels: within them, no byte of a marker but a restart's follows 0xFF.
    fn skip_pixels(&mut self) -> Step {
        let is_marker =
            |pair: &[u8]| pair[0] == 0xFF && matches!(pair[1], 0xC0..=0xCF | 0xD8..=0xFE);
        let rest = &self.bytes[self.position.min(self.bytes.len())..];
        let Some(marker) = rest.windows(2).position(is_marker) else {
            // The last byte may be the first of a marker.
            self.position = self.position.max(self.bytes.len().saturating_sub(1));
            return Step::Wait;
        };
        self.position += marker;
        self.in_pixels = false;
        Step::Go
    }

    fn read_marker(&mut self) -> Step {
        match self.bytes[self.position.min(self.bytes.len())..] {
            []
            | [0xFF]
            | [0xFF, 0xC0..=0xD7 | 0xDA..=0xFE]
            | [0xFF, 0xC0..=0xD7 | 0xDA..=0xFE, _] => {
                return Step::Wait;
            }
            // Fill bytes may precede a marker.
            [0xFF, 0xFF, ..] => self.position += 1,
            [0xFF, END_OF_IMAGE, ..] => return Step::Found(self.take_image()),
            [0xFF, marker @ (0xC0..=0xD7 | 0xDA..=0xFE), high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                self.in_pixels = marker == START_OF_SCAN;
                self.position += 2 + length.max(2);
            }
            // Another image begins within this one, or something else does.
            _ => {
                self.drop_first(self.position);
                return Step::Found(SplitImage::Damaged);
            }
        }
        Step::Go
    }

    fn take_image(&mut self) -> SplitImage {
        let rest = self.bytes.split_off(self.position + 2);
        let image = mem::replace(&mut self.bytes, rest);
        (self.position, self.skipped) = (0, 0);
        SplitImage::Whole(image)
    }

    /// Removes the first bytes, and with them the image that begins there.
    fn drop_first(&mut self, bytes: usize) {
        self.bytes.drain(..bytes);
        (self.position, self.in_pixels) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of two scans, with a thumbnail that has markers of its own.
    const IMAGE: [u8; 32] = [
        0xFF, 0xD8, 0xFF, 0xE1, 0, 6, 0xFF, 0xD8, 0xFF, 0xD9, // a thumbnail
        0xFF, 0xFF, 0xDA, 0, 3, 1, 7, 0xFF, 0, 0xFF, 0xD0, 9, // pixels
        0xFF, 0xDA, 0, 2, 5, 5, 5, 5, 0xFF, 0xD9, // pixels, the end
    ];

    /// Splits a stream that arrives in chunks of this size.
    fn split(stream: &[u8], chunk: usize) -> Vec<SplitImage> {
        let mut splitter = JpegSplitter::default();
        let mut images: Vec<_> = stream
            .chunks(chunk)
            .flat_map(|bytes| splitter.push(bytes))
            .collect();
        images.extend(splitter.finish());
        images
    }

    /// Asserts that all of a stream's images are found, however it is cut into chunks.
    #[track_caller]
    fn assert_split(parts: &[&[u8]], expected: &[SplitImage]) {
        let stream = parts.concat();
        for chunk in 1..=stream.len() {
            assert_eq!(split(&stream, chunk), expected, "chunks of {chunk}");
        }
    }

    fn whole() -> SplitImage {
        SplitImage::Whole(IMAGE.to_vec())
    }

    #[test]
    fn every_form_of_boundary_and_none_separate_images() {
        let headers: [&[u8]; 5] = [
            b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 32\r\n\r\n",
            b"----frame\r\nContent-Length: 99\r\n\r\n",
            b"\r\n\r\n--frame\nX-Time: \xFF\xD8\n\n",
            b"Content-Type: image/jpeg\r\n\r\n",
            b"",
        ];
        for header in headers {
            assert_split(&[header, &IMAGE, header, &IMAGE], &[whole(), whole()]);
        }
    }

    #[test]
    fn an_image_is_there_as_soon_as_its_last_byte_is() {
        let mut splitter = JpegSplitter::default();
        assert_eq!(splitter.push(&IMAGE[..31]), []);
        assert_eq!(splitter.push(&IMAGE[31..]), [whole()]);
    }

    #[test]
    fn an_image_cut_short_is_damaged_and_the_next_one_is_whole() {
        let boundary = b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n";
        for cut in [17, 20, 29, 31] {
            let parts: [&[u8]; 3] = [&IMAGE[..cut], boundary, &IMAGE];
            let images = split(&parts.concat(), 7);
            assert_eq!(images, [SplitImage::Damaged, whole()], "cut at {cut}");
        }
        assert_eq!(split(&IMAGE[..25], 5), [SplitImage::Damaged]);
    }

    #[test]
    fn bytes_without_an_image_are_counted_and_not_kept() {
        let mut splitter = JpegSplitter::default();
        for _ in 0..100 {
            assert_eq!(splitter.push(b"<html>no camera</html>"), []);
        }
        assert!(splitter.skipped() > 2000 && splitter.bytes.len() < 3);
    }
}
