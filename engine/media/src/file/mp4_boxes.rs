//! The boxes of an MP4 file, read one after another.
//!
//! A box says its size and its kind, then what it holds; some hold other boxes. A file that is still being written may end in
//! the middle of one.

use std::io::{self, Read, Seek, SeekFrom};

/// One box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Its four letters.
    pub(super) kind: [u8; 4],
    /// Where in the file what it holds begins and ends.
    pub(super) body: (u64, u64),
}

/// The boxes that begin in a part of a file, until something is none.
pub(super) fn boxes<R: Read + Seek>(file: &mut R, (from, to): (u64, u64)) -> Boxes<'_, R> {
    Boxes { file, at: from, to }
}

pub(super) struct Boxes<'f, R> {
    file: &'f mut R,
    at: u64,
    to: u64,
}

impl<R: Read + Seek> Iterator for Boxes<'_, R> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (block, end) = self.read().ok().flatten()?;
        self.at = end;
        Some(block)
    }
}

impl<R: Read + Seek> Boxes<'_, R> {
    /// The box that begins here, and where it ends.
    fn read(&mut self) -> io::Result<Option<(Block, u64)>> {
        if self.at >= self.to {
            return Ok(None);
        }
        let [a, b, c, d, kind @ ..] = bytes_at::<8>(self.file, self.at)?;
        let (head, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, self.to - self.at),
            1 => (16, u64::from_be_bytes(bytes_at(self.file, self.at + 8)?)),
            size => (8, u64::from(size)),
        };
        let written = |letter: &u8| (b' '..=b'~').contains(letter) || *letter == 0xa9;
        let Some(end) = self.at.checked_add(size) else {
            return Ok(None);
        };
        if size < head || !kind.iter().all(written) {
            return Ok(None);
        }
        let body = (self.at + head, end);
        Ok(Some((Block { kind, body }, end)))
    }
}

/// Some bytes of a file.
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
            .map(|block| block.kind)
            .collect()
    }

    #[test]
    fn reads_boxes_of_all_sizes_up_to_the_end() {
        let mut bytes = b"\0\0\0\x0cftypabcd".to_vec();
        bytes.extend(b"\0\0\0\x01free\0\0\0\0\0\0\0\x10");
        bytes.extend(b"\0\0\0\0mdatwhatever");
        assert_eq!(kinds(&bytes), [*b"ftyp", *b"free", *b"mdat"]);
        let bodies: Vec<_> = boxes(&mut Cursor::new(&bytes), (0, bytes.len() as u64))
            .map(|block| block.body)
            .collect();
        assert_eq!(bodies, [(8, 12), (28, 28), (36, 44)]);
    }

    #[test]
    fn ends_at_what_is_no_box() {
        assert_eq!(kinds(b""), [[0; 4]; 0]);
        assert_eq!(kinds(b"\0\0\0\x07ftyp"), [[0; 4]; 0]);
        assert_eq!(kinds(b"\0\0\0\x08ftyp\0\0\0\x10mo"), [*b"ftyp"]);
        assert_eq!(kinds(b"\0\0\0\x10\0\x01\x02\x03"), [[0; 4]; 0]);
        assert_eq!(kinds(b"\0\0\0\x01hugeThe si"), [*b"huge"; 0]);
    }

    #[test]
    fn never_turns_back() {
        let bytes = b"\0\0\0\x01huge\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x08free";
        assert_eq!(kinds(bytes), [*b"huge"]);
    }
}
