//! RTSP over TCP as a sequence of messages: RTSP text, and interleaved packets of `$`, channel, length and payload.
//!
//! Reading is lossless: the bytes of all messages, one after another, are the stream.

use std::io::{self, BufRead, Read};

/// The longest RTSP message that is accepted, in bytes.
const MAX_TEXT_LENGTH: usize = 64 << 10;
/// The first byte of an interleaved packet.
const DOLLAR: u8 = b'$';
/// The length of an interleaved packet's header, in bytes.
const INTERLEAVED_HEADER: usize = 4;
/// The length of an RTP header without extensions, in bytes.
const RTP_HEADER: usize = 12;
/// The interleaved channels of the video's RTP and RTCP packets.
const RTP_CHANNEL: u8 = 0;
const RTCP_CHANNEL: u8 = 1;

/// The bytes of one message.
#[derive(Debug, PartialEq, Eq)]
pub enum RtspMessage {
    /// An RTSP request or response, with its body.
    Text(Vec<u8>),
    /// An interleaved packet, with its header of four bytes.
    Interleaved(Vec<u8>),
}

impl RtspMessage {
    /// Reads the next message; returns none at the end of the stream.
    ///
    /// # Errors
    /// The stream ends inside a message, or is not RTSP.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        match from.fill_buf()?.first() {
            None => Ok(None),
            Some(&DOLLAR) => read_interleaved(from).map(Some),
            Some(_) => read_text(from).map(Some),
        }
    }

    /// Returns the bytes as they were read.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(bytes) | Self::Interleaved(bytes) => bytes,
        }
    }

    /// Returns the RTP packet if this is an interleaved packet of the video channel.
    pub fn rtp_packet(&mut self) -> Option<RtpPacket<'_>> {
        let Self::Interleaved(bytes) = self else {
            return None;
        };
        let complete = bytes.len() >= INTERLEAVED_HEADER + RTP_HEADER;
        (bytes[1] == RTP_CHANNEL && complete).then(|| RtpPacket(&mut bytes[INTERLEAVED_HEADER..]))
    }

    /// Returns true for an RTCP packet of the video, which relates its RTP timestamps to the wall clock.
    pub fn is_rtcp(&self) -> bool {
        matches!(self, Self::Interleaved(bytes) if bytes[1] == RTCP_CHANNEL)
    }
}

/// An RTP packet inside a message; its length cannot change.
pub struct RtpPacket<'a>(&'a mut [u8]);

impl RtpPacket<'_> {
    /// Sets the timestamp back by a number of ticks; it wraps around at zero.
    pub fn set_timestamp_back(&mut self, ticks: u32) {
        let mut timestamp = [0; 4];
        timestamp.copy_from_slice(&self.0[4..8]);
        let earlier = u32::from_be_bytes(timestamp).wrapping_sub(ticks);
        self.0[4..8].copy_from_slice(&earlier.to_be_bytes());
    }

    /// Returns the payload after the RTP header.
    pub fn payload(&mut self) -> &mut [u8] {
        &mut self.0[RTP_HEADER..]
    }
}

fn read_interleaved(from: &mut impl BufRead) -> io::Result<RtspMessage> {
    let mut bytes = vec![0; INTERLEAVED_HEADER];
    from.read_exact(&mut bytes)?;
    let length = u16::from_be_bytes([bytes[2], bytes[3]]);
    read_body(from, &mut bytes, length.into())?;
    Ok(RtspMessage::Interleaved(bytes))
}

fn read_text(from: &mut impl BufRead) -> io::Result<RtspMessage> {
    let mut bytes = Vec::new();
    let mut length = 0;
    loop {
        let start = bytes.len();
        let limit = (MAX_TEXT_LENGTH - start) as u64;
        from.by_ref().take(limit).read_until(b'\n', &mut bytes)?;
        let line = &bytes[start..];
        if !line.ends_with(b"\n") {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if line == b"\r\n" || line == b"\n" {
            break;
        }
        length = content_length(line).unwrap_or(length);
    }
    if length > MAX_TEXT_LENGTH {
        return Err(io::ErrorKind::InvalidData.into());
    }
    read_body(from, &mut bytes, length)?;
    Ok(RtspMessage::Text(bytes))
}

fn read_body(from: &mut impl BufRead, bytes: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let start = bytes.len();
    bytes.resize(start + length, 0);
    from.read_exact(&mut bytes[start..])
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let matches = name.trim().eq_ignore_ascii_case("content-length");
    matches.then(|| value.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut stream: &[u8]) -> Vec<RtspMessage> {
        std::iter::from_fn(|| RtspMessage::read(&mut stream).unwrap()).collect()
    }

    #[test]
    fn separates_text_with_and_without_body_from_interleaved_packets() {
        let parts: [&[u8]; 4] = [
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\ncontent-length: 4\r\n\r\n$abc",
            b"$\0\0\x05\r\n\r\n$",
            b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n",
            b"$\x01\0\0",
        ];
        let messages = read(&parts.concat());
        let kinds = [false, true, false, true];
        let is_interleaved = |message: &RtspMessage| matches!(message, RtspMessage::Interleaved(_));
        assert_eq!(
            messages.iter().map(is_interleaved).collect::<Vec<_>>(),
            kinds
        );
        let bytes: Vec<_> = messages.iter().map(RtspMessage::bytes).collect();
        assert_eq!(bytes, parts);
        assert!(messages[3].is_rtcp() && !messages[1].is_rtcp());
    }

    #[test]
    fn a_truncated_stream_is_an_error() {
        for broken in [
            &b"$\0\0\x05ab"[..],
            b"RTSP/1.0 200 OK\r\n",
            b"Content-Length: 9\r\n\r\nab",
            b"Content-Length: 99999999\r\n\r\n",
        ] {
            let mut stream = broken;
            assert!(RtspMessage::read(&mut stream).is_err(), "{broken:?}");
        }
        let endless = vec![b'a'; 2 * MAX_TEXT_LENGTH];
        assert!(RtspMessage::read(&mut &endless[..]).is_err());
    }

    #[test]
    fn a_timestamp_that_is_set_back_wraps_around_at_zero() {
        let mut bytes = b"$\0\0\x0e".to_vec();
        bytes.extend([0x80, 96, 0, 1, 0, 0, 0, 5, 1, 2, 3, 4, 7, 8]);
        let mut message = RtspMessage::Interleaved(bytes);
        let mut packet = message.rtp_packet().unwrap();
        packet.set_timestamp_back(6);
        assert_eq!(packet.payload(), [7, 8]);
        assert_eq!(message.bytes()[8..12], [255; 4]);
        assert!(
            RtspMessage::Interleaved(b"$\0\0\0".to_vec())
                .rtp_packet()
                .is_none()
        );
    }
}
