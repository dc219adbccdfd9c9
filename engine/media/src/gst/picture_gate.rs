//! Decides which pictures of a stream are right: those whose references were all received.
//!
//! A decoder that starts between key frames, or misses data, still outputs pictures: gray, smeared, or with parts of old ones.
//! The gate sees every packet in decoding order, before the decoder. It is closed at the start and after each loss, and opens
//! with a key frame or a recovery point. A stream that has neither refreshes its pictures piece by piece, so the gate opens
//! after [`MAX_WAIT_SECONDS`]. Invariant: an open gate conceals nothing, so a video that starts with a key frame loses nothing.

use std::mem;

use super::access_point::AccessPoint;

/// Time after which pictures count as right without a key frame, in seconds of the stream. Cameras that choose the distance of
/// their key frames send one at least every 300 frames, which is 30 s at 10 frames per second.
pub(crate) const MAX_WAIT_SECONDS: u64 = 60;
/// The same in pictures, for a stream whose clock stands still: 60 s at 60 frames per second.
const MAX_WAIT_PICTURES: u32 = 3600;
/// A longer step of the stream's clock is a jump, in nanoseconds.
const MAX_STEP: u64 = 5_000_000_000;
/// No codec lets more pictures follow one before which they are shown.
const MAX_LEADING: u32 = 32;

/// A packet, as the gate sees it. Times are in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct GatePacket {
    pub(super) access: AccessPoint,
    pub(super) shown_at: Option<u64>,
    pub(super) decoded_at: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GateState {
    /// Waits for a place to start.
    Waiting,
    /// After a recovery point, with so many reference pictures still to come.
    Recovering(u32),
    /// After a key frame. Of the pictures before the next trailing one, those that refer to what came before are wrong.
    AfterKey {
        left: u32,
    },
    /// After a recovery point that is shown at this time. Pictures shown before it are wrong.
    AfterRecovery {
        at: Option<u64>,
        left: u32,
    },
    Open,
}

/// The gate of one stream.
#[derive(Debug)]
pub(super) struct PictureGate {
    state: GateState,
    /// True if no packet came yet.
    first: bool,
    /// True if an intra picture came since the gate closed, and no better place to start.
    intra_seen: bool,
    /// Time and number of pictures since the gate closed.
    waited: u64,
    pictures: u32,
    last_decoded_at: Option<u64>,
    /// True if the gate opened without a key frame.
    without_key: bool,
}

impl PictureGate {
    /// Returns the closed gate of a stream that starts.
    pub(super) fn new() -> Self {
        Self {
            state: GateState::Waiting,
            first: true,
            intra_seen: false,
            waited: 0,
            pictures: 0,
            last_decoded_at: None,
            without_key: false,
        }
    }

    /// True if the next packet must be read to decide about it.
    pub(super) fn reads(&self) -> bool {
        self.state != GateState::Open
    }

    /// True while no picture is right.
    pub(super) fn closed(&self) -> bool {
        matches!(self.state, GateState::Waiting | GateState::Recovering(_))
    }

    /// True if the gate opened because no key frame came.
    pub(super) fn opened_without_key(&self) -> bool {
        self.without_key
    }

    /// Closes the gate: data before the next packet is missing. A wait that has begun continues.
    pub(super) fn close(&mut self) {
        if !self.closed() {
            (self.waited, self.pictures, self.last_decoded_at) = (0, 0, None);
        }
        self.state = GateState::Waiting;
        (self.intra_seen, self.without_key) = (false, false);
    }

    /// Takes the next packet; true if its picture is wrong. An open gate needs no packets.
    pub(super) fn conceals(&mut self, packet: &GatePacket) -> bool {
        if packet.access == AccessPoint::NoPicture {
            return false;
        }
        let first = mem::take(&mut self.first);
        if self.closed() {
            self.advance(packet, first);
            return self.closed();
        }
        let (wrong, state) = match self.state {
            GateState::AfterKey { left } => after_key(packet, left),
            GateState::AfterRecovery { at, left } => after_recovery(packet, at, left),
            state => (false, state),
        };
        self.state = state;
        wrong
    }

    /// Opens the closed gate if this packet does.
    fn advance(&mut self, packet: &GatePacket, first: bool) {
        let access = match packet.access {
            // A stream that starts with an intra picture, or has only such, can start with them.
            AccessPoint::Intra if first || mem::replace(&mut self.intra_seen, true) => {
                AccessPoint::Recovery(0)
            }
            access => access,
        };
        let left = match (access, self.state) {
            (AccessPoint::Key, _) => {
                self.state = GateState::AfterKey { left: MAX_LEADING };
                return;
            }
            (AccessPoint::Recovery(count), GateState::Recovering(left)) => {
                Some(count.min(left.saturating_sub(1)))
            }
            (AccessPoint::Recovery(count), _) => Some(count),
            (AccessPoint::Reference | AccessPoint::Intra, GateState::Recovering(left)) => {
                Some(left.saturating_sub(1))
            }
            (_, GateState::Recovering(left)) => Some(left),
            _ => None,
        };
        self.state = match left {
            Some(0) => GateState::AfterRecovery {
                at: packet.shown_at,
                left: MAX_LEADING,
            },
            Some(left) => GateState::Recovering(left),
            None => GateState::Waiting,
        };
        self.count_wait(packet);
    }

    /// Counts the time for which the gate is closed, and opens it after the longest.
    fn count_wait(&mut self, packet: &GatePacket) {
        if !self.closed() {
            return;
        }
        let last = mem::replace(&mut self.last_decoded_at, packet.decoded_at);
        if let (Some(last), Some(now)) = (last, packet.decoded_at) {
            self.waited += now.saturating_sub(last).min(MAX_STEP);
        }
        self.pictures += 1;
        if self.waited >= MAX_WAIT_SECONDS * 1_000_000_000 || self.pictures >= MAX_WAIT_PICTURES {
            self.state = GateState::Open;
            self.without_key = true;
        }
    }
}

fn after_key(packet: &GatePacket, left: u32) -> (bool, GateState) {
    let stay = match left {
        0 => GateState::Open,
        _ => GateState::AfterKey { left: left - 1 },
    };
    match packet.access {
        AccessPoint::Leading => (true, stay),
        AccessPoint::Disposable => (false, stay),
        _ => (false, GateState::Open),
    }
}

fn after_recovery(packet: &GatePacket, at: Option<u64>, left: u32) -> (bool, GateState) {
    let earlier = match (packet.shown_at, at) {
        (Some(shown_at), Some(at)) => shown_at < at,
        // Without times: pictures to which no other refers, directly after the recovery point.
        _ => packet.access == AccessPoint::Disposable,
    };
    match packet.access {
        AccessPoint::Key => (false, GateState::AfterKey { left: MAX_LEADING }),
        _ if earlier && left > 0 => (true, GateState::AfterRecovery { at, left: left - 1 }),
        _ => (false, GateState::Open),
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessPoint::*, *};

    /// Returns the pictures that are right: `*` right, `.` wrong, for packets of 40 ms shown in these places.
    fn shown(gate: &mut PictureGate, packets: &[(AccessPoint, u64)]) -> String {
        let mut text = String::new();
        for &(access, place) in packets {
            let at = Some(place * 40_000_000);
            let packet = GatePacket {
                access,
                shown_at: at,
                decoded_at: at,
            };
            let wrong = gate.reads() && gate.conceals(&packet);
            text.push(if wrong { '.' } else { '*' });
        }
        text
    }

    /// Numbers packets that are shown in the order in which they are decoded.
    fn in_order(packets: &[AccessPoint]) -> Vec<(AccessPoint, u64)> {
        packets.iter().copied().zip(0..).collect()
    }

    #[test]
    fn nothing_is_shown_before_the_first_key_frame_and_everything_after_it() {
        let packets = in_order(&[Reference, Disposable, Reference, Key, Reference, Disposable]);
        assert_eq!(shown(&mut PictureGate::new(), &packets), "...***");
        assert_eq!(shown(&mut PictureGate::new(), &packets[3..]), "***");
        let after_parameters = in_order(&[NoPicture, Intra, NoPicture, Reference]);
        assert_eq!(shown(&mut PictureGate::new(), &after_parameters), "****");
    }

    #[test]
    fn a_loss_closes_the_gate_until_the_next_key_frame() {
        let mut gate = PictureGate::new();
        assert_eq!(shown(&mut gate, &in_order(&[Key, Reference])), "**");
        gate.close();
        assert_eq!(shown(&mut gate, &in_order(&[Reference, Intra, Key])), "..*");
        gate.close();
        assert_eq!(shown(&mut gate, &in_order(&[Key, Reference])), "**");
    }

    #[test]
    fn leading_pictures_of_an_open_group_are_wrong_only_where_decoding_starts() {
        let group = [
            (Recovery(0), 4),
            (Reference, 2),
            (Disposable, 1),
            (Disposable, 3),
            (Reference, 8),
            (Disposable, 6),
        ];
        let mut gate = PictureGate::new();
        assert_eq!(shown(&mut gate, &group), "*...**");
        assert_eq!(shown(&mut gate, &group), "******");
        let marked = [
            (Key, 4),
            (Leading, 2),
            (Disposable, 3),
            (Leading, 1),
            (Reference, 8),
        ];
        let mut gate = PictureGate::new();
        assert_eq!(shown(&mut gate, &marked), "*.*.*");
        assert_eq!(shown(&mut gate, &marked), "*****");
    }

    #[test]
    fn leading_pictures_without_times_are_known_by_their_place() {
        let mut gate = PictureGate::new();
        let mut conceals = |access| {
            gate.conceals(&GatePacket {
                access,
                shown_at: None,
                decoded_at: None,
            })
        };
        let packets = [Recovery(0), Disposable, Disposable, Reference, Disposable];
        let wrong = packets.map(&mut conceals);
        assert_eq!(wrong, [false, true, true, false, false]);
    }

    #[test]
    fn a_recovery_point_opens_after_as_many_reference_pictures_as_it_says() {
        let mut packets = vec![Reference, Recovery(3), Reference, Disposable, Reference];
        packets.extend([Reference, Reference]);
        let packets = in_order(&packets);
        assert_eq!(shown(&mut PictureGate::new(), &packets), ".....**");
        let mut interrupted = PictureGate::new();
        assert_eq!(shown(&mut interrupted, &packets[..4]), "....");
        interrupted.close();
        assert_eq!(shown(&mut interrupted, &packets[4..]), "...");
    }

    #[test]
    fn intra_pictures_open_a_stream_that_starts_with_one_or_has_no_others() {
        let packets = in_order(&[Intra, Reference]);
        assert_eq!(shown(&mut PictureGate::new(), &packets), "**");
        let packets = in_order(&[Reference, Intra, Reference, Intra, Reference]);
        assert_eq!(shown(&mut PictureGate::new(), &packets), "...**");
    }

    #[test]
    fn a_stream_without_key_frames_starts_after_the_longest_wait() {
        let pictures = MAX_WAIT_SECONDS as usize * 25;
        let packets = in_order(&vec![Reference; pictures + 10]);
        let mut gate = PictureGate::new();
        let shown_pictures = shown(&mut gate, &packets);
        assert_eq!(shown_pictures.find('*'), Some(pictures));
        assert!(gate.opened_without_key());
        gate.close();
        assert!(gate.closed() && !gate.opened_without_key());
        assert_eq!(shown(&mut gate, &packets[..100]).find('*'), None);
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_does_not_open_the_gate_early_or_never() {
        let mut gate = PictureGate::new();
        let jumps = [(Reference, 0), (Reference, 1 << 30), (Reference, 5)];
        assert_eq!(shown(&mut gate, &jumps), "...");
        let frozen = vec![(Reference, 5); MAX_WAIT_PICTURES as usize];
        assert!(shown(&mut gate, &frozen).ends_with('*'));
    }
}
