//! Vectors in memory as bytes, and the flat scan over them.
//!
//! A scan of everything is exact but for what bytes lose, needs no upkeep, and is quick enough far beyond what one machine
//! records: `benches/store.rs` measures it. The cost is memory, a byte a number (38 MB for 100,000 vectors of 384 numbers).
//! Invariant: vectors are only added; the rows of those that are out of date are marked by the index, which leaves them out.

use std::collections::BTreeMap;

use super::compact::{blob, parts};
use super::fuse::Scored;

/// Numbers added up side by side.
const LANES: usize = 16;

/// The vectors of rows, pictures and caption as one, by their length, since packs may differ in it.
#[derive(Default)]
pub(super) struct Vectors {
    blocks: BTreeMap<usize, Block>,
}

/// Vectors of one length, one after the other: the place of the row each belongs to, its scale, its numbers.
#[derive(Default)]
struct Block {
    places: Vec<usize>,
    scales: Vec<f32>,
    numbers: Vec<i8>,
}

impl Vectors {
    /// Adds the vector of the row at a place; an empty or broken blob adds none.
    pub(super) fn push(&mut self, place: usize, blob: &[u8]) {
        let Some((scale, numbers)) = parts(blob) else {
            return;
        };
        let block = self.blocks.entry(numbers.len()).or_default();
        block.places.push(place);
        block.scales.push(scale);
        block.numbers.extend(numbers);
    }

    /// The dot product of `query` with the vector of every kept row that has one of the same length.
    pub(super) fn similarities(&self, query: &[f32], kept: &[bool]) -> Vec<Scored> {
        let Some(block) = self.blocks.get(&query.len()) else {
            return Vec::new();
        };
        let Some((query, scale)) = whole(query) else {
            return Vec::new();
        };
        block
            .places
            .iter()
            .zip(&block.scales)
            .zip(block.numbers.chunks_exact(query.len()))
            .filter(|((place, _), _)| kept[**place])
            .map(|((place, of_row), vector)| {
                let similarity = dot(&query, vector) as f32 * of_row * scale;
                (*place, f64::from(similarity))
            })
            .collect()
    }
}

/// The query as bytes, and their scale. None if a number is none.
fn whole(query: &[f32]) -> Option<(Vec<i8>, f32)> {
    let blob = blob(query);
    let (scale, numbers) = parts(&blob)?;
    Some((numbers.collect(), scale))
}

/// Products of 16 bits, added up side by side: the compiler makes vector instructions of this.
fn dot(query: &[i8], vector: &[i8]) -> i64 {
    let product = |(a, b): (&i8, &i8)| i32::from(i16::from(*a) * i16::from(*b));
    let (query, query_rest) = query.as_chunks::<LANES>();
    let (vector, rest) = vector.as_chunks::<LANES>();
    let mut sums = [0i32; LANES];
    for (query, vector) in query.iter().zip(vector) {
        for (n, sum) in sums.iter_mut().enumerate() {
            *sum += i32::from(i16::from(query[n]) * i16::from(vector[n]));
        }
    }
    let rest = query_rest.iter().zip(rest).map(product).map(i64::from);
    sums.into_iter().map(i64::from).sum::<i64>() + rest.sum::<i64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vectors: &[&[f32]]) -> Vectors {
        let mut all = Vectors::default();
        for (place, vector) in vectors.iter().enumerate() {
            all.push(place, &blob(vector));
        }
        all
    }

    #[test]
    fn the_dot_product_counts_every_number_once() {
        for length in [0usize, 1, 15, 16, 17, 384] {
            let ones = vec![1i8; length];
            let counting: Vec<i8> = (0..length).map(|n| (n % 100) as i8).collect();
            let sum: i64 = counting.iter().map(|n| i64::from(*n)).sum();
            assert_eq!(dot(&ones, &counting), sum);
        }
    }

    #[test]
    fn no_vector_is_so_long_or_so_large_that_a_sum_overflows() {
        for length in [1, 384, 4096, 100_000] {
            let ones = vec![1e6f32; length];
            let found = of(&[&ones]).similarities(&ones, &[true]);
            let expected = 1e12 * length as f64;
            assert!(
                (found[0].1 / expected - 1.0).abs() < 0.1,
                "{length}: {found:?}"
            );
        }
    }

    #[test]
    fn vectors_of_another_length_and_those_with_no_number_are_left_out() {
        let all = of(&[&[1.0, 0.0], &[1.0], &[], &[f32::NAN, 1.0]]);
        let found = all.similarities(&[0.5, 0.5], &[true; 4]);
        assert_eq!(found.len(), 1);
        assert!((found[0].1 - 0.5).abs() < 1e-2, "{found:?}");
        assert!(all.similarities(&[0.5, 0.5], &[false; 4]).is_empty());
        assert!(all.similarities(&[], &[true; 4]).is_empty());
        assert!(all.similarities(&[0.0; 7], &[true; 4]).is_empty());
        assert!(all.similarities(&[f32::NAN, 1.0], &[true; 4]).is_empty());
        assert_eq!(all.similarities(&[0.0, 0.0], &[true; 4])[0].1, 0.0);
    }
}
