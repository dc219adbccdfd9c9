//! Reads from a packet's bytes whether decoding can start with it, and what its picture depends on.
//!
//! The key flags of GStreamer's parsers are not enough: the parser of H.264 also sets them for pictures after which others
//! still refer to what came before. Invariant: a packet that cannot be read is never a place to start.

use gstreamer as gst;

use super::nal_units::{Bits, NalFraming, NalUnits, recovery_point};

/// The kind of a packet, for a decoder that knows nothing of what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessPoint {
    /// A key frame: it is right, and all that follow, but for those that say that they are not ([`Self::Leading`]).
    Key,
    /// The pictures shown from this one on are right once so many more reference pictures were decoded; 0: from this one on.
    Recovery(u32),
    /// A picture that is right by itself, after which others may still refer to what came before.
    Intra,
    /// A picture that follows a key frame and also refers to what came before it.
    Leading,
    /// A picture to which others may refer.
    Reference,
    /// A picture to which no other refers.
    Disposable,
    /// No picture: parameters of the stream, or nothing that can be read.
    NoPicture,
}

/// The codecs whose pictures depend on others and whose packets can be read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessCodec {
    H264(NalFraming),
    H265(NalFraming),
    /// MPEG-1 and MPEG-2.
    Mpeg2,
    /// MPEG-4 part 2.
    Mpeg4,
    Vp8,
    /// Key frames are known from the flag of the buffer alone: VP9 and AV1.
    Flagged,
}

impl AccessCodec {
    /// Returns the codec of a stream; none if each picture stands for itself, or nothing is known of the codec.
    pub(super) fn of(caps: &gst::CapsRef) -> Option<Self> {
        let codec = caps.structure(0)?;
        match codec.name().as_str() {
            "video/x-h264" => Some(Self::H264(framing(codec, 4))),
            "video/x-h265" => Some(Self::H265(framing(codec, 21))),
            "video/mpeg" if codec.get::<i32>("mpegversion") == Ok(4) => Some(Self::Mpeg4),
            "video/mpeg" => Some(Self::Mpeg2),
            "video/x-vp8" => Some(Self::Vp8),
            "video/x-vp9" | "video/x-av1" => Some(Self::Flagged),
            _ => None,
        }
    }

    /// Returns what a packet is; `key` is the key flag of its buffer.
    pub(super) fn access_point(self, packet: &[u8], key: bool) -> AccessPoint {
        let intra = match self {
            Self::H264(framing) => return h264(packet, framing),
            Self::H265(framing) => return h265(packet, framing),
            Self::Mpeg2 => return mpeg2(packet),
            Self::Mpeg4 => return mpeg4(packet),
            Self::Vp8 => packet.first().is_some_and(|byte| byte & 1 == 0),
            Self::Flagged => key,
        };
        match intra {
            true => AccessPoint::Key,
            false => AccessPoint::Reference,
        }
    }
}

/// Returns how NAL units are separated. The decoder configuration holds the size of the lengths at a position of its own.
fn framing(codec: &gst::StructureRef, position: usize) -> NalFraming {
    if codec.get::<&str>("stream-format") == Ok("byte-stream") {
        return NalFraming::StartCodes;
    }
    let configuration = codec.get::<gst::Buffer>("codec_data").ok();
    let bytes = configuration.and_then(|data| data.into_mapped_buffer_readable().ok());
    let byte = bytes.and_then(|bytes| bytes.get(position).copied());
    NalFraming::Lengths(byte.map_or(4, |byte| usize::from(byte & 3) + 1))
}

fn h264(packet: &[u8], framing: NalFraming) -> AccessPoint {
    let (mut recovery, mut intra, mut reference) = (None, true, false);
    let mut slices = 0;
    for unit in NalUnits::of(packet, framing) {
        match unit[0] & 31 {
            5 => return AccessPoint::Key,
            6 => recovery = recovery.or_else(|| recovery_point(&unit[1..], false)),
            1 | 2 => {
                slices += 1;
                intra &= is_intra_slice(&unit[1..]);
                reference |= unit[0] & 0x60 != 0;
            }
            _ => {}
        }
    }
    match recovery {
        _ if slices == 0 => AccessPoint::NoPicture,
        Some(pictures) => AccessPoint::Recovery(pictures),
        None if intra => AccessPoint::Intra,
        None if reference => AccessPoint::Reference,
        None => AccessPoint::Disposable,
    }
}

/// True for a slice of type I or SI.
fn is_intra_slice(slice: &[u8]) -> bool {
    let mut header = Bits::of(slice);
    let _first_macroblock = header.exp_golomb();
    let kind = header.exp_golomb();
    kind.is_some_and(|kind| matches!(kind % 5, 2 | 4))
}

fn h265(packet: &[u8], framing: NalFraming) -> AccessPoint {
    let (mut recovery, mut pictures) = (None, false);
    for unit in NalUnits::of(packet, framing).filter(|unit| unit.len() > 2) {
        match unit[0] >> 1 & 63 {
            // BLA, IDR and CRA.
            16..=23 => return AccessPoint::Key,
            // RASL; RADL.
            8 | 9 => return AccessPoint::Leading,
            6 | 7 => return AccessPoint::Disposable,
            0..=31 => pictures = true,
            39 => recovery = recovery.or_else(|| recovery_point(&unit[2..], true)),
            _ => {}
        }
    }
    match recovery {
        _ if !pictures => AccessPoint::NoPicture,
        Some(pictures) => AccessPoint::Recovery(pictures),
        None => AccessPoint::Reference,
    }
}

fn mpeg2(packet: &[u8]) -> AccessPoint {
    let mut closed = false;
    for unit in NalUnits::of(packet, NalFraming::StartCodes) {
        match (unit[0], unit.get(2), unit.get(4)) {
            // The header of a group of pictures, with its flag "closed".
            (0xb8, _, Some(byte)) => closed = byte & 0x40 != 0,
            (0, Some(byte), _) => return coding_type(byte >> 3 & 7, closed),
            _ => {}
        }
    }
    AccessPoint::NoPicture
}

fn mpeg4(packet: &[u8]) -> AccessPoint {
    let mut closed = false;
    for unit in NalUnits::of(packet, NalFraming::StartCodes) {
        match (unit[0], unit.get(1), unit.get(3)) {
            (0xb3, _, Some(byte)) => closed = byte & 0x20 != 0,
            (0xb6, Some(byte), _) => return coding_type((byte >> 6) + 1, closed),
            _ => {}
        }
    }
    AccessPoint::NoPicture
}

/// Returns what a picture of this MPEG type is: 1 is I, 3 is B.
fn coding_type(kind: u8, closed: bool) -> AccessPoint {
    match kind {
        1 if closed => AccessPoint::Key,
        1 => AccessPoint::Recovery(0),
        3 => AccessPoint::Disposable,
        _ => AccessPoint::Reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(caps: &str) -> Option<AccessCodec> {
        gst::init().unwrap();
        AccessCodec::of(&caps.parse::<gst::Caps>().unwrap())
    }

    #[test]
    fn knows_how_each_codec_marks_its_packets() {
        let avc = "video/x-h264, stream-format=avc, codec_data=(buffer)0142c01ffde1";
        assert_eq!(of(avc), Some(AccessCodec::H264(NalFraming::Lengths(2))));
        let annex_b = "video/x-h265, stream-format=byte-stream";
        assert_eq!(of(annex_b), Some(AccessCodec::H265(NalFraming::StartCodes)));
        assert_eq!(of("video/mpeg, mpegversion=4"), Some(AccessCodec::Mpeg4));
        assert_eq!(of("video/mpeg, mpegversion=2"), Some(AccessCodec::Mpeg2));
        assert_eq!(of("video/x-av1"), Some(AccessCodec::Flagged));
        assert_eq!(of("image/jpeg"), None);
    }

    /// Returns a packet of units with start codes.
    fn packet(units: &[&[u8]]) -> Vec<u8> {
        let parts = units.iter().flat_map(|unit| [&[0, 0, 1][..], unit]);
        parts.collect::<Vec<_>>().concat()
    }

    const SPS: [u8; 2] = [0x67, 66];
    /// Slices, after their header byte: first macroblock 0 (1), then type 7 (0001000), I in every slice, or 5 (00110), P.
    const I: u8 = 0b1000_1000;
    const P: u8 = 0b1001_1000;

    #[test]
    fn an_intra_picture_of_h264_is_a_place_to_start_only_with_a_recovery_point() {
        let read = |units: &[&[u8]]| h264(&packet(units), NalFraming::StartCodes);
        let sei = [6, 6, 1, 0b1000_0000, 0x80];
        let late = [6, 6, 1, 0b0010_1000, 0x80];
        assert_eq!(read(&[&SPS, &[0x65, I]]), AccessPoint::Key);
        assert_eq!(read(&[&SPS, &[0x61, I]]), AccessPoint::Intra);
        assert_eq!(read(&[&[0x61, I], &[0x61, P]]), AccessPoint::Reference);
        assert_eq!(read(&[&sei, &[0x61, I]]), AccessPoint::Recovery(0));
        assert_eq!(read(&[&late, &[0x61, P]]), AccessPoint::Recovery(4));
        assert_eq!(read(&[&[0x01, P]]), AccessPoint::Disposable);
        assert_eq!(read(&[&SPS]), AccessPoint::NoPicture);
        assert_eq!(read(&[&[0x61]]), AccessPoint::Reference);
    }

    #[test]
    fn leading_pictures_of_h265_are_told_from_those_that_can_be_decoded() {
        let read = |kind: u8| {
            let packet = packet(&[&[kind << 1, 1, 0x80]]);
            h265(&packet, NalFraming::StartCodes)
        };
        assert_eq!([16, 19, 21].map(read), [AccessPoint::Key; 3]);
        assert_eq!([8, 9].map(read), [AccessPoint::Leading; 2]);
        assert_eq!([6, 7].map(read), [AccessPoint::Disposable; 2]);
        assert_eq!([0, 1].map(read), [AccessPoint::Reference; 2]);
        // Three pictures later, as a signed code: 00110.
        let refreshed = packet(&[&[39 << 1, 1, 6, 1, 0b0011_0100, 0x80], &[2, 1, 0x80]]);
        let point = h265(&refreshed, NalFraming::StartCodes);
        assert_eq!(point, AccessPoint::Recovery(3));
    }

    #[test]
    fn a_group_of_mpeg_pictures_is_open_unless_it_says_closed() {
        let picture = |kind: u8| [0, 0, kind << 3, 0];
        let group = |closed: u8| [0xb8, 0, 8, 0, closed << 6];
        let i = picture(1);
        assert_eq!(mpeg2(&packet(&[&group(1), &i])), AccessPoint::Key);
        assert_eq!(mpeg2(&packet(&[&group(0), &i])), AccessPoint::Recovery(0));
        assert_eq!(mpeg2(&packet(&[&picture(2)])), AccessPoint::Reference);
        assert_eq!(mpeg2(&packet(&[&picture(3)])), AccessPoint::Disposable);
        assert_eq!(mpeg4(&packet(&[&[0xb6, 0x10]])), AccessPoint::Recovery(0));
        assert_eq!(mpeg4(&packet(&[&[0xb6, 0x90]])), AccessPoint::Disposable);
        let closed = [0xb3, 0, 0, 0x20];
        assert_eq!(mpeg4(&packet(&[&closed, &[0xb6, 0x10]])), AccessPoint::Key);
    }

    #[test]
    fn key_frames_of_vp8_and_vp9_need_nothing_before() {
        assert_eq!(
            AccessCodec::Vp8.access_point(&[0x10], false),
            AccessPoint::Key
        );
        assert_eq!(
            AccessCodec::Vp8.access_point(&[0x11], true),
            AccessPoint::Reference
        );
        assert_eq!(
            AccessCodec::Flagged.access_point(&[], true),
            AccessPoint::Key
        );
        assert_eq!(
            AccessCodec::Vp8.access_point(&[], true),
            AccessPoint::Reference
        );
    }
}
