//! Recognises containers that can be played while they are still being written.
//!
//! Only the file itself is asked, never a clock: a transport stream by its packets, an MP4 by its boxes.

use std::{fs, io::Read, path::Path};

use super::mp4_boxes::boxes;
use crate::error::MediaError;

/// Kinds of containers, by whether they can be played before they are complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// An MPEG transport stream, a sequence of self-contained packets.
    MpegTs,
    /// A fragmented MP4, in which each fragment has its own index.
    FragmentedMp4,
    /// Any other; its index may come at the very end.
    Other,
}

impl ContainerKind {
    /// Returns the kind of a file, by its first bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn sniff(path: &Path) -> Result<Self, MediaError> {
        let read = || {
            let mut file = fs::File::open(path)?;
            let size = file.metadata()?.len();
            let mut first = Vec::new();
            file.by_ref().take(SNIFFED_BYTES).read_to_end(&mut first)?;
            Ok(match () {
                () if is_mpeg_ts(&first, 188) || is_mpeg_ts(&first, 192) => Self::MpegTs,
                () if is_fragmented(&mut file, size) => Self::FragmentedMp4,
                () => Self::Other,
            })
        };
        read().map_err(|error| MediaError::unreadable(path, error))
    }

    /// True if such a file can be played while it grows.
    pub fn playable_while_growing(self) -> bool {
        self != Self::Other
    }
}

/// This many packets in a row are no coincidence.
const PACKETS: usize = 8;
/// Enough bytes for those, wherever the first of them starts.
const SNIFFED_BYTES: u64 = 192 * (PACKETS as u64 + 1);
/// The first byte of each packet (ISO/IEC 13818-1).
const SYNC_BYTE: u8 = 0x47;

/// True if there is a sync byte every `length` bytes: at least two of them, in a file that is very short.
fn is_mpeg_ts(first: &[u8], length: usize) -> bool {
    (0..length).any(|from| {
        let packets = || first.iter().skip(from).step_by(length).take(PACKETS);
        let enough = PACKETS.min(first.len() / length).max(2);
        packets().count() >= enough && packets().all(|byte| *byte == SYNC_BYTE)
    })
}

fn is_fragmented(file: &mut fs::File, size: u64) -> bool {
    let preamble = [b"ftyp", b"styp", b"sidx", b"free", b"skip", b"uuid"];
    let decisive = boxes(file, (0, size)).find(|found| !preamble.contains(&&found.kind));
    match decisive {
        Some(found) if &found.kind == b"moof" => true,
        Some(found) if &found.kind == b"moov" => {
            let body = (found.body.0, found.body.1.min(size));
            boxes(file, body).any(|inner| &inner.kind == b"mvex")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn sniffed(bytes: &[u8], expected: ContainerKind) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        assert_eq!(ContainerKind::sniff(file.path()).unwrap(), expected);
    }

    fn packets(count: usize, before: usize, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; before];
        for _ in 0..count {
            let at = bytes.len();
            bytes.resize(at + length, 9);
            bytes[at + length - 188] = SYNC_BYTE;
        }
        bytes
    }

    #[test]
    fn recognises_transport_streams() {
        let noise: Vec<u8> = (0..10_000).map(|n: usize| (n * n / 7 + n) as u8).collect();
        sniffed(&packets(100, 0, 188), ContainerKind::MpegTs);
        sniffed(&packets(100, 0, 192), ContainerKind::MpegTs);
        sniffed(&packets(100, 50, 188), ContainerKind::MpegTs);
        sniffed(&packets(3, 0, 188), ContainerKind::MpegTs);
        sniffed(&packets(1, 0, 188), ContainerKind::Other);
        sniffed(&noise, ContainerKind::Other);
        sniffed(b"GGGG", ContainerKind::Other);
        sniffed(b"", ContainerKind::Other);
    }

    #[test]
    fn recognises_a_fragmented_mp4() {
        let ftyp = b"\0\0\0\x0cftypisom".to_vec();
        let moov = |inner: &[u8; 4]| [b"\0\0\0\x10moov\0\0\0\x08", &inner[..]].concat();
        let with = |more: &[u8]| [&ftyp, more].concat();
        sniffed(&with(&moov(b"mvex")), ContainerKind::FragmentedMp4);
        sniffed(&with(b"\0\0\0\x08moof"), ContainerKind::FragmentedMp4);
        sniffed(&with(&moov(b"trak")), ContainerKind::Other);
        sniffed(&with(b"\0\0\0\x10mdat12345678"), ContainerKind::Other);
        sniffed(&ftyp, ContainerKind::Other);
    }
}
