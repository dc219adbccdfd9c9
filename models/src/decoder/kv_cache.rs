//! The KV cache: the keys and values of the tokens that a decoder has run, for several sequences at once; and the state of layers
//! that keep a fixed number of numbers instead, such as convolutions and recurrences.
//!
//! Each sequence is a row. The rows of a part (the keys or the values of one layer) are contiguous as
//! `[rows, heads, capacity, dim]`, whatever their lengths; numbers beyond a row's length are never read. A module writes
//! new tokens directly after the existing ones, so no step copies the cache. In return, a buffer has exactly as many rows
//! as the module runs, and changing the number of rows or the capacity reallocates it: callers that can foresee a change
//! should make it early.

use std::ops::Range;

use crate::runtime::session::TensorBuffer;

/// The capacity is a multiple of this many tokens.
pub(crate) const CAPACITY_STEP: usize = 32;

/// The dimensions of one token's keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvShape {
    /// Keys and values of all layers: twice the layers.
    pub parts: usize,
    /// Heads of keys and values.
    pub heads: usize,
    /// Numbers of each head.
    pub dim: usize,
    /// True if ONNX Runtime writes them, into memory that it allocated.
    pub in_runtime: bool,
    /// Numbers of a sequence's state, whatever its length; zeros before the first token.
    pub state: usize,
}

impl KvShape {
    /// Returns the numbers of one token in all parts.
    pub(crate) fn width(self) -> usize {
        self.parts * self.heads * self.dim
    }

    /// Returns the bytes of one token.
    pub(crate) fn bytes(self) -> usize {
        self.width() * size_of::<f32>()
    }
}

/// The keys and values of several sequences.
#[derive(Debug)]
pub struct KvCache {
    shape: KvShape,
    capacity: usize,
    /// Empty if there are no rows.
    parts: Vec<TensorBuffer>,
    lengths: Vec<usize>,
    /// `[rows, state]`
    states: Vec<f32>,
}

impl KvCache {
    /// Creates a cache without rows.
    pub fn new(shape: KvShape) -> Self {
        Self {
            shape,
            capacity: CAPACITY_STEP,
            parts: Vec::new(),
            lengths: Vec::new(),
            states: Vec::new(),
        }
    }

    /// Creates sequences of these lengths, all numbers 0, to measure the cost of running on them.
    pub fn zeroed(shape: KvShape, lengths: &[usize]) -> Self {
        let mut kv = Self::new(shape);
        let longest = lengths.iter().max().copied().unwrap_or(0);
        kv.resize(lengths.len(), longest);
        kv.lengths = lengths.to_vec();
        kv
    }

    /// Creates one sequence that starts with `tokens`, as returned by `KvCache::tokens`, with room for `capacity` tokens
    /// in total.
    pub fn from_tokens(shape: KvShape, tokens: &[f32], capacity: usize) -> Self {
        let count = tokens.len() / shape.width();
        let mut kv = Self::zeroed(shape, &[count.max(capacity)]);
        kv.lengths[0] = count;
        for (p, part) in kv.parts.iter_mut().enumerate() {
            let part = part.as_mut_slice();
            for (t, token) in tokens.chunks_exact(shape.width()).enumerate() {
                let heads = token[p * shape.heads * shape.dim..].chunks_exact(shape.dim);
                for (h, numbers) in heads.take(shape.heads).enumerate() {
                    part[(h * kv.capacity + t) * shape.dim..][..shape.dim].copy_from_slice(numbers);
                }
            }
        }
        kv
    }

    /// Returns the dimensions of a token's keys and values.
    pub fn shape(&self) -> KvShape {
        self.shape
    }

    /// Returns the number of tokens of each row.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Returns the number of tokens for which a row has room.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.lengths.len() * self.capacity * self.shape.bytes() + size_of_val(&*self.states)
    }

    /// Returns the state of a row.
    pub(crate) fn state(&self, row: usize) -> &[f32] {
        &self.states[row * self.shape.state..][..self.shape.state]
    }

    /// Returns the state of a row, to be changed.
    pub(crate) fn state_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.states[row * self.shape.state..][..self.shape.state]
    }

    /// Returns all parts, each `[rows, heads, capacity, dim]`.
    pub(crate) fn parts(&mut self) -> &mut [TensorBuffer] {
        &mut self.parts
    }

    /// Ensures room for `tokens` tokens in each row.
    pub(crate) fn reserve(&mut self, tokens: usize) {
        self.resize(self.lengths.len(), tokens.max(self.capacity));
    }

    /// Changes the number of rows and the tokens for which each has room. The first rows stay; new ones are empty.
    ///
    /// No row that stays may be longer than `tokens`.
    pub fn resize(&mut self, rows: usize, tokens: usize) {
        let (old, capacity) = (self.capacity, tokens.max(1).next_multiple_of(CAPACITY_STEP));
        if (rows, capacity) == (self.lengths.len(), old) {
            return;
        }
        self.lengths.resize(rows, 0);
        self.states.resize(rows * self.shape.state, 0.0);
        self.capacity = capacity;
        let KvShape { heads, dim, .. } = self.shape;
        let new = || TensorBuffer::zeroed([rows, heads, capacity, dim], self.shape.in_runtime);
        if rows == 0 {
            self.parts.clear();
        } else if self.parts.is_empty() {
            self.parts = (0..self.shape.parts).map(|_| new()).collect();
        } else {
            for part in &mut self.parts {
                let mut moved = new();
                let from = part.as_slice().chunks_exact(heads * old * dim);
                let to = moved
                    .as_mut_slice()
                    .chunks_exact_mut(heads * capacity * dim);
                for ((from, to), length) in from.zip(to).zip(&self.lengths) {
                    copy_heads(from, to, length * dim, heads);
                }
                *part = moved;
            }
        }
    }

    /// Copies a row of `other` into row `to`, which must have room for it.
    pub fn copy_row_from(&mut self, to: usize, other: &Self, from: usize) {
        let length = other.lengths[from];
        let (size, others) = (self.row_size(), other.row_size());
        for (part, other) in self.parts.iter_mut().zip(&other.parts) {
            let to = &mut part.as_mut_slice()[to * size..][..size];
            let from = &other.as_slice()[from * others..][..others];
            copy_heads(from, to, length * self.shape.dim, self.shape.heads);
        }
        self.state_mut(to).copy_from_slice(other.state(from));
        self.lengths[to] = length;
    }

    /// Copies row `from` into row `to`.
    pub(crate) fn copy_row(&mut self, from: usize, to: usize) {
        let (size, used) = (self.row_size(), self.lengths[from] * self.shape.dim);
        for part in &mut self.parts {
            let part = part.as_mut_slice();
            for head in 0..self.shape.heads {
                let start = head * self.capacity * self.shape.dim;
                let source = from * size + start;
                part.copy_within(source..source + used, to * size + start);
            }
        }
        let state = self.shape.state;
        self.states
            .copy_within(from * state..(from + 1) * state, to * state);
        self.lengths[to] = self.lengths[from];
    }

    /// Empties a row.
    pub(crate) fn clear_row(&mut self, row: usize) {
        self.lengths[row] = 0;
        self.state_mut(row).fill(0.0);
    }

    /// Returns some tokens of a row, one after the other, each with all its parts.
    pub(crate) fn tokens(&self, row: usize, range: Range<usize>) -> Vec<f32> {
        let (dim, heads) = (self.shape.dim, self.shape.heads);
        let parts: Vec<&[f32]> = self.parts.iter().map(TensorBuffer::as_slice).collect();
        let mut tokens = Vec::with_capacity(range.len() * self.shape.width());
        for token in range {
            for part in &parts {
                for head in 0..heads {
                    let start = ((row * heads + head) * self.capacity + token) * dim;
                    tokens.extend_from_slice(&part[start..][..dim]);
                }
            }
        }
        tokens
    }

    /// Returns a part of some rows as `[rows, heads, length, dim]`, with zeros before the tokens of a row that is shorter.
    pub(crate) fn left_padded(&self, part: usize, rows: &[usize], length: usize) -> Vec<f32> {
        let KvShape { heads, dim, .. } = self.shape;
        let numbers = self.parts[part].as_slice();
        let mut padded = vec![0.0; rows.len() * heads * length * dim];
        let mut to = padded.chunks_exact_mut((length * dim).max(1));
        for row in rows {
            let used = self.lengths[*row] * dim;
            for (head, to) in (0..heads).zip(&mut to) {
                let start = (row * heads + head) * self.capacity * dim;
                to[length * dim - used..].copy_from_slice(&numbers[start..][..used]);
            }
        }
        padded
    }

    /// Writes a part of `new` tokens after those of some rows: the last of `[rows, heads, length, dim]` numbers.
    pub(crate) fn write_last(&mut self, part: usize, rows: &[usize], numbers: &[f32], new: usize) {
        let KvShape { heads, dim, .. } = self.shape;
        let (capacity, used) = (self.capacity, new * dim);
        let length = numbers.len() / (rows.len() * heads);
        let mut from = numbers.chunks_exact(length);
        let to = self.parts[part].as_mut_slice();
        for row in rows {
            for (head, from) in (0..heads).zip(&mut from) {
                let start = ((row * heads + head) * capacity + self.lengths[*row]) * dim;
                to[start..][..used].copy_from_slice(&from[length - used..]);
            }
        }
    }

    /// Counts `new` more tokens in every row, after they have been written.
    pub(crate) fn extend_lengths(&mut self, new: usize) {
        self.lengths.iter_mut().for_each(|length| *length += new);
    }

    fn row_size(&self) -> usize {
        self.shape.heads * self.capacity * self.shape.dim
    }
}

/// Copies the first `used` numbers of each head.
fn copy_heads(from: &[f32], to: &mut [f32], used: usize, heads: usize) {
    let (source, target) = (from.len() / heads, to.len() / heads);
    for (from, to) in from.chunks_exact(source).zip(to.chunks_exact_mut(target)) {
        to[..used].copy_from_slice(&from[..used]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: KvShape = KvShape {
        parts: 2,
        heads: 3,
        dim: 2,
        in_runtime: false,
        state: 1,
    };

    /// Returns `tokens` tokens, no two numbers alike.
    fn distinct(tokens: usize, seed: usize) -> Vec<f32> {
        (0..tokens * SHAPE.width())
            .map(|n| (n + 10_000 * seed) as f32)
            .collect()
    }

    fn all(kv: &KvCache, row: usize) -> Vec<f32> {
        kv.tokens(row, 0..kv.lengths()[row])
    }

    #[test]
    fn rows_of_different_lengths_keep_their_tokens_when_moved() {
        let (short, long) = (distinct(5, 1), distinct(70, 2));
        let mut kv = KvCache::new(SHAPE);
        kv.resize(2, 70);
        kv.copy_row_from(0, &KvCache::from_tokens(SHAPE, &short, 0), 0);
        kv.copy_row_from(1, &KvCache::from_tokens(SHAPE, &long, 200), 0);
        assert_eq!((all(&kv, 0), all(&kv, 1)), (short.clone(), long.clone()));
        kv.resize(3, 100);
        kv.state_mut(0)[0] = 7.0;
        kv.copy_row(0, 2);
        assert_eq!((kv.state(1), kv.state(2)), (&[0.0][..], &[7.0][..]));
        kv.copy_row(1, 0);
        assert_eq!(
            (all(&kv, 0), all(&kv, 1), all(&kv, 2)),
            (long.clone(), long, short.clone())
        );
        assert_eq!(
            kv.tokens(2, 2..4),
            short[2 * SHAPE.width()..4 * SHAPE.width()]
        );
        assert_eq!((kv.lengths(), kv.capacity()), (&[70, 70, 5][..], 128));
        kv.copy_row(2, 0);
        kv.resize(1, 5);
        assert_eq!((all(&kv, 0), kv.capacity()), (short, 32));
        kv.state_mut(0)[0] = 7.0;
        kv.clear_row(0);
        assert_eq!(kv.state(0), [0.0]);
        kv.resize(0, 0);
        assert_eq!((kv.lengths().len(), kv.bytes()), (0, 0));
    }

    #[test]
    fn numbers_written_after_a_row_count_once_its_length_is_extended() {
        let mut kv = KvCache::from_tokens(SHAPE, &distinct(3, 1), 40);
        let row = kv.capacity() * SHAPE.dim;
        for part in kv.parts() {
            for head in 0..SHAPE.heads {
                part.as_mut_slice()[head * row + 6..][..2].fill(-1.0);
            }
        }
        assert_eq!(all(&kv, 0), distinct(3, 1));
        kv.extend_lengths(1);
        assert_eq!(kv.tokens(0, 3..4), vec![-1.0; SHAPE.width()]);
        kv.reserve(300);
        assert_eq!(kv.tokens(0, 0..3), distinct(3, 1));
        assert_eq!(kv.tokens(0, 3..4), vec![-1.0; SHAPE.width()]);
    }
}
