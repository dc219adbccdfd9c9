//! Flow control: limits on the frames and segments of one source that are in flight.
//!
//! A [`Permit`] travels inside the frame or the segment and is returned when that is dropped, on whatever thread. So the
//! number of permits out is the number of frames or segments alive. The intake takes records of a source only while
//! credits are available.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use timely::scheduling::SyncActivator;

use crate::rate_control::RateFactor;

/// Limits on the frames and segments of one source that are in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditLimits {
    /// Frames between source and encoder.
    pub frames: usize,
    /// Closed segments that have not left the last sink.
    pub segments: usize,
    /// Time after the end of a live segment at which its results become useless. `None` for a recording, whose results
    /// never come too late.
    pub late_after: Option<Duration>,
}

impl Default for CreditLimits {
    /// Two frames in flight keep two stages busy (measured: no gain beyond); a few segments keep the decoder busy.
    fn default() -> Self {
        Self {
            frames: 4,
            segments: 4,
            late_after: None,
        }
    }
}

impl CreditLimits {
    /// Limits for sequential processing of a recording: one frame, or one segment.
    pub const ONE: Self = Self {
        frames: 1,
        segments: 1,
        late_after: None,
    };

    /// Returns the limits of a live source whose segment nodes have these segment lengths.
    ///
    /// They admit all segments that can still be useful and a few more. So late results are dropped by their deadline,
    /// and no frame is dropped because the decoder still works on older ones. Very short segments are the exception:
    /// there are never more than 256.
    pub fn live(late_after: Duration, segment_lengths: impl Iterator<Item = Duration>) -> Self {
        let useful =
            segment_lengths.map(|length| late_after.as_millis() / length.as_millis().max(1));
        Self {
            segments: (useful.sum::<u128>() as usize)
                .saturating_add(4)
                .min(MAX_SEGMENTS),
            late_after: Some(late_after),
            ..Self::default()
        }
    }
}

/// Upper limit on the segments of one source in flight: each holds the features of some frames.
const MAX_SEGMENTS: usize = 256;

/// The credits of one source: its limits and the permits that are out.
///
/// ```
/// use atom_operators::credits::{CreditLimits, Credits};
///
/// let credits = Credits::new(CreditLimits::ONE);
/// let permit = credits.frame_permit();
/// assert!(!credits.available());
/// drop(permit);
/// assert!(credits.available());
/// ```
#[derive(Debug)]
pub struct Credits {
    limits: CreditLimits,
    frames: AtomicUsize,
    segments: AtomicUsize,
    rate: Arc<RateFactor>,
    overloaded: AtomicBool,
    intake: OnceLock<SyncActivator>,
}

impl Credits {
    /// Creates credits with no permit out.
    pub fn new(limits: CreditLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            frames: 0.into(),
            segments: 0.into(),
            rate: Arc::default(),
            overloaded: AtomicBool::new(false),
            intake: OnceLock::new(),
        })
    }

    /// Returns the time after which a result about a live segment is useless; `None` for a recording.
    pub fn late_after(&self) -> Option<Duration> {
        self.limits.late_after
    }

    /// Returns the factor that currently scales the source's sample rate.
    pub fn rate(&self) -> &Arc<RateFactor> {
        &self.rate
    }

    /// Records overload: a frame was dropped, or a result came too late.
    pub fn report_overload(&self) {
        self.overloaded.store(true, SeqCst);
    }

    /// Returns true if overload was reported since the last call.
    pub fn take_overload(&self) -> bool {
        self.overloaded.swap(false, SeqCst)
    }

    /// Returns true if the intake may admit another record.
    pub fn available(&self) -> bool {
        self.frames.load(SeqCst) < self.limits.frames
            && self.segments.load(SeqCst) < self.limits.segments
    }

    /// Issues a permit for a frame.
    pub fn frame_permit(self: &Arc<Self>) -> Permit {
        self.frames.fetch_add(1, SeqCst);
        Permit {
            credits: Arc::clone(self),
            kind: PermitKind::Frame,
        }
    }

    /// Issues a permit for a segment.
    pub fn segment_permit(self: &Arc<Self>) -> Permit {
        self.segments.fetch_add(1, SeqCst);
        Permit {
            credits: Arc::clone(self),
            kind: PermitKind::Segment,
        }
    }

    /// Returns the numbers of frames and segments in flight.
    pub fn in_flight(&self) -> (usize, usize) {
        (self.frames.load(SeqCst), self.segments.load(SeqCst))
    }

    /// Schedules the intake: after a record was sent to it, or a permit was returned.
    pub fn wake_intake(&self) {
        if let Some(intake) = self.intake.get() {
            // A worker that is gone has nothing left to take in.
            let _ = intake.activate();
        }
    }

    /// Sets the operator to wake; later calls have no effect.
    pub(crate) fn set_intake(&self, intake: SyncActivator) {
        let _ = self.intake.set(intake);
    }
}

#[derive(Clone, Copy, Debug)]
enum PermitKind {
    Frame,
    Segment,
}

/// The right of one frame or segment to be in flight; returned on drop.
#[derive(Debug)]
pub struct Permit {
    credits: Arc<Credits>,
    kind: PermitKind,
}

impl Permit {
    /// Returns the credits that issued this permit.
    pub(crate) fn credits(&self) -> Arc<Credits> {
        Arc::clone(&self.credits)
    }
}

impl Drop for Permit {
    /// Returns the permit, and wakes the intake if that brings the count below its limit. The decrement itself decides
    /// this, since any earlier reading of the count may be out of date.
    fn drop(&mut self) {
        let (count, limit) = match self.kind {
            PermitKind::Frame => (&self.credits.frames, self.credits.limits.frames),
            PermitKind::Segment => (&self.credits.segments, self.credits.limits.segments),
        };
        if count.fetch_sub(1, SeqCst) >= limit {
            self.credits.wake_intake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credits_run_out_at_the_limit_and_return_with_a_permit() {
        let credits = Credits::new(CreditLimits {
            frames: 1,
            segments: 2,
            late_after: None,
        });
        let (frame, first) = (credits.frame_permit(), credits.segment_permit());
        assert!(!credits.available());
        drop(frame);
        assert!(credits.available());
        let second = credits.segment_permit();
        assert!(!credits.available());
        drop((first, second));
        assert_eq!(credits.in_flight(), (0, 0));
    }
}
