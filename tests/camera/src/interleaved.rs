//! RTSP over TCP as a sequence of messages: texts, and between them frames of `$`, channel, length and payload.
//!
//! Reading keeps every byte: the messages written one after another are the stream again.

use std::io::{self, BufRead, Read};

/// A text longer than this is no RTSP.
const LONGEST_TEXT: usize = 64 << 10;
/// The first byte of a frame.
const DOLLAR: u8 = b'$';
/// Bytes of a frame before its payload, and of an RTP packet before its own.
const FRAME_HEAD: usize = 4;
const RTP_HEAD: usize = 12;

/// One message, in its bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// A request or an answer, with its body.
    Text(Vec<u8>),
    /// A frame, with its four bytes of head.
    Frame(Vec<u8>),
}

impl Message {
    /// Reads the next message; none at the end of the stream.
    ///
    /// # Errors
    /// If the stream breaks off inside a message, or is no RTSP.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        match from.fill_buf()?.first() {
            None => Ok(None),
            Some(&DOLLAR) => frame(from).map(Some),
            Some(_) => text(from).map(Some),
        }
    }

    /// The bytes as they were read.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(bytes) | Self::Frame(bytes) => bytes,
        }
    }

    /// The RTP packet inside a frame of the video channel.
    pub fn rtp(&mut self) -> Option<Rtp<'_>> {
        match self {
            Self::Frame(bytes) if bytes[1] == 0 && bytes.len() >= FRAME_HEAD + RTP_HEAD => {
                Some(Rtp(&mut bytes[FRAME_HEAD..]))
            }
            _ => None,
        }
    }

    /// Whether this is a frame of the video's control channel, which ties its clock to the wall clock.
    pub fn control(&self) -> bool {
        matches!(self, Self::Frame(bytes) if bytes[1] == 1)
    }
}

/// An RTP packet in place; its length cannot change.
pub struct Rtp<'a>(&'a mut [u8]);

impl Rtp<'_> {
    /// Sets its clock back by so many ticks, around zero if need be.
    pub fn set_back(&mut self, ticks: u32) {
        let mut stamp = [0; 4];
        stamp.copy_from_slice(&self.0[4..8]);
        let earlier = u32::from_be_bytes(stamp).wrapping_sub(ticks);
        self.0[4..8].copy_from_slice(&earlier.to_be_bytes());
    }

    /// What it carries, after the head.
    pub fn payload(&mut self) -> &mut [u8] {
        &mut self.0[RTP_HEAD..]
    }
}

fn frame(from: &mut impl BufRead) -> io::Result<Message> {
    let mut bytes = vec![0; FRAME_HEAD];
    from.read_exact(&mut bytes)?;
    let length = u16::from_be_bytes([bytes[2], bytes[3]]);
    body(from, &mut bytes, length.into())?;
    Ok(Message::Frame(bytes))
}

fn text(from: &mut impl BufRead) -> io::Result<Message> {
    let mut bytes = Vec::new();
    let mut length = 0;
    loop {
        let begin = bytes.len();
        let room = (LONGEST_TEXT - begin) as u64;
        from.by_ref().take(room).read_until(b'\n', &mut bytes)?;
        let line = &bytes[begin..];
        if !line.ends_with(b"\n") {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if line == b"\r\n" || line == b"\n" {
            break;
        }
        length = content_length(line).unwrap_or(length);
    }
    if length > LONGEST_TEXT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    body(from, &mut bytes, length)?;
    Ok(Message::Text(bytes))
}

fn body(from: &mut impl BufRead, bytes: &mut Vec<u8>, length: usize) -> io::Result<()> {
    let begin = bytes.len();
    bytes.resize(begin + length, 0);
    from.read_exact(&mut bytes[begin..])
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let named = name.trim().eq_ignore_ascii_case("content-length");
    named.then(|| value.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut stream: &[u8]) -> Vec<Message> {
        std::iter::from_fn(|| Message::read(&mut stream).unwrap()).collect()
    }

    #[test]
    fn texts_with_and_without_body_and_frames_are_told_apart() {
        let parts: [&[u8]; 4] = [
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\ncontent-length: 4\r\n\r\n$abc",
            b"$\0\0\x05\r\n\r\n$",
            b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n",
            b"$\x01\0\0",
        ];
        let messages = read(&parts.concat());
        let kinds = [false, true, false, true];
        let is_frame = |message: &Message| matches!(message, Message::Frame(_));
        assert_eq!(messages.iter().map(is_frame).collect::<Vec<_>>(), kinds);
        let bytes: Vec<_> = messages.iter().map(Message::bytes).collect();
        assert_eq!(bytes, parts);
        assert!(messages[3].control() && !messages[1].control());
    }

    #[test]
    fn a_stream_that_breaks_off_is_an_error() {
        for broken in [
            &b"$\0\0\x05ab"[..],
            b"RTSP/1.0 200 OK\r\n",
            b"Content-Length: 9\r\n\r\nab",
            b"Content-Length: 99999999\r\n\r\n",
        ] {
            let mut stream = broken;
            assert!(Message::read(&mut stream).is_err(), "{broken:?}");
        }
        let endless = vec![b'a'; 2 * LONGEST_TEXT];
        assert!(Message::read(&mut &endless[..]).is_err());
    }

    #[test]
    fn the_clock_of_a_packet_is_set_back_around_zero() {
        let mut bytes = b"$\0\0\x0e".to_vec();
        bytes.extend([0x80, 96, 0, 1, 0, 0, 0, 5, 1, 2, 3, 4, 7, 8]);
        let mut message = Message::Frame(bytes);
        let mut packet = message.rtp().unwrap();
        packet.set_back(6);
        assert_eq!(packet.payload(), [7, 8]);
        assert_eq!(message.bytes()[8..12], [255; 4]);
        assert!(Message::Frame(b"$\0\0\0".to_vec()).rtp().is_none());
    }
}
