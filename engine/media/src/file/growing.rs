//! Recordings that are still being written: what they hold so far, and whether they can be played already.
//!
//! All of it is told from the file alone. What a file holds is told by its size and a hash of some parts of it, so that it
//! costs the same for a recording of a minute and of a day.

use std::{
    fmt, fs,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    str::FromStr,
};

use sha2::{Digest, Sha256};

use super::mp4_boxes::boxes;
use crate::error::MediaError;

/// So much of the beginning, the middle and the end of a file is hashed.
const PART: u64 = 64 << 10;

/// What a file holds, as far as its size and some of its parts tell. Written as `SIZE-HASH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentDigest {
    /// In bytes.
    pub size: u64,
    /// 32 hexadecimal digits.
    pub hash: String,
}

impl ContentDigest {
    /// What a file holds now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_file(path: &Path) -> Result<Self, MediaError> {
        let read = || {
            let mut file = fs::File::open(path)?;
            let size = file.metadata()?.len();
            hashed(&mut file, size)
        };
        read().map_err(|error| unreadable(path, &error))
    }

    /// What its first `size` bytes hold; nothing if it has fewer. A file has grown if its first bytes hold what all of it
    /// held before.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_prefix(path: &Path, size: u64) -> Result<Option<Self>, MediaError> {
        let read = || {
            let mut file = fs::File::open(path)?;
            match file.metadata()?.len() >= size {
                true => hashed(&mut file, size).map(Some),
                false => Ok(None),
            }
        };
        read().map_err(|error| unreadable(path, &error))
    }
}

/// The hash of the size, and of the parts of a file within that size: all of it if it is small.
fn hashed(file: &mut (impl Read + Seek), size: u64) -> io::Result<ContentDigest> {
    let parts = match size <= 3 * PART {
        true => vec![(0, size)],
        false => vec![(0, PART), ((size - PART) / 2, PART), (size - PART, PART)],
    };
    let mut hash = Sha256::new();
    hash.update(size.to_be_bytes());
    for (from, length) in parts {
        let mut part = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(length).read_to_end(&mut part)?;
        if (part.len() as u64) < length {
            // It was cut while it was read.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&part);
    }
    let hash = hash.finalize();
    let digits = hash[..16].iter().map(|byte| format!("{byte:02x}"));
    Ok(ContentDigest {
        size,
        hash: digits.collect(),
    })
}

fn unreadable(path: &Path, error: &io::Error) -> MediaError {
    MediaError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.size, self.hash)
    }
}

/// A text that tells no content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} tells no content of a file; expected its size, a hyphen and 32 hexadecimal digits")]
pub struct InvalidDigest(String);

impl FromStr for ContentDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let wrong = || InvalidDigest(text.to_owned());
        let (size, hash) = text.split_once('-').ok_or_else(wrong)?;
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hash.len() != 32 || !hash.bytes().all(digit) {
            return Err(wrong());
        }
        Ok(Self {
            size: size.parse().map_err(|_| wrong())?,
            hash: hash.to_owned(),
        })
    }
}

/// Kinds of files, by whether they can be played before they are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// A transport stream, of packets that each say what they are.
    MpegTs,
    /// An MP4 in fragments, each with its own index.
    FragmentedMp4,
    /// Anything else: its index may come at the very end.
    Other,
}

impl ContainerKind {
    /// The kind of a file, by its first bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn sniff(path: &Path) -> Result<Self, MediaError> {
        let read = || {
            let mut file = fs::File::open(path)?;
            let size = file.metadata()?.len();
            let mut first = Vec::new();
            file.by_ref().take(SNIFFED).read_to_end(&mut first)?;
            Ok(match () {
                () if in_packets(&first, 188) || in_packets(&first, 192) => Self::MpegTs,
                () if in_fragments(&mut file, size) => Self::FragmentedMp4,
                () => Self::Other,
            })
        };
        read().map_err(|error| unreadable(path, &error))
    }

    /// Whether such a file can be played while it grows.
    pub fn playable_while_growing(self) -> bool {
        self != Self::Other
    }
}

/// So many packets in a row are no accident.
const PACKETS: usize = 8;
/// Enough for those, wherever the first of them begins.
const SNIFFED: u64 = 192 * (PACKETS as u64 + 1);

/// Whether there is the mark of a packet every so many bytes: at least twice, in a file that is hardly begun.
fn in_packets(first: &[u8], length: usize) -> bool {
    (0..length).any(|from| {
        let marks = || first.iter().skip(from).step_by(length).take(PACKETS);
        let enough = PACKETS.min(first.len() / length).max(2);
        marks().count() >= enough && marks().all(|mark| *mark == 0x47)
    })
}

fn in_fragments(file: &mut fs::File, size: u64) -> bool {
    let known = [b"ftyp", b"styp", b"sidx", b"free", b"skip", b"uuid"];
    let mut all = boxes(file, (0, size));
    let decisive = all.find(|block| !known.contains(&&block.kind));
    match decisive {
        Some(block) if &block.kind == b"moof" => true,
        Some(block) if &block.kind == b"moov" => {
            let body = (block.body.0, block.body.1.min(size));
            boxes(file, body).any(|inner| &inner.kind == b"mvex")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        file
    }

    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n * n / 7 + n) as u8).collect()
    }

    #[test]
    fn tells_a_file_that_grew_from_another_one() {
        for size in [0, 1, 1000, 3 * 65536, 3 * 65536 + 1, 1_000_000] {
            let before = ContentDigest::of_file(file(&noise(size)).path()).unwrap();
            assert_eq!(before.size, size as u64);
            let grown = file(&noise(size + 5000));
            let first = ContentDigest::of_prefix(grown.path(), before.size).unwrap();
            assert_eq!(first, Some(before.clone()));
            assert_ne!(ContentDigest::of_file(grown.path()).unwrap(), before);
            let longer = ContentDigest::of_prefix(grown.path(), size as u64 + 5001).unwrap();
            assert_eq!(longer, None);
        }
    }

    #[test]
    fn sees_changes_at_the_beginning_in_the_middle_and_at_the_end() {
        let bytes = noise(1_000_000);
        let content = ContentDigest::of_file(file(&bytes).path()).unwrap();
        for changed in [0, 500_000, 999_999] {
            let mut bytes = bytes.clone();
            bytes[changed] ^= 1;
            assert_ne!(
                ContentDigest::of_file(file(&bytes).path()).unwrap(),
                content
            );
        }
    }

    #[test]
    fn content_is_written_and_read() {
        let content = ContentDigest::of_file(file(&noise(1000)).path()).unwrap();
        assert_eq!(content.to_string().parse(), Ok(content.clone()));
        assert!(content.to_string().starts_with("1000-"));
        for wrong in ["", "12", "x-0", "-", "12-zz", &format!("{content}0")] {
            assert!(wrong.parse::<ContentDigest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_the_file_that_cannot_be_read() {
        let said = ContentDigest::of_file(Path::new("/nowhere/a.mp4")).unwrap_err();
        assert!(said.to_string().contains("/nowhere/a.mp4"));
    }

    #[track_caller]
    fn sniffed(bytes: &[u8], expected: ContainerKind) {
        assert_eq!(ContainerKind::sniff(file(bytes).path()).unwrap(), expected);
    }

    fn packets(count: usize, before: usize, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; before];
        for _ in 0..count {
            let at = bytes.len();
            bytes.resize(at + length, 9);
            bytes[at + length - 188] = 0x47;
        }
        bytes
    }

    #[test]
    fn knows_transport_streams() {
        sniffed(&packets(100, 0, 188), ContainerKind::MpegTs);
        sniffed(&packets(100, 0, 192), ContainerKind::MpegTs);
        sniffed(&packets(100, 50, 188), ContainerKind::MpegTs);
        sniffed(&packets(3, 0, 188), ContainerKind::MpegTs);
        sniffed(&packets(1, 0, 188), ContainerKind::Other);
        sniffed(&noise(10_000), ContainerKind::Other);
        sniffed(b"GGGG", ContainerKind::Other);
        sniffed(b"", ContainerKind::Other);
    }

    #[test]
    fn knows_an_mp4_in_fragments() {
        let begun = b"\0\0\0\x0cftypisom".to_vec();
        let moov = |inner: &[u8; 4]| [b"\0\0\0\x10moov\0\0\0\x08", &inner[..]].concat();
        let with = |more: &[u8]| [&begun, more].concat();
        sniffed(&with(&moov(b"mvex")), ContainerKind::FragmentedMp4);
        sniffed(&with(b"\0\0\0\x08moof"), ContainerKind::FragmentedMp4);
        sniffed(&with(&moov(b"trak")), ContainerKind::Other);
        sniffed(&with(b"\0\0\0\x10mdat12345678"), ContainerKind::Other);
        sniffed(&begun, ContainerKind::Other);
    }
}
