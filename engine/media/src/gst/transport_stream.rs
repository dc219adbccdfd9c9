//! Finds packets that are missing in an MPEG transport stream, which GStreamer's demuxer does not tell its decoder.
//!
//! Each packet of a stream carries a number that counts to 15. The demuxer only reports a gap within a frame, and on the bus,
//! not in the data. So every block of packets is read before the demuxer, and the frames that come out while it works on a
//! block with a gap, and the one after, are marked as discontinuous. Some whole frames before a gap are marked too; none after
//! it is missed. Streams that were joined end to end have a gap before a random access point, where nothing is lost.

use std::{collections::BTreeMap, sync::Arc};

use gstreamer::{self as gst, prelude::*};
use parking_lot::Mutex;

use super::concealment::ConcealmentStatus;

const PACKET: usize = 188;
/// Lengths of packets: plain, with a time before each (M2TS), with a checksum after each.
const STRIDES: [usize; 3] = [PACKET, 192, 204];
const SYNC: u8 = 0x47;
/// The number of packets that fill a constant rate.
const NULL_PID: u16 = 0x1fff;

/// Watches a demuxer of transport streams, and notes that data comes.
pub(super) fn watch(demuxer: &gst::Element, status: ConcealmentStatus) {
    let Some(sink) = demuxer.static_pad("sink") else {
        return;
    };
    let gaps = Arc::new(Mutex::new(GapMarks::default()));
    let marks = Arc::clone(&gaps);
    let mut packets = PacketReader::default();
    let reader = Mutex::new(move |buffer: &gst::BufferRef| {
        let missing = match buffer.map_readable() {
            Ok(bytes) => packets.read(offset(buffer), &bytes),
            Err(_) => Vec::new(),
        };
        gaps.lock().start_block(missing);
    });
    sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer() {
            status.note_demuxed();
            (reader.lock())(buffer);
        }
        gst::PadProbeReturn::Ok
    });
    demuxer.connect_pad_added(move |_, pad| mark_after_gaps(pad, Arc::clone(&marks)));
}

fn offset(buffer: &gst::BufferRef) -> Option<u64> {
    Some(buffer.offset()).filter(|offset| *offset != u64::MAX)
}

/// Marks the frames of a stream of the demuxer at which packets are missing.
fn mark_after_gaps(pad: &gst::Pad, marks: Arc<Mutex<GapMarks>>) {
    // Names end with the stream's number, for example `video_0_0100`.
    let name = pad.name();
    let number = name.rsplit('_').next();
    let Some(pid) = number.and_then(|number| u16::from_str_radix(number, 16).ok()) else {
        return;
    };
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer_mut().filter(|_| marks.lock().take(pid)) {
            buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Streams whose next frames are marked.
#[derive(Debug, Default)]
struct GapMarks {
    /// Streams with a gap in the present block.
    block: Vec<u16>,
    /// Streams with a gap in an earlier block, of which no frame came out since.
    pending: Vec<u16>,
}

impl GapMarks {
    /// Starts another block, in which these streams have gaps.
    fn start_block(&mut self, missing: Vec<u16>) {
        let before = std::mem::replace(&mut self.block, missing);
        self.pending.extend(before);
    }

    /// True if the next frame of a stream is to be marked.
    fn take(&mut self, pid: u16) -> bool {
        let pending = self.pending.len();
        self.pending.retain(|other| *other != pid);
        pending != self.pending.len() || self.block.contains(&pid)
    }
}

/// Reads packets from blocks of any size.
#[derive(Debug, Default)]
struct PacketReader {
    /// The last number of each stream.
    numbers: BTreeMap<u16, u8>,
    /// Bytes of an incomplete packet.
    rest: Vec<u8>,
    /// Distance of packets, once it is known.
    stride: Option<usize>,
    /// Position in the file at which the next block continues.
    next_offset: Option<u64>,
}

impl PacketReader {
    /// Reads a block; returns the streams of which packets are missing, within the block or before it.
    fn read(&mut self, offset: Option<u64>, block: &[u8]) -> Vec<u16> {
        if offset != self.next_offset && offset.is_some() {
            // The demuxer reads elsewhere in the file.
            *self = Self::default();
        }
        self.next_offset = offset.map(|offset| offset + block.len() as u64);
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(block);
        let mut missing = Vec::new();
        let read = self.read_packets(&bytes, &mut missing);
        self.rest = bytes.split_off(read.min(bytes.len()));
        missing
    }

    /// Reads whole packets; returns the number of bytes read.
    fn read_packets(&mut self, bytes: &[u8], missing: &mut Vec<u16>) -> usize {
        let mut at = 0;
        while let Some(packet) = bytes.get(at..at + PACKET) {
            let stride = match self.stride.filter(|_| packet[0] == SYNC) {
                Some(stride) => stride,
                None => {
                    let Some((start, stride)) = find_packets(&bytes[at..]) else {
                        // The next block may show where packets begin.
                        return at.max(bytes.len().saturating_sub(4 * STRIDES[2]));
                    };
                    self.stride = Some(stride);
                    at += start;
                    continue;
                }
            };
            missing.extend(self.gap(packet));
            at += stride;
        }
        at
    }

    /// Returns the stream of a packet, if others before it are missing.
    fn gap(&mut self, packet: &[u8]) -> Option<u16> {
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let (has_payload, has_adaptation) = (packet[3] & 0x10 != 0, packet[3] & 0x20 != 0);
        if pid == NULL_PID || !has_payload {
            return None;
        }
        let flags = match has_adaptation && packet[4] > 0 {
            true => packet[5],
            false => 0,
        };
        let number = packet[3] & 15;
        let last = self.numbers.insert(pid, number)?;
        let (damaged, starts_frame) = (packet[1] & 0x80 != 0, packet[1] & 0x40 != 0);
        let (announced, random_access) = (flags & 0x80 != 0, flags & 0x40 != 0);
        // A packet may be sent twice.
        let continues = number == (last + 1) & 15 || number == last;
        let harmless = continues || announced || starts_frame && random_access;
        (damaged || !harmless).then_some(pid)
    }
}

/// Returns where the first packet begins, and the distance of packets.
fn find_packets(bytes: &[u8]) -> Option<(usize, usize)> {
    let begins =
        |start: usize, stride: usize| (0..3).all(|n| bytes.get(start + n * stride) == Some(&SYNC));
    STRIDES.iter().find_map(|&stride| {
        let start = (0..stride).find(|start| begins(*start, stride))?;
        Some((start, stride))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: u16 = 0x100;

    /// Returns a packet with this number; `flags` are those of an adaptation field, if it has one.
    fn packet(pid: u16, number: u8, flags: Option<u8>, starts_frame: bool) -> Vec<u8> {
        let mut packet = vec![0xff; PACKET];
        let [high, low] = pid.to_be_bytes();
        let adaptation = if flags.is_some() { 0x20 } else { 0 };
        let start = if starts_frame { 0x40 } else { 0 };
        packet[..4].copy_from_slice(&[SYNC, high | start, low, 0x10 | adaptation | number & 15]);
        if let Some(flags) = flags {
            packet[4..6].copy_from_slice(&[1, flags]);
        }
        packet
    }

    fn plain(numbers: &[u8]) -> Vec<u8> {
        let packets = numbers.iter().map(|n| packet(VIDEO, *n, None, false));
        packets.collect::<Vec<_>>().concat()
    }

    fn gaps(reader: &mut PacketReader, bytes: &[u8]) -> usize {
        reader.read(None, bytes).len()
    }

    #[test]
    fn finds_missing_packets_whatever_the_size_of_blocks() {
        let whole: Vec<_> = (0..40).collect();
        let lossy: Vec<_> = (0..40).filter(|n| ![17, 30].contains(n)).collect();
        for size in [1, 100, 188, 1316, 4096, 20_000] {
            for (numbers, expected) in [(&whole, 0), (&lossy, 2)] {
                let (bytes, mut reader) = (plain(numbers), PacketReader::default());
                let found: usize = bytes
                    .chunks(size)
                    .map(|block| gaps(&mut reader, block))
                    .sum();
                assert_eq!(found, expected, "blocks of {size}");
            }
        }
    }

    #[test]
    fn finds_packets_with_times_and_after_garbage() {
        let timed: Vec<_> = [0, 1, 2, 4, 5]
            .iter()
            .flat_map(|n| [vec![9; 4], plain(&[*n])].concat())
            .collect();
        assert_eq!(gaps(&mut PacketReader::default(), &timed), 1);
        let garbage = [
            vec![3; 77],
            plain(&[0, 1, 2, 3]),
            vec![5; 50],
            plain(&[4, 5, 7, 8]),
        ]
        .concat();
        assert_eq!(gaps(&mut PacketReader::default(), &garbage), 1);
        assert_eq!(gaps(&mut PacketReader::default(), &[1; 9999]), 0);
    }

    #[test]
    fn repeated_packets_and_joined_streams_miss_nothing() {
        let joined = |flags, starts| {
            let next = packet(VIDEO, 9, Some(flags), starts);
            let bytes = [plain(&[0, 1, 1, 2]), next, plain(&[10])].concat();
            gaps(&mut PacketReader::default(), &bytes)
        };
        assert_eq!(joined(0x40, true), 0, "a random access point");
        assert_eq!(joined(0x80, false), 0, "an announced discontinuity");
        assert_eq!(joined(0, true), 1);
        let mut reader = PacketReader::default();
        assert!(reader.read(Some(0), &plain(&[0, 1, 2])).is_empty());
        assert!(reader.read(Some(99_999), &plain(&[9, 10, 11])).is_empty());
    }

    #[test]
    fn frames_that_come_out_of_a_block_with_a_gap_and_the_one_after_are_marked() {
        let mut marks = GapMarks::default();
        assert!(!marks.take(VIDEO));
        marks.start_block(vec![VIDEO]);
        assert!(marks.take(VIDEO) && marks.take(VIDEO) && !marks.take(7));
        marks.start_block(Vec::new());
        assert!(marks.take(VIDEO));
        assert!(!marks.take(VIDEO));
    }
}
