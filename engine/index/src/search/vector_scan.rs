//! Vectors in memory as bytes, and the flat scan over them.
//!
//! A scan of everything is exact but for what bytes lose, needs no upkeep, and is quick enough far beyond what one machine
//! records: `benches/store.rs` measures it. The cost is memory, a byte a number (38 MB for 100,000 vectors of 384 numbers).
//! Invariant: vectors are only added; the cache marks the rows of stale ones, and they are left out.

use std::collections::BTreeMap;

use super::rank_fusion::ScoredRow;
use crate::int8_vector::{Int8Vector, encode};

/// Numbers summed side by side.
const LANES: usize = 16;

/// The joined vectors of rows, by their length, since packs may differ in it.
#[derive(Default)]
pub(super) struct VectorTable {
    blocks: BTreeMap<usize, VectorBlock>,
}

/// Vectors of one length in sequence: the position of the row each belongs to, its scale, its numbers.
#[derive(Default)]
struct VectorBlock {
    positions: Vec<usize>,
    scales: Vec<f32>,
    numbers: Vec<i8>,
}

impl VectorTable {
    /// Adds the vector of the row at a position.
    pub(super) fn push(&mut self, position: usize, vector: Int8Vector) {
        let block = self.blocks.entry(vector.len()).or_default();
        block.positions.push(position);
        block.scales.push(vector.scale);
        block.numbers.extend(vector.numbers());
    }

    /// Returns the dot product of `query` with the vector of every kept row that has one of the same length.
    pub(super) fn similarities(&self, query: &[f32], kept: &[bool]) -> Vec<ScoredRow> {
        let Some(block) = self.blocks.get(&query.len()) else {
            return Vec::new();
        };
        let blob = encode(query);
        // A query with NaN gives no vector.
        let Some(vector) = Int8Vector::parse(&blob) else {
            return Vec::new();
        };
        let (query, scale): (Vec<i8>, f32) = (vector.numbers().collect(), vector.scale);
        block
            .positions
            .iter()
            .zip(&block.scales)
            .zip(block.numbers.chunks_exact(query.len()))
            .filter(|((position, _), _)| kept[**position])
            .map(|((position, row_scale), vector)| {
                let similarity = dot(&query, vector) as f32 * row_scale * scale;
                (*position, f64::from(similarity))
            })
            .collect()
    }
}

/// Computes a dot product with sums side by side, which the compiler turns into vector instructions.
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

    fn of(vectors: &[&[f32]]) -> VectorTable {
        let mut all = VectorTable::default();
        for (position, vector) in vectors.iter().enumerate() {
            if let Some(vector) = Int8Vector::parse(&encode(vector)) {
                all.push(position, vector);
            }
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
    fn sums_do_not_overflow_for_long_or_large_vectors() {
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
    fn vectors_of_another_length_and_those_with_nan_are_left_out() {
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
