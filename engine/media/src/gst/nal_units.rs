//! NAL units of H.264 and H.265 packets, and the few bits of them that tell where decoding can start.
//!
//! Damaged data is no error: a reader ends where the data stops making sense.

/// The way in which a packet separates its NAL units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NalFraming {
    /// A start code before each unit.
    StartCodes,
    /// A length of so many bytes before each unit.
    Lengths(usize),
}

/// The NAL units of a packet, in order. With start codes, also the units of MPEG-1, -2 and -4 streams.
pub(super) struct NalUnits<'a> {
    rest: &'a [u8],
    framing: NalFraming,
}

impl<'a> NalUnits<'a> {
    /// Returns the units of a packet.
    pub(super) fn of(packet: &'a [u8], framing: NalFraming) -> Self {
        let start = match framing {
            NalFraming::StartCodes => start_code(packet).map_or(packet.len(), |at| at + 3),
            NalFraming::Lengths(_) => 0,
        };
        Self {
            rest: &packet[start..],
            framing,
        }
    }

    fn after_length(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_at_checked(bytes)?;
        let length = length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        // The last unit may be cut short.
        let (unit, rest) = rest.split_at(length.min(rest.len()));
        self.rest = rest;
        Some(unit)
    }

    fn until_start_code(&mut self) -> &'a [u8] {
        let next = start_code(self.rest);
        let (unit, rest) = self.rest.split_at(next.unwrap_or(self.rest.len()));
        self.rest = rest.get(3..).unwrap_or_default();
        unit
    }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let unit = match self.framing {
                NalFraming::StartCodes => self.until_start_code(),
                NalFraming::Lengths(bytes) => self.after_length(bytes)?,
            };
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    }
}

/// Returns the position of the next start code.
fn start_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|three| three == [0, 0, 1])
}

/// Returns the number in a recovery point among the messages of an SEI unit without its header. In H.264 it counts reference
/// frames, in H.265 pictures in the order in which they are shown.
pub(super) fn recovery_point(messages: &[u8], signed: bool) -> Option<u32> {
    const RECOVERY_POINT: usize = 6;
    let bytes = without_emulation_prevention(messages);
    let mut rest = &bytes[..];
    // One byte ends the unit.
    while rest.len() > 1 {
        let kind = sei_number(&mut rest)?;
        let size = sei_number(&mut rest)?;
        let (payload, after) = rest.split_at_checked(size)?;
        if kind == RECOVERY_POINT {
            let number = Bits::of(payload).exp_golomb()?;
            return Some(if signed { positive(number) } else { number });
        }
        rest = after;
    }
    None
}

/// Returns the value of a signed Exp-Golomb code, or 0 if it is negative.
fn positive(code: u32) -> u32 {
    match code % 2 {
        1 => code.div_ceil(2),
        _ => 0,
    }
}

/// Reads a type or a size of an SEI message: each 255 is followed by another byte.
fn sei_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number += usize::from(*byte);
        if *byte != 255 {
            return Some(number);
        }
    }
}

/// Returns the bytes of a unit without those that keep it from looking like a start code.
fn without_emulation_prevention(unit: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

/// Reads single bits, the highest of each byte first.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    /// Returns a reader of these bytes.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Reads an unsigned Exp-Golomb code.
    pub(super) fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
        }
        if zeros > 31 {
            return None;
        }
        let mut number: u32 = 1;
        for _ in 0..zeros {
            number = number << 1 | self.bit()?;
        }
        Some(number - 1)
    }

    fn bit(&mut self) -> Option<u32> {
        let byte = *self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separates_units_by_start_codes_and_by_lengths() {
        let codes = [0, 0, 0, 1, 9, 16, 0, 0, 1, 101, 1, 2];
        let units: Vec<_> = NalUnits::of(&codes, NalFraming::StartCodes).collect();
        assert_eq!(units, [&[9, 16][..], &[101, 1, 2]]);
        let lengths = [0, 0, 0, 2, 9, 16, 0, 0, 0, 0, 0, 0, 0, 9, 101, 1];
        let units: Vec<_> = NalUnits::of(&lengths, NalFraming::Lengths(4)).collect();
        assert_eq!(units, [&[9, 16][..], &[101, 1]]);
    }

    #[test]
    fn damaged_packets_end_early() {
        for damaged in [&[][..], &[0], &[0, 0, 1], &[255; 7]] {
            for framing in [NalFraming::StartCodes, NalFraming::Lengths(4)] {
                assert!(NalUnits::of(damaged, framing).count() <= 1, "{damaged:?}");
            }
            assert_eq!(recovery_point(damaged, false), None, "{damaged:?}");
        }
        assert_eq!(Bits::of(&[0; 9]).exp_golomb(), None);
    }

    #[test]
    fn finds_the_recovery_point_behind_other_messages() {
        // User data whose two zeros need a 3 behind them; then 49 as Exp-Golomb code: 00000110010.
        let messages = [5, 3, 0, 0, 3, 1, 6, 2, 0b0000_0110, 0b0100_0000, 0x80];
        assert_eq!(recovery_point(&messages, false), Some(49));
        assert_eq!(recovery_point(&messages, true), Some(25));
        assert_eq!(recovery_point(&[5, 1, 6, 0x80], false), None);
    }
}
