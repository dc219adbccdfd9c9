//! Keys and values: what a decoder keeps of the tokens that it has run, for several sequences at once.
//!
//! Each sequence is a row; the rows of a part (the keys or the values of one layer) lie behind each other as
//! `[rows, heads, room, dim]`, so that a module takes them as they are, whatever their lengths: what lies behind a row's
//! length is never looked at. Rows come and go at the end, and none moves unless it has to.

use std::ops::Range;

/// Room for tokens grows in such steps: every growth moves all rows.
const STEP: usize = 32;

/// The sizes of one token's keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvShape {
    /// Keys and values of all layers: twice the layers.
    pub parts: usize,
    /// Heads that have keys and values.
    pub heads: usize,
    /// Numbers for each head.
    pub dim: usize,
}

impl KvShape {
    /// Numbers of one token in all parts.
    pub fn width(self) -> usize {
        self.parts * self.heads * self.dim
    }

    /// Bytes of one token.
    pub fn bytes(self) -> usize {
        self.width() * size_of::<f32>()
    }
}

/// Keys and values of several sequences.
#[derive(Clone, Debug)]
pub struct Kv {
    shape: KvShape,
    room: usize,
    parts: Vec<Vec<f32>>,
    lengths: Vec<usize>,
}

impl Kv {
    /// No sequence yet.
    pub fn new(shape: KvShape) -> Self {
        Self {
            shape,
            room: STEP,
            parts: vec![Vec::new(); shape.parts],
            lengths: Vec::new(),
        }
    }

    /// Sequences of these lengths, all numbers 0: for who measures what running on them costs.
    pub fn blank(shape: KvShape, lengths: &[usize]) -> Self {
        let mut kv = Self::new(shape);
        kv.reserve(lengths.iter().max().copied().unwrap_or(0));
        let numbers = lengths.len() * shape.heads * kv.room * shape.dim;
        kv.parts = vec![vec![0.0; numbers]; shape.parts];
        kv.lengths = lengths.to_vec();
        kv
    }

    /// One sequence that goes on from these tokens: what [`Kv::tokens`] gave.
    pub fn of(shape: KvShape, tokens: &[f32]) -> Self {
        let mut kv = Self::new(shape);
        let count = tokens.len() / shape.width();
        kv.reserve(count);
        kv.lengths.push(count);
        for (p, part) in kv.parts.iter_mut().enumerate() {
            part.resize(shape.heads * kv.room * shape.dim, 0.0);
            for (t, token) in tokens.chunks_exact(shape.width()).enumerate() {
                let heads = token[p * shape.heads * shape.dim..].chunks_exact(shape.dim);
                for (h, numbers) in heads.take(shape.heads).enumerate() {
                    part[(h * kv.room + t) * shape.dim..][..shape.dim].copy_from_slice(numbers);
                }
            }
        }
        kv
    }

    /// The sizes of a token.
    pub fn shape(&self) -> KvShape {
        self.shape
    }

    /// Tokens of each row.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Tokens that a row has room for.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.lengths.len() * self.room * self.shape.bytes()
    }

    /// One part of all rows, `[rows, heads, room, dim]`.
    pub fn part(&self, part: usize) -> &[f32] {
        &self.parts[part]
    }

    /// Makes room for so many tokens in each row.
    pub fn reserve(&mut self, tokens: usize) {
        if tokens > self.room {
            self.resize(tokens.next_multiple_of(STEP));
        }
    }

    /// Gives room back if less than half of it is needed.
    pub fn shrink(&mut self) {
        let longest = self.lengths.iter().max().copied().unwrap_or(0);
        let needed = longest.max(1).next_multiple_of(STEP);
        if 2 * needed <= self.room {
            self.resize(needed);
        }
    }

    fn resize(&mut self, room: usize) {
        let (old, new) = (self.room * self.shape.dim, room * self.shape.dim);
        for part in &mut self.parts {
            let mut moved = vec![0.0; part.len() / old * new];
            for (from, to) in part.chunks_exact(old).zip(moved.chunks_exact_mut(new)) {
                let both = old.min(new);
                to[..both].copy_from_slice(&from[..both]);
            }
            *part = moved;
        }
        self.room = room;
    }

    /// Adds a copy of a row of `other` as the last row.
    pub fn push(&mut self, other: &Self, row: usize) {
        let length = other.lengths[row];
        self.reserve(length);
        let (dim, heads) = (self.shape.dim, self.shape.heads);
        for (part, from) in self.parts.iter_mut().zip(&other.parts) {
            let start = part.len();
            part.resize(start + heads * self.room * dim, 0.0);
            for head in 0..heads {
                let to = &mut part[start + head * self.room * dim..][..length * dim];
                to.copy_from_slice(
                    &from[(row * heads + head) * other.room * dim..][..length * dim],
                );
            }
        }
        self.lengths.push(length);
    }

    /// Adds a copy of one of its own rows as the last row.
    pub fn repeat(&mut self, row: usize) {
        let size = self.row_size();
        for part in &mut self.parts {
            part.extend_from_within(row * size..(row + 1) * size);
        }
        self.lengths.push(self.lengths[row]);
    }

    /// Makes row `to` a copy of row `from`.
    pub fn copy(&mut self, from: usize, to: usize) {
        let (size, used) = (self.row_size(), self.lengths[from] * self.shape.dim);
        for part in &mut self.parts {
            for head in 0..self.shape.heads {
                let start = head * self.room * self.shape.dim;
                let source = from * size + start;
                part.copy_within(source..source + used, to * size + start);
            }
        }
        self.lengths[to] = self.lengths[from];
    }

    /// Removes a row; the last row takes its place.
    pub fn swap_remove(&mut self, row: usize) {
        let last = self.lengths.len() - 1;
        if row != last {
            self.copy(last, row);
        }
        self.lengths.pop();
        let size = self.row_size();
        for part in &mut self.parts {
            part.truncate(last * size);
        }
    }

    /// Some tokens of a row, one behind the other, each with all its parts.
    pub fn tokens(&self, row: usize, range: Range<usize>) -> Vec<f32> {
        let (dim, heads) = (self.shape.dim, self.shape.heads);
        let mut tokens = Vec::with_capacity(range.len() * self.shape.width());
        for token in range {
            for part in &self.parts {
                for head in 0..heads {
                    let start = ((row * heads + head) * self.room + token) * dim;
                    tokens.extend_from_slice(&part[start..][..dim]);
                }
            }
        }
        tokens
    }

    /// Takes over one part of `new` tokens of every row, which `from`, `[rows, heads, its room, dim]`, has behind the rows' lengths.
    ///
    /// The rows must have room for them. They count only after [`Kv::grow`].
    pub fn write(&mut self, part: usize, new: usize, from: &[f32]) {
        let (dim, heads) = (self.shape.dim, self.shape.heads);
        let room = from.len() / (self.lengths.len() * heads);
        for (row, length) in self.lengths.iter().enumerate() {
            for head in row * heads..(row + 1) * heads {
                let to = &mut self.parts[part][(head * self.room + length) * dim..][..new * dim];
                to.copy_from_slice(&from[head * room + length * dim..][..new * dim]);
            }
        }
    }

    /// Counts `new` tokens more in every row.
    pub fn grow(&mut self, new: usize) {
        self.lengths.iter_mut().for_each(|length| *length += new);
    }

    fn row_size(&self) -> usize {
        self.shape.heads * self.room * self.shape.dim
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: KvShape = KvShape {
        parts: 2,
        heads: 3,
        dim: 2,
    };

    /// So many tokens, no two numbers alike.
    fn some(tokens: usize, seed: usize) -> Vec<f32> {
        (0..tokens * SHAPE.width())
            .map(|n| (n + 10_000 * seed) as f32)
            .collect()
    }

    fn all(kv: &Kv, row: usize) -> Vec<f32> {
        kv.tokens(row, 0..kv.lengths()[row])
    }

    #[test]
    fn rows_of_different_lengths_keep_their_tokens_wherever_they_go() {
        let (short, long) = (some(5, 1), some(70, 2));
        let mut kv = Kv::new(SHAPE);
        kv.push(&Kv::of(SHAPE, &short), 0);
        kv.push(&Kv::of(SHAPE, &long), 0);
        kv.repeat(0);
        kv.copy(1, 0);
        assert_eq!(
            (all(&kv, 0), all(&kv, 1), all(&kv, 2)),
            (long.clone(), long.clone(), short.clone())
        );
        kv.swap_remove(0);
        assert_eq!((all(&kv, 0), all(&kv, 1)), (short.clone(), long));
        assert_eq!(
            kv.tokens(0, 2..4),
            short[2 * SHAPE.width()..4 * SHAPE.width()]
        );
        assert_eq!((kv.lengths(), kv.room()), (&[5, 70][..], 96));
        kv.swap_remove(1);
        kv.shrink();
        assert_eq!((all(&kv, 0), kv.room()), (short, 32));
    }

    #[test]
    fn takes_over_the_tokens_behind_each_rows_length() {
        let mut kv = Kv::new(SHAPE);
        for row in [some(3, 1), some(6, 2)] {
            kv.push(&Kv::of(SHAPE, &row), 0);
        }
        let wide = 9 * SHAPE.dim;
        for part in 0..SHAPE.parts {
            let from: Vec<f32> = (0..2 * SHAPE.heads * wide).map(|n| -(n as f32)).collect();
            kv.write(part, 1, &from);
        }
        kv.grow(1);
        assert_eq!(kv.lengths(), [4, 7]);
        assert_eq!(kv.tokens(0, 3..4)[..2], [-6.0, -7.0]);
        assert_eq!(
            kv.tokens(1, 6..7)[..2],
            [-((3 * wide + 12) as f32), -((3 * wide + 13) as f32)]
        );
        assert_eq!(kv.tokens(1, 0..6), some(6, 2));
    }
}
