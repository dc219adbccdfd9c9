//! Vectors as bytes: a number from -127 to 127 each, and one scale for all of a vector.
//!
//! A quarter of the room of 32-bit numbers, on disk and in memory, and a quarter of what a scan has to read; that is what a
//! scan of all rows waits for. What is lost is measured by `benches/store.rs`: of the ten nearest more than nine stay, and
//! those that change places are hardly told apart by 32-bit numbers either.
//! A blob is the scale (little-endian, largest magnitude / 127) and then the numbers; an empty one is no vector. Equal
//! vectors give equal blobs.

/// The largest magnitude of a number.
const MOST: f32 = 127.0;

/// A vector as a blob. One with a number that is none (NaN, infinite) is no vector.
pub(super) fn blob(vector: &[f32]) -> Vec<u8> {
    if vector.is_empty() || vector.iter().any(|x| !x.is_finite()) {
        return Vec::new();
    }
    let largest = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let scale = largest / MOST;
    let small = |x: &f32| match scale > 0.0 {
        true => (x / scale).round().clamp(-MOST, MOST) as i8,
        false => 0,
    };
    let numbers = vector.iter().map(|x| small(x).to_le_bytes()[0]);
    scale.to_le_bytes().into_iter().chain(numbers).collect()
}

/// Scale and numbers of a blob; nothing of an empty or broken one.
pub(super) fn parts(blob: &[u8]) -> Option<(f32, impl ExactSizeIterator<Item = i8>)> {
    let (scale, numbers) = blob.split_first_chunk::<4>()?;
    let scale = f32::from_le_bytes(*scale);
    (scale.is_finite() && !numbers.is_empty())
        .then(|| (scale, numbers.iter().map(|byte| i8::from_le_bytes([*byte]))))
}

/// What a caption's vector adds to that of its pictures, where both are searched as one. Measured as in `fuse`.
const CAPTION: f32 = 0.4;

/// Pictures and their caption as one vector: its dot product with a query is the sum of theirs. Of vectors of different lengths
/// the caption's counts for nothing.
pub(super) fn joined(pictures: &[u8], caption: &[u8]) -> Vec<u8> {
    let (Some((of_pictures, seen)), Some((of_caption, said))) = (parts(pictures), parts(caption))
    else {
        return pictures.to_vec();
    };
    if seen.len() != said.len() {
        return pictures.to_vec();
    }
    let numbers = seen.zip(said);
    let both = |(seen, said): (i8, i8)| {
        f32::from(seen) * of_pictures + CAPTION * f32::from(said) * of_caption
    };
    blob(&numbers.map(both).collect::<Vec<f32>>())
}

/// The vector in a blob.
pub(super) fn floats(blob: &[u8]) -> Vec<f32> {
    let parts = parts(blob);
    parts.map_or_else(Vec::new, |(scale, numbers)| {
        numbers.map(|number| f32::from(number) * scale).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_vector_is_as_near_to_a_query_as_both_together() {
        let (seen, said) = ([0.6, -0.8, 0.0], [0.0, 0.8, 0.6]);
        let both = floats(&joined(&blob(&seen), &blob(&said)));
        for ((both, seen), said) in both.iter().zip(seen).zip(said) {
            assert!((both - (seen + CAPTION * said)).abs() < 0.01, "{both}");
        }
        assert_eq!(joined(&blob(&seen), &[]), blob(&seen));
        assert_eq!(joined(&blob(&seen), &blob(&[1.0])), blob(&seen));
    }

    #[test]
    fn a_vector_comes_back_to_a_254th_of_its_largest_number() {
        let vector = [0.6, -0.8, 0.003, 0.0];
        let back = floats(&blob(&vector));
        assert_eq!(back.len(), 4);
        for (x, y) in vector.iter().zip(&back) {
            assert!((x - y).abs() <= 0.8 / 254.0 + 1e-6, "{x} {y}");
        }
        assert_eq!(blob(&vector).len(), 8);
    }

    #[test]
    fn what_is_no_vector_gives_none() {
        for none in [&[][..], &[f32::NAN, 1.0], &[f32::INFINITY]] {
            assert_eq!(blob(none), [0; 0]);
        }
        assert_eq!(floats(&blob(&[0.0, 0.0])), [0.0, 0.0]);
        for broken in [&[][..], &[0, 0, 128], &[0, 0, 128, 63]] {
            assert_eq!(floats(broken), [0.0; 0]);
        }
        assert_eq!(floats(&[0, 0, 192, 127, 1]), [0.0; 0]);
    }
}
