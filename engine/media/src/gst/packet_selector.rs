//! Selects the packets of a compressed stream that must be decoded when only frames from some media time on are wanted.
//!
//! A frame can be decoded if everything from its keyframe on is. So packets wait here until either the wanted time is reached,
//! and then all waiting ones are needed, or a keyframe arrives that is shown no later than that time, and then the packets
//! before it are skipped. Nothing seeks in the file: the demuxer reads every packet, so that frame times are the same as if
//! everything were decoded, in every container, also in those without an index.

use std::mem;

use atom_operators::media_time::MediaTime;

/// The most bytes that may wait; a stream with rarer keyframes is decoded whole.
const MAX_WAITING_BYTES: usize = 64 << 20;
/// From fewer packets than this some decoders give no frame at the end of a stream.
const MIN_TAIL_PACKETS: usize = 8;

/// The compressed data of one frame.
#[derive(Clone, Debug)]
pub(super) struct Packet<P> {
    /// Media time at which its frame is shown.
    pub(super) at: MediaTime,
    /// True if decoding can start with it.
    pub(super) keyframe: bool,
    /// Its size in bytes.
    pub(super) size: usize,
    /// The data.
    pub(super) data: P,
}

/// Packets to decode next.
#[derive(Debug, PartialEq)]
pub(super) struct PacketBatch<P> {
    /// True if packets before these were skipped: the decoder must restart with the first of these.
    pub(super) restart: bool,
    /// The packets in decoding order.
    pub(super) packets: Vec<P>,
}

/// Packets that wait until it is known whether they are needed. They arrive in decoding order.
pub(super) struct PacketSelector<P> {
    waiting: Vec<Packet<P>>,
    bytes: usize,
    /// Index among the waiting packets of a keyframe before which none is needed, unless the stream ends.
    cut: Option<usize>,
    /// True if packets before the waiting ones were skipped.
    restart: bool,
    /// Time of the keyframe with which decoding restarted. Packets shown before it cannot be decoded; none of them is wanted.
    restarted_at: Option<MediaTime>,
    /// True if the last waiting packet is a keyframe shown after the wanted time. Some encoders let frames follow that are
    /// shown before it and also need what came before it; the next packet tells.
    uncertain_keyframe: bool,
    /// Times of the packets skipped since the caller last drained this.
    pub(super) skipped: Vec<MediaTime>,
}

impl<P> Default for PacketSelector<P> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            bytes: 0,
            cut: None,
            restart: false,
            restarted_at: None,
            uncertain_keyframe: false,
            skipped: Vec::new(),
        }
    }
}

impl<P> PacketSelector<P> {
    /// Takes the next packet; returns those to decode now, if frames from `wanted` on are. `wanted` never decreases.
    pub(super) fn push(&mut self, packet: Packet<P>, wanted: MediaTime) -> PacketBatch<P> {
        let (at, keyframe) = (packet.at, packet.keyframe);
        if !keyframe && self.restarted_at.is_some_and(|start| at < start) {
            self.skipped.push(at);
            return PacketBatch::empty();
        }
        if mem::take(&mut self.uncertain_keyframe) {
            return self.after_uncertain_keyframe(packet);
        }
        if keyframe && at <= wanted && !self.waiting.is_empty() {
            self.skip_to_cut();
            self.cut = Some(self.waiting.len());
        }
        if keyframe {
            self.restarted_at = None;
        }
        let uncertain = keyframe && at > wanted && !self.waiting.is_empty();
        self.enqueue(packet);
        match at.reaches(wanted) {
            true if uncertain => self.uncertain_keyframe = true,
            true => return self.needed(),
            false if self.bytes > MAX_WAITING_BYTES => return self.needed(),
            false => {}
        }
        PacketBatch::empty()
    }

    /// Returns all waiting packets: the stream ends, or continues in another format.
    pub(super) fn finish(&mut self) -> PacketBatch<P> {
        let waiting = self.waiting.len();
        if self
            .cut
            .is_some_and(|cut| cut + MIN_TAIL_PACKETS <= waiting)
        {
            self.skip_to_cut();
        }
        self.release()
    }

    /// Returns the waiting packets that are needed, now that the wanted time is reached.
    fn needed(&mut self) -> PacketBatch<P> {
        self.skip_to_cut();
        self.release()
    }

    fn release(&mut self) -> PacketBatch<P> {
        self.cut = None;
        self.uncertain_keyframe = false;
        self.bytes = 0;
        let waiting = mem::take(&mut self.waiting);
        PacketBatch {
            restart: !waiting.is_empty() && mem::take(&mut self.restart),
            packets: waiting.into_iter().map(|packet| packet.data).collect(),
        }
    }

    /// Decides about an uncertain keyframe by the packet after it: if that is shown later, nothing before the keyframe is
    /// needed.
    fn after_uncertain_keyframe(&mut self, packet: Packet<P>) -> PacketBatch<P> {
        let keyframe = self.waiting.len() - 1;
        if packet.at > self.waiting[keyframe].at {
            self.cut = Some(keyframe);
        }
        // Skipping needs all packets that follow the keyframe.
        self.enqueue(packet);
        self.needed()
    }

    /// Skips the packets before the cut, and those after it that are shown before its keyframe.
    fn skip_to_cut(&mut self) {
        let Some(cut) = self.cut.take() else {
            return;
        };
        let before = self.waiting.drain(..cut);
        self.skipped.extend(before.map(|packet| packet.at));
        let start = self.waiting.first().map(|keyframe| keyframe.at);
        let undecodable = |packet: &mut Packet<P>| !packet.keyframe && Some(packet.at) < start;
        let leading = self.waiting.extract_if(.., undecodable);
        self.skipped.extend(leading.map(|packet| packet.at));
        self.bytes = self.waiting.iter().map(|packet| packet.size).sum();
        (self.restart, self.restarted_at) = (true, start);
    }

    fn enqueue(&mut self, packet: Packet<P>) {
        self.bytes += packet.size;
        self.waiting.push(packet);
    }
}

impl<P> PacketBatch<P> {
    /// Returns a batch without packets.
    pub(super) fn empty() -> Self {
        Self {
            restart: false,
            packets: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the decoded packets of those given as `(shown at, keyframe)`, with `|` where the decoder restarts.
    fn decoded(packets: &[(u64, bool)], wanted: u64) -> String {
        let mut selector = PacketSelector::default();
        let mut text = Vec::new();
        let mut append = |batch: PacketBatch<u64>| {
            text.extend(batch.restart.then(|| "|".to_owned()));
            text.extend(batch.packets.iter().map(u64::to_string));
        };
        for &(at, keyframe) in packets {
            let packet = Packet {
                at: MediaTime::from_millis(at),
                keyframe,
                size: 1,
                data: at,
            };
            append(selector.push(packet, MediaTime::from_millis(wanted)));
        }
        append(selector.finish());
        text.join(" ")
    }

    const CLOSED: [(u64, bool); 9] = [
        (0, true),
        (3, false),
        (1, false),
        (4, true),
        (6, false),
        (5, false),
        (8, true),
        (10, false),
        (9, false),
    ];
    /// A frame that is shown before a keyframe, follows it, and needs what came before it as well.
    const OPEN: [(u64, bool); 6] = [
        (0, true),
        (2, false),
        (4, true),
        (3, false),
        (6, false),
        (5, false),
    ];

    #[test]
    fn decodes_everything_if_everything_is_wanted() {
        assert_eq!(decoded(&CLOSED, 0), "0 3 1 4 6 5 8 10 9");
        assert_eq!(decoded(&OPEN, 0), "0 2 4 3 6 5");
    }

    #[test]
    fn starts_with_the_last_keyframe_before_the_wanted_time() {
        assert_eq!(decoded(&CLOSED, 4), "| 4 6 5 8 10 9");
        assert_eq!(decoded(&CLOSED, 5), "| 4 6 5 8 10 9");
        // Nothing needs the frame before the wanted one any more.
        assert_eq!(decoded(&CLOSED, 3), "0 3 | 4 6 5 8 10 9");
        assert_eq!(decoded(&CLOSED, 6), "| 4 6 | 8 10 9");
        assert_eq!(decoded(&CLOSED, 9), "| 8 10 9");
    }

    #[test]
    fn starts_with_a_keyframe_after_the_wanted_time_if_none_lies_before() {
        assert_eq!(decoded(&CLOSED, 7), "| 8 10 9");
    }

    #[test]
    fn a_frame_shown_before_the_keyframe_that_it_follows_needs_what_came_before() {
        assert_eq!(decoded(&OPEN, 3), "0 2 4 3 6 5");
        assert_eq!(decoded(&OPEN, 4), "| 4 6 5");
        assert_eq!(decoded(&OPEN, 5), "| 4 6 5");
    }

    #[test]
    fn the_last_frames_are_decoded_to_find_the_end() {
        assert_eq!(decoded(&CLOSED, 1000), "| 4 6 5 8 10 9");
        let many: Vec<_> = (0..40).map(|n| (n, n % 10 == 0)).collect();
        assert!(decoded(&many, 1000).starts_with("| 30 31"));
    }

    #[test]
    fn a_stream_with_one_keyframe_is_decoded_whole() {
        let packets: Vec<_> = (0..100).map(|n| (n, n == 0)).collect();
        assert_eq!(decoded(&packets, 50).split(' ').count(), 100);
    }
}
