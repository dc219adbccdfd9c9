//! The boxes of an MP4 file (ISO/IEC 14496-12), read one after another.
//!
//! A box starts with its size and its kind; some contain other boxes. A file that is still being written may end in the middle
//! of one. Invariant: the iterator always moves forward, whatever sizes the file gives.

use std::io::{self, Read, Seek, SeekFrom};

/// The position of one box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BoxSpan {
    /// Its four-character code.
    pub(super) kind: [u8; 4],
    /// First byte of its content in the file, and the first one after it.
    pub(super) body: (u64, u64),
}

/// Returns the boxes that start in a part of a file, up to the first thing that is no box.
pub(super) fn boxes<R: Read + Seek>(file: &mut R, (from, to): (u64, u64)) -> Boxes<'_, R> {
    Boxes { file, at: from, to }
}

/// Iterator over the boxes of a part of a file.
pub(super) struct Boxes<'f, R> {
    file: &'f mut R,
    at: u64,
    to: u64,
}

impl<R: Read + Seek> Iterator for Boxes<'_, R> {
    type Item = BoxSpan;

    fn next(&mut self) -> Option<BoxSpan> {
        let found = self.read().ok().flatten()?;
        self.at = found.body.1;
        Some(found)
    }
}

impl<R: Read + Seek> Boxes<'_, R> {
    /// Reads the header of the box that starts here.
    fn read(&mut self) -> io::Result<Option<BoxSpan>> {
        if self.at >= self.to {
            return Ok(None);
        }
        let [a, b, c, d, kind @ ..] = bytes_at::<8>(self.file, self.at)?;
        let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, self.to - self.at),
            1 => (16, u64::from_be_bytes(bytes_at(self.file, self.at + 8)?)),
            size => (8, u64::from(size)),
        };
        let printable = |letter: &u8| (b' '..=b'~').contains(letter) || *letter == 0xa9;
        let Some(end) = self.at.checked_add(size) else {
            return Ok(None);
        };
        if size < header || !kind.iter().all(printable) {
            return Ok(None);
        }
        Ok(Some(BoxSpan {
            kind,
            body: (self.at + header, end),
        }))
    }
}

/// Reads bytes at a position of a file.
pub(super) fn bytes_at<const N: usize>(
    file: &mut (impl Read + Seek),
    at: u64,
) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn kinds(bytes: &[u8]) -> Vec<[u8; 4]> {
        let all = (0, bytes.len() as u64);
        boxes(&mut Cursor::new(bytes), all)
            .map(|found| found.kind)
            .collect()
    }

    #[test]
    fn reads_boxes_of_all_sizes_up_to_the_end() {
        let mut bytes = b"\0\0\0\x0cftypabcd".to_vec();
        bytes.extend(b"\0\0\0\x01free\0\0\0\0\0\0\0\x10");
        bytes.extend(b"\0\0\0\0mdatwhatever");
        assert_eq!(kinds(&bytes), [*b"ftyp", *b"free", *b"mdat"]);
        let bodies: Vec<_> = boxes(&mut Cursor::new(&bytes), (0, bytes.len() as u64))
            .map(|found| found.body)
            .collect();
        assert_eq!(bodies, [(8, 12), (28, 28), (36, 44)]);
    }

    #[test]
    fn ends_at_the_first_thing_that_is_no_box() {
        assert_eq!(kinds(b""), [[0; 4]; 0]);
        assert_eq!(kinds(b"\0\0\0\x07ftyp"), [[0; 4]; 0]);
        assert_eq!(kinds(b"\0\0\0\x08ftyp\0\0\0\x10mo"), [*b"ftyp"]);
        assert_eq!(kinds(b"\0\0\0\x10\0\x01\x02\x03"), [[0; 4]; 0]);
        assert_eq!(kinds(b"\0\0\0\x01hugeThe si"), [*b"huge"; 0]);
    }

    #[test]
    fn never_moves_backwards() {
        let bytes = b"\0\0\0\x01huge\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x08free";
        assert_eq!(kinds(bytes), [*b"huge"]);
    }
}
