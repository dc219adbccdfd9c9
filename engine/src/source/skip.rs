//! Decides which pieces of a compressed stream need not be decoded, when only pictures from some moment on are wanted.
//!
//! A picture can be decoded if everything from its key frame on is. So pieces wait here until either the wanted moment is
//! reached, then all that wait are needed, or a key frame comes that is shown no later than that moment, then what waited
//! before it is let go. Nothing is sought in the file: whatever reads the container sees every piece, so that the times of
//! pictures are the same as if all were decoded, in every container, also in those in which nothing can be sought.

use std::mem;

use atom_operators::data::MediaTime;

/// So many bytes may wait; a stream with fewer key frames is decoded whole.
const ROOM: usize = 64 << 20;

/// One piece of a compressed stream: what makes one picture.
#[derive(Clone, Debug)]
pub(super) struct Piece<P> {
    /// When its picture is shown.
    pub(super) at: MediaTime,
    /// Whether decoding can begin with it.
    pub(super) key: bool,
    /// Its size in bytes.
    pub(super) size: usize,
    /// The piece itself.
    pub(super) inner: P,
}

/// What is to be decoded next.
#[derive(Debug, PartialEq)]
pub(super) struct Needed<P> {
    /// Whether pieces were let go before: then the decoder must begin anew with the first of these.
    pub(super) anew: bool,
    /// In order.
    pub(super) pieces: Vec<P>,
}

/// The pieces that wait until it is known whether they are needed. Pieces come in the order of decoding.
pub(super) struct Skipper<P> {
    waiting: Vec<Piece<P>>,
    bytes: usize,
    /// Whether pieces were let go before those that wait.
    anew: bool,
    /// Pieces shown before the key frame with which decoding began anew cannot be decoded; none of them is wanted.
    begun: Option<MediaTime>,
    /// The last that waits is a key frame shown after the wanted moment. Some encoders let pictures follow that are shown
    /// before it and need what came before it as well; the next piece tells.
    doubtful: bool,
    /// How many pieces were let go.
    pub(super) skipped: u64,
}

impl<P> Default for Skipper<P> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            bytes: 0,
            anew: false,
            begun: None,
            doubtful: false,
            skipped: 0,
        }
    }
}

impl<P> Skipper<P> {
    /// Takes the next piece; what is to be decoded now, if pictures from `wanted` on are. That moment never goes back.
    pub(super) fn push(&mut self, piece: Piece<P>, wanted: MediaTime) -> Needed<P> {
        let (at, key) = (piece.at, piece.key);
        if !key && self.begun.is_some_and(|begun| at < begun) {
            self.skipped += 1;
            return self.nothing();
        }
        if mem::take(&mut self.doubtful) {
            return self.after_doubt(piece);
        }
        if key {
            self.begun = None;
            if at <= wanted && !self.waiting.is_empty() {
                self.begin_with_next(at);
            }
        }
        let in_doubt = key && at > wanted && !self.waiting.is_empty();
        self.wait(piece);
        match at.reaches(wanted) || self.bytes > ROOM {
            true if in_doubt => {
                self.doubtful = true;
                self.nothing()
            }
            true => self.release(),
            false => self.nothing(),
        }
    }

    /// All that waits: what comes next is of another kind, or nothing.
    pub(super) fn release(&mut self) -> Needed<P> {
        self.doubtful = false;
        self.bytes = 0;
        let waiting = mem::take(&mut self.waiting);
        Needed {
            anew: !waiting.is_empty() && mem::take(&mut self.anew),
            pieces: waiting.into_iter().map(|piece| piece.inner).collect(),
        }
    }

    /// A key frame and what follows it: if that is shown after it, nothing before the key frame is needed.
    fn after_doubt(&mut self, piece: Piece<P>) -> Needed<P> {
        let at = self.waiting.last().map_or(piece.at, |last| last.at);
        if piece.at > at
            && let Some(key) = self.waiting.pop()
        {
            self.begin_with_next(key.at);
            self.wait(key);
        }
        self.wait(piece);
        self.release()
    }

    fn begin_with_next(&mut self, at: MediaTime) {
        self.skipped += self.waiting.len() as u64;
        self.waiting.clear();
        self.bytes = 0;
        self.anew = true;
        self.begun = Some(at);
    }

    fn wait(&mut self, piece: Piece<P>) {
        self.bytes += piece.size;
        self.waiting.push(piece);
    }

    fn nothing(&self) -> Needed<P> {
        Needed {
            anew: false,
            pieces: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is decoded of pieces given as `(shown at, key)`, `|` where the decoder begins anew.
    fn decoded(pieces: &[(u64, bool)], wanted: u64) -> String {
        let mut skipper = Skipper::default();
        let mut said = Vec::new();
        let mut tell = |needed: Needed<u64>| {
            said.extend(needed.anew.then(|| "|".to_owned()));
            said.extend(needed.pieces.iter().map(u64::to_string));
        };
        for &(at, key) in pieces {
            let piece = Piece {
                at: MediaTime::from_millis(at),
                key,
                size: 1,
                inner: at,
            };
            tell(skipper.push(piece, MediaTime::from_millis(wanted)));
        }
        tell(skipper.release());
        said.join(" ")
    }

    const CLOSED: [(u64, bool); 9] = [
        (0, true),
        (3, false),
        (1, false),
        (4, true),
        (6, false),
        (5, false),
        (8, true),
        (10, false),
        (9, false),
    ];
    /// A picture that is shown before a key frame and needs what came before it as well.
    const OPEN: [(u64, bool); 6] = [
        (0, true),
        (2, false),
        (4, true),
        (3, false),
        (6, false),
        (5, false),
    ];

    #[test]
    fn decodes_all_where_all_is_wanted() {
        assert_eq!(decoded(&CLOSED, 0), "0 3 1 4 6 5 8 10 9");
        assert_eq!(decoded(&OPEN, 0), "0 2 4 3 6 5");
    }

    #[test]
    fn begins_with_the_last_key_frame_before_what_is_wanted() {
        assert_eq!(decoded(&CLOSED, 4), "| 4 6 5 8 10 9");
        assert_eq!(decoded(&CLOSED, 6), "| 4 6 5 8 10 9");
        assert_eq!(decoded(&CLOSED, 9), "| 8 10 9");
        assert_eq!(decoded(&CLOSED, 3), "0 3 1 4 6 5 8 10 9");
    }

    #[test]
    fn begins_with_a_key_frame_after_it_if_none_lies_before() {
        assert_eq!(decoded(&CLOSED, 7), "| 8 10 9");
    }

    #[test]
    fn what_is_shown_before_a_key_frame_but_follows_it_needs_what_came_before() {
        assert_eq!(decoded(&OPEN, 3), "0 2 4 3 6 5");
        assert_eq!(decoded(&OPEN, 4), "| 4 6 5");
        assert_eq!(decoded(&OPEN, 5), "| 4 6 5");
    }

    #[test]
    fn the_last_pictures_are_decoded_for_the_sake_of_the_end() {
        assert_eq!(decoded(&CLOSED, 1000), "| 8 10 9");
    }

    #[test]
    fn a_stream_of_one_key_frame_is_decoded_whole() {
        let pieces: Vec<_> = (0..100).map(|n| (n, n == 0)).collect();
        assert_eq!(decoded(&pieces, 50).split(' ').count(), 100);
    }
}
