//! Vectors as bytes: a number from -127 to 127 for each element, and one scale for the whole vector.
//!
//! This takes a quarter of the room of 32-bit numbers, on disk and in memory, and a scan of all rows is bound by what it has to
//! read. The loss is measured by `benches/store.rs`: more than nine of the ten nearest stay, and those that swap ranks
//! are nearly tied in 32-bit numbers too.
//! A blob is the scale (little-endian, largest magnitude / 127) followed by the numbers; an empty blob is no vector. Equal
//! vectors give equal blobs.

use rusqlite::types::Type;
use rusqlite::{Result, Row};

use crate::column_conversion::unknown_value;

/// The largest magnitude of a number.
const MAX: f32 = 127.0;

/// Weight of a caption's vector against that of its frames where both are searched as one. Measured as in `rank_fusion`.
const CAPTION: f32 = 0.4;

/// A vector in 8-bit numbers.
#[derive(Clone, Copy)]
pub(crate) struct Int8Vector<'b> {
    pub(crate) scale: f32,
    numbers: &'b [u8],
}

impl<'b> Int8Vector<'b> {
    /// Reads a vector from a column; `None` if the row has none.
    pub(crate) fn from_column(row: &'b Row, column: usize) -> Result<Option<Self>> {
        let blob = row.get_ref(column)?.as_blob()?;
        match (Self::parse(blob), blob.is_empty()) {
            (None, false) => Err(unknown_value(
                column,
                Type::Blob,
                format!("a vector of {} bytes is invalid", blob.len()),
            )),
            (vector, _) => Ok(vector),
        }
    }

    /// Parses a blob; `None` if it is empty or broken.
    pub(crate) fn parse(blob: &'b [u8]) -> Option<Self> {
        let (scale, numbers) = blob.split_first_chunk::<4>()?;
        let scale = f32::from_le_bytes(*scale);
        (scale.is_finite() && !numbers.is_empty()).then_some(Self { scale, numbers })
    }

    pub(crate) fn len(self) -> usize {
        self.numbers.len()
    }

    pub(crate) fn numbers(self) -> impl Iterator<Item = i8> + use<'b> {
        self.numbers.iter().map(|byte| byte.cast_signed())
    }

    pub(crate) fn floats(self) -> impl Iterator<Item = f32> + use<'b> {
        let scale = self.scale;
        self.numbers().map(move |number| f32::from(number) * scale)
    }
}

/// Encodes a vector as a blob; a vector with NaN or an infinite number gives an empty one.
pub(crate) fn encode(vector: &[f32]) -> Vec<u8> {
    if vector.is_empty() || vector.iter().any(|x| !x.is_finite()) {
        return Vec::new();
    }
    let largest = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let scale = largest / MAX;
    let small = |x: &f32| match scale > 0.0 {
        true => (x / scale).round().clamp(-MAX, MAX) as i8,
        false => 0,
    };
    let numbers = vector.iter().map(|x| small(x).cast_unsigned());
    scale.to_le_bytes().into_iter().chain(numbers).collect()
}

/// Joins the vectors of frames and caption into one blob whose dot product with a query is the weighted sum of theirs. A
/// caption's vector of another length is ignored.
pub(crate) fn join(frames: Option<Int8Vector>, caption: Option<Int8Vector>) -> Vec<u8> {
    let Some(frames) = frames else {
        return Vec::new();
    };
    let unjoined = || {
        let scale = frames.scale.to_le_bytes();
        scale.iter().chain(frames.numbers).copied().collect()
    };
    let Some(caption) = caption.filter(|caption| caption.len() == frames.len()) else {
        return unjoined();
    };
    let sum = frames
        .numbers()
        .zip(caption.numbers())
        .map(|(a, b)| f32::from(a) * frames.scale + CAPTION * f32::from(b) * caption.scale);
    encode(&sum.collect::<Vec<f32>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(blob: &[u8]) -> Vec<f32> {
        Int8Vector::parse(blob).map_or_else(Vec::new, |vector| vector.floats().collect())
    }

    #[test]
    fn a_joined_vector_is_as_near_to_a_query_as_both_together() {
        let (frames, caption) = ([0.6, -0.8, 0.0], [0.0, 0.8, 0.6]);
        let blobs = (encode(&frames), encode(&caption));
        let joined = |caption: &[u8]| join(Int8Vector::parse(&blobs.0), Int8Vector::parse(caption));
        let both = floats(&joined(&blobs.1));
        for ((both, frames), caption) in both.iter().zip(frames).zip(caption) {
            assert!((both - (frames + CAPTION * caption)).abs() < 0.01, "{both}");
        }
        assert_eq!(joined(&[]), blobs.0);
        assert_eq!(joined(&encode(&[1.0])), blobs.0);
    }

    #[test]
    fn a_vector_comes_back_to_a_254th_of_its_largest_number() {
        let vector = [0.6, -0.8, 0.003, 0.0];
        let back = floats(&encode(&vector));
        assert_eq!(back.len(), 4);
        for (x, y) in vector.iter().zip(&back) {
            assert!((x - y).abs() <= 0.8 / 254.0 + 1e-6, "{x} {y}");
        }
        assert_eq!(encode(&vector).len(), 8);
    }

    #[test]
    fn empty_broken_and_infinite_vectors_give_none() {
        for none in [&[][..], &[f32::NAN, 1.0], &[f32::INFINITY]] {
            assert_eq!(encode(none), [0; 0]);
        }
        assert_eq!(floats(&encode(&[0.0, 0.0])), [0.0, 0.0]);
        for broken in [&[][..], &[0, 0, 128], &[0, 0, 128, 63]] {
            assert_eq!(floats(broken), [0.0; 0]);
        }
        assert_eq!(floats(&[0, 0, 192, 127, 1]), [0.0; 0]);
    }
}
