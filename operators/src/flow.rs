//! Bounds on what is in flight, for each source: frames that wait for the encoder, segments that wait for the last sink.
//!
//! A [`Slot`] is carried inside the frame or the segment and comes back when that is dropped, whoever drops it: so the
//! number of slots out is the number of frames alive. The intake takes records of a source only while its flow is open.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use timely::scheduling::SyncActivator;

use crate::pace::Pace;

/// How many frames and segments of one source may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Frames between source and encoder.
    pub frames: usize,
    /// Closed segments not yet out of the last sink.
    pub segments: usize,
    /// Of a live source: what the decoder has not said so long after a segment was over is of no use any more.
    /// A recording has all the time that it needs.
    pub late_after: Option<Duration>,
}

impl Default for Bounds {
    /// Two frames in flight keep two stages busy (measured: no gain beyond); a few segments keep the decoder busy.
    fn default() -> Self {
        Self {
            frames: 4,
            segments: 4,
            late_after: None,
        }
    }
}

impl Bounds {
    /// One thing after the other: of a recording one frame, or one segment.
    pub const ONE: Self = Self {
        frames: 1,
        segments: 1,
        late_after: None,
    };

    /// Bounds of a live source that is cut into pieces no shorter than these: so many segments as can still be of use, and some
    /// more. Then it is time that decides what is given up, and no picture is let go for want of words about older ones; but for
    /// very short pieces, of which there are never more than 256.
    pub fn of_live(late_after: Duration, pieces: impl Iterator<Item = Duration>) -> Self {
        let useful = pieces.map(|piece| late_after.as_millis() / piece.as_millis().max(1));
        Self {
            segments: (useful.sum::<u128>() as usize)
                .saturating_add(4)
                .min(MOST_SEGMENTS),
            late_after: Some(late_after),
            ..Self::default()
        }
    }
}

/// More segments are never in flight of one source: each holds some frames' features.
const MOST_SEGMENTS: usize = 256;

/// What is in flight of one source.
#[derive(Debug)]
pub struct Flow {
    bounds: Bounds,
    frames: AtomicUsize,
    segments: AtomicUsize,
    pace: Arc<Pace>,
    strained: AtomicBool,
    intake: OnceLock<SyncActivator>,
}

impl Flow {
    /// A flow with nothing in it.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            frames: 0.into(),
            segments: 0.into(),
            pace: Arc::default(),
            strained: AtomicBool::new(false),
            intake: OnceLock::new(),
        })
    }

    /// Of a live source: after which time a result about its pictures is of no use.
    pub fn late_after(&self) -> Option<Duration> {
        self.bounds.late_after
    }

    /// At which share of its rate the source is sampled now.
    pub fn pace(&self) -> &Arc<Pace> {
        &self.pace
    }

    /// There was too much of the source: a frame was let go, or a result came too late.
    pub fn strain(&self) {
        self.strained.store(true, SeqCst);
    }

    /// Whether there was too much of it since this was asked last.
    pub fn was_strained(&self) -> bool {
        self.strained.swap(false, SeqCst)
    }

    /// Whether another record may be taken in.
    pub fn open(&self) -> bool {
        self.frames.load(SeqCst) < self.bounds.frames
            && self.segments.load(SeqCst) < self.bounds.segments
    }

    /// Counts a frame in.
    pub fn frame(self: &Arc<Self>) -> Slot {
        self.frames.fetch_add(1, SeqCst);
        Slot {
            flow: Arc::clone(self),
            kind: Kind::Frame,
        }
    }

    /// Counts a segment in.
    pub fn segment(self: &Arc<Self>) -> Slot {
        self.segments.fetch_add(1, SeqCst);
        Slot {
            flow: Arc::clone(self),
            kind: Kind::Segment,
        }
    }

    /// Frames and segments in flight.
    pub fn in_flight(&self) -> (usize, usize) {
        (self.frames.load(SeqCst), self.segments.load(SeqCst))
    }

    /// Has the intake look again: after a record was handed to it, or a slot came back.
    pub fn wake(&self) {
        if let Some(intake) = self.intake.get() {
            // A worker that is gone has nothing left to take in.
            let _ = intake.activate();
        }
    }

    /// Names the operator to wake; the first call counts.
    pub(crate) fn waking(&self, intake: SyncActivator) {
        let _ = self.intake.set(intake);
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Frame,
    Segment,
}

/// A place in the flow, given back on drop.
#[derive(Debug)]
pub struct Slot {
    flow: Arc<Flow>,
    kind: Kind,
}

impl Slot {
    /// The flow that this is a place of.
    pub(crate) fn flow(&self) -> Arc<Flow> {
        Arc::clone(&self.flow)
    }
}

impl Drop for Slot {
    /// Gives the place back. Who brings the count below its bound wakes the intake: the count itself decides that, since
    /// any reading before it may be out of date by then.
    fn drop(&mut self) {
        let (count, bound) = match self.kind {
            Kind::Frame => (&self.flow.frames, self.flow.bounds.frames),
            Kind::Segment => (&self.flow.segments, self.flow.bounds.segments),
        };
        if count.fetch_sub(1, SeqCst) >= bound {
            self.flow.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_at_the_bound_and_opens_when_a_slot_comes_back() {
        let flow = Flow::new(Bounds {
            frames: 1,
            segments: 2,
            late_after: None,
        });
        let (frame, first) = (flow.frame(), flow.segment());
        assert!(!flow.open());
        drop(frame);
        assert!(flow.open());
        let second = flow.segment();
        assert!(!flow.open());
        drop((first, second));
        assert_eq!(flow.in_flight(), (0, 0));
    }
}
