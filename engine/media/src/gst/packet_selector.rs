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
/// From fewer pieces than this some decoders give no picture at the end of a stream.
const FEW: usize = 8;

/// One piece of a compressed stream: what makes one picture.
#[derive(Clone, Debug)]
pub(crate) struct Piece<P> {
    /// When its picture is shown.
    pub(crate) at: MediaTime,
    /// Whether decoding can begin with it.
    pub(crate) key: bool,
    /// Its size in bytes.
    pub(crate) size: usize,
    /// The piece itself.
    pub(crate) inner: P,
}

/// What is to be decoded next.
#[derive(Debug, PartialEq)]
pub(crate) struct Needed<P> {
    /// Whether pieces were let go before: then the decoder must begin anew with the first of these.
    pub(crate) anew: bool,
    /// In order.
    pub(crate) pieces: Vec<P>,
}

/// The pieces that wait until it is known whether they are needed. Pieces come in the order of decoding.
pub(crate) struct Skipper<P> {
    waiting: Vec<Piece<P>>,
    bytes: usize,
    /// The place among these of a key frame before which none is needed, unless the stream ends.
    cut: Option<usize>,
    /// Whether pieces were let go before those that wait.
    anew: bool,
    /// Pieces shown before the key frame with which decoding began anew cannot be decoded; none of them is wanted.
    begun: Option<MediaTime>,
    /// The last that waits is a key frame shown after the wanted moment. Some encoders let pictures follow that are shown
    /// before it and need what came before it as well; the next piece tells.
    doubtful: bool,
    /// When the pieces would be shown that were let go and of which nobody took note yet.
    pub(crate) skipped: Vec<MediaTime>,
}

impl<P> Default for Skipper<P> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            bytes: 0,
            cut: None,
            anew: false,
            begun: None,
            doubtful: false,
            skipped: Vec::new(),
        }
    }
}

impl<P> Skipper<P> {
    /// Takes the next piece; what is to be decoded now, if pictures from `wanted` on are. That moment never goes back.
    pub(crate) fn push(&mut self, piece: Piece<P>, wanted: MediaTime) -> Needed<P> {
        let (at, key) = (piece.at, piece.key);
        if !key && self.begun.is_some_and(|begun| at < begun) {
            self.skipped.push(at);
            return self.nothing();
        }
        if mem::take(&mut self.doubtful) {
            return self.after_doubt(piece);
        }
        if key && at <= wanted && !self.waiting.is_empty() {
            self.let_go();
            self.cut = Some(self.waiting.len());
        }
        if key {
            self.begun = None;
        }
        let in_doubt = key && at > wanted && !self.waiting.is_empty();
        self.wait(piece);
        match at.reaches(wanted) {
            true if in_doubt => self.doubtful = true,
            true => return self.needed(),
            false if self.bytes > ROOM => return self.needed(),
            false => {}
        }
        self.nothing()
    }

    /// All that waits: what comes next is of another kind, or nothing.
    pub(crate) fn end(&mut self) -> Needed<P> {
        if self.cut.is_some_and(|cut| cut + FEW <= self.waiting.len()) {
            self.let_go();
        }
        self.release()
    }

    /// What waits and is needed, now that the wanted moment is reached.
    fn needed(&mut self) -> Needed<P> {
        self.let_go();
        self.release()
    }

    fn release(&mut self) -> Needed<P> {
        (self.cut, self.doubtful, self.bytes) = (None, false, 0);
        let waiting = mem::take(&mut self.waiting);
        Needed {
            anew: !waiting.is_empty() && mem::take(&mut self.anew),
            pieces: waiting.into_iter().map(|piece| piece.inner).collect(),
        }
    }

    /// A key frame and what follows it: if that is shown after it, nothing before the key frame is needed.
    fn after_doubt(&mut self, piece: Piece<P>) -> Needed<P> {
        let key = self.waiting.len() - 1;
        if piece.at > self.waiting[key].at {
            self.cut = Some(key);
        }
        // Before it lets go, it must know all that follows the key frame.
        self.wait(piece);
        self.needed()
    }

    /// Lets go what lies before the cut, and after it what is shown before its key frame.
    fn let_go(&mut self) {
        let Some(cut) = self.cut.take() else {
            return;
        };
        let before = self.waiting.drain(..cut);
        self.skipped.extend(before.map(|piece| piece.at));
        let begun = self.waiting.first().map(|key| key.at);
        let needs_more = |piece: &mut Piece<P>| !piece.key && Some(piece.at) < begun;
        let leading = self.waiting.extract_if(.., needs_more);
        self.skipped.extend(leading.map(|piece| piece.at));
        self.bytes = self.waiting.iter().map(|piece| piece.size).sum();
        (self.anew, self.begun) = (true, begun);
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
        tell(skipper.end());
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
        assert_eq!(decoded(&CLOSED, 5), "| 4 6 5 8 10 9");
        // Nothing needs the picture before the wanted one any more.
        assert_eq!(decoded(&CLOSED, 3), "0 3 | 4 6 5 8 10 9");
        assert_eq!(decoded(&CLOSED, 6), "| 4 6 | 8 10 9");
        assert_eq!(decoded(&CLOSED, 9), "| 8 10 9");
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
        assert_eq!(decoded(&CLOSED, 1000), "| 4 6 5 8 10 9");
        let many: Vec<_> = (0..40).map(|n| (n, n % 10 == 0)).collect();
        assert!(decoded(&many, 1000).starts_with("| 30 31"));
    }

    #[test]
    fn a_stream_of_one_key_frame_is_decoded_whole() {
        let pieces: Vec<_> = (0..100).map(|n| (n, n == 0)).collect();
        assert_eq!(decoded(&pieces, 50).split(' ').count(), 100);
    }
}
