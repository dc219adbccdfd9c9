//! Keys and values: what a decoder keeps of the tokens that it has run, for several sequences at once.
//!
//! Each sequence is a row; the rows of a part (the keys or the values of one layer) lie behind each other as
//! `[rows, heads, room, dim]`, whatever their lengths: what lies behind a row's length is never looked at. A module writes new
//! tokens right behind those that are there, so that nothing is copied from step to step. In return a block has exactly as many rows
//! as the module runs, and another number of rows, or more room, is another block: whoever can foresee them asks for them early.

use std::ops::Range;

use crate::session::Block;

/// Room for tokens comes in such steps.
pub(crate) const STEP: usize = 32;

/// The sizes of one token's keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvShape {
    /// Keys and values of all layers: twice the layers.
    pub parts: usize,
    /// Heads that have keys and values.
    pub heads: usize,
    /// Numbers for each head.
    pub dim: usize,
    /// Whether a module of the runtime writes them, into memory of the runtime.
    pub of_module: bool,
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
#[derive(Debug)]
pub struct Kv {
    shape: KvShape,
    room: usize,
    /// None if there is no row.
    parts: Vec<Block>,
    lengths: Vec<usize>,
}

impl Kv {
    /// No sequence yet.
    pub fn new(shape: KvShape) -> Self {
        Self {
            shape,
            room: STEP,
            parts: Vec::new(),
            lengths: Vec::new(),
        }
    }

    /// Sequences of these lengths, all numbers 0: for who measures what running on them costs.
    pub fn blank(shape: KvShape, lengths: &[usize]) -> Self {
        let mut kv = Self::new(shape);
        let longest = lengths.iter().max().copied().unwrap_or(0);
        kv.resize(lengths.len(), longest);
        kv.lengths = lengths.to_vec();
        kv
    }

    /// One sequence that goes on from these tokens, what [`Kv::tokens`] gave, with room for `room` in all.
    pub fn of(shape: KvShape, tokens: &[f32], room: usize) -> Self {
        let count = tokens.len() / shape.width();
        let mut kv = Self::blank(shape, &[count.max(room)]);
        kv.lengths[0] = count;
        for (p, part) in kv.parts.iter_mut().enumerate() {
            let part = part.numbers_mut();
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

    /// All parts, each `[rows, heads, room, dim]`.
    pub(crate) fn parts(&mut self) -> &mut [Block] {
        &mut self.parts
    }

    /// Makes room for so many tokens in each row.
    pub fn reserve(&mut self, tokens: usize) {
        self.resize(self.lengths.len(), tokens.max(self.room));
    }

    /// Makes it so many rows, each with room for so many tokens; the first rows stay, new ones are empty.
    ///
    /// No row that stays may be longer.
    pub fn resize(&mut self, rows: usize, tokens: usize) {
        let (old, room) = (self.room, tokens.max(1).next_multiple_of(STEP));
        if (rows, room) == (self.lengths.len(), old) {
            return;
        }
        self.lengths.resize(rows, 0);
        self.room = room;
        let KvShape { heads, dim, .. } = self.shape;
        let new = || Block::new([rows, heads, room, dim], self.shape.of_module);
        if rows == 0 {
            self.parts.clear();
        } else if self.parts.is_empty() {
            self.parts = (0..self.shape.parts).map(|_| new()).collect();
        } else {
            for part in &mut self.parts {
                let mut moved = new();
                let from = part.numbers().chunks_exact(heads * old * dim);
                let to = moved.numbers_mut().chunks_exact_mut(heads * room * dim);
                for ((from, to), length) in from.zip(to).zip(&self.lengths) {
                    copy_row(from, to, length * dim, heads);
                }
                *part = moved;
            }
        }
    }

    /// Makes row `to` a copy of a row of `other`; it must have room for it.
    pub fn put(&mut self, to: usize, other: &Self, from: usize) {
        let length = other.lengths[from];
        let (size, others) = (self.row_size(), other.row_size());
        for (part, other) in self.parts.iter_mut().zip(&other.parts) {
            let to = &mut part.numbers_mut()[to * size..][..size];
            let from = &other.numbers()[from * others..][..others];
            copy_row(from, to, length * self.shape.dim, self.shape.heads);
        }
        self.lengths[to] = length;
    }

    /// Makes row `to` a copy of row `from`.
    pub fn copy(&mut self, from: usize, to: usize) {
        let (size, used) = (self.row_size(), self.lengths[from] * self.shape.dim);
        for part in &mut self.parts {
            let part = part.numbers_mut();
            for head in 0..self.shape.heads {
                let start = head * self.room * self.shape.dim;
                let source = from * size + start;
                part.copy_within(source..source + used, to * size + start);
            }
        }
        self.lengths[to] = self.lengths[from];
    }

    /// Makes a row empty.
    pub fn clear(&mut self, row: usize) {
        self.lengths[row] = 0;
    }

    /// Some tokens of a row, one behind the other, each with all its parts.
    pub fn tokens(&self, row: usize, range: Range<usize>) -> Vec<f32> {
        let (dim, heads) = (self.shape.dim, self.shape.heads);
        let parts: Vec<&[f32]> = self.parts.iter().map(Block::numbers).collect();
        let mut tokens = Vec::with_capacity(range.len() * self.shape.width());
        for token in range {
            for part in &parts {
                for head in 0..heads {
                    let start = ((row * heads + head) * self.room + token) * dim;
                    tokens.extend_from_slice(&part[start..][..dim]);
                }
            }
        }
        tokens
    }

    /// Counts `new` tokens more in every row.
    pub fn grow(&mut self, new: usize) {
        self.lengths.iter_mut().for_each(|length| *length += new);
    }

    fn row_size(&self) -> usize {
        self.shape.heads * self.room * self.shape.dim
    }
}

/// Copies the first `used` numbers of each head.
fn copy_row(from: &[f32], to: &mut [f32], used: usize, heads: usize) {
    let (wide, room) = (from.len() / heads, to.len() / heads);
    for (from, to) in from.chunks_exact(wide).zip(to.chunks_exact_mut(room)) {
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
        of_module: false,
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
        kv.resize(2, 70);
        kv.put(0, &Kv::of(SHAPE, &short, 0), 0);
        kv.put(1, &Kv::of(SHAPE, &long, 200), 0);
        assert_eq!((all(&kv, 0), all(&kv, 1)), (short.clone(), long.clone()));
        kv.resize(3, 100);
        kv.copy(0, 2);
        kv.copy(1, 0);
        assert_eq!(
            (all(&kv, 0), all(&kv, 1), all(&kv, 2)),
            (long.clone(), long, short.clone())
        );
        assert_eq!(
            kv.tokens(2, 2..4),
            short[2 * SHAPE.width()..4 * SHAPE.width()]
        );
        assert_eq!((kv.lengths(), kv.room()), (&[70, 70, 5][..], 128));
        kv.copy(2, 0);
        kv.resize(1, 5);
        assert_eq!((all(&kv, 0), kv.room()), (short, 32));
        kv.clear(0);
        kv.resize(0, 0);
        assert_eq!((kv.lengths().len(), kv.bytes()), (0, 0));
    }

    #[test]
    fn what_is_written_behind_a_row_counts_once_it_has_grown() {
        let mut kv = Kv::of(SHAPE, &some(3, 1), 40);
        let row = kv.room() * SHAPE.dim;
        for part in kv.parts() {
            for head in 0..SHAPE.heads {
                part.numbers_mut()[head * row + 6..][..2].fill(-1.0);
            }
        }
        assert_eq!(all(&kv, 0), some(3, 1));
        kv.grow(1);
        assert_eq!(kv.tokens(0, 3..4), vec![-1.0; SHAPE.width()]);
        kv.reserve(300);
        assert_eq!(kv.tokens(0, 0..3), some(3, 1));
        assert_eq!(kv.tokens(0, 3..4), vec![-1.0; SHAPE.width()]);
    }
}
