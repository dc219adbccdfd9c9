//! Decides which frames are worth converting, and counts the others as dropped by rate.

use atom_operators::{counters::DropReason, media_time::MediaTime};

use crate::{frame_sender::FrameSender, playback_request::FrameSelection};

/// The frames of one source that are wanted, from a media time on.
pub(crate) struct FrameFilter {
    selection: FrameSelection,
    from: MediaTime,
    /// Frames offered so far; the number of the next one.
    offered: u64,
}

impl FrameFilter {
    /// Returns a filter that wants the selected frames from a media time on.
    pub(crate) fn new(selection: FrameSelection, from: MediaTime) -> Self {
        Self {
            selection,
            from,
            offered: 0,
        }
    }

    /// Returns the media time before which no frame is wanted at all.
    pub(crate) fn from(&self) -> MediaTime {
        self.from
    }

    /// Moves the start of the wanted frames.
    pub(crate) fn restart_from(&mut self, from: MediaTime) {
        self.from = from;
    }

    /// Returns the earliest media time after `at` at which a frame is wanted, if it can be predicted.
    pub(crate) fn next_wanted(&self, at: MediaTime) -> Option<MediaTime> {
        if !at.reaches(self.from) {
            // Every frame from the first wanted one on is counted.
            return Some(self.from);
        }
        match &self.selection {
            FrameSelection::Grids(grids) => grids.iter().map(|grid| grid.next(at)).min(),
            FrameSelection::Numbers(_) => None,
        }
    }

    /// Counts a frame; true if it is wanted.
    pub(crate) fn accept(&mut self, at: MediaTime, sender: &FrameSender) -> bool {
        if !at.reaches(self.from) {
            return false;
        }
        let counters = sender.counters.source(sender.source);
        counters.add_received(sender.samplers);
        counters.advance_media_time(at);
        let wanted = self.selects(at);
        self.offered += 1;
        if !wanted {
            counters.add_dropped(DropReason::Rate, sender.samplers);
        }
        wanted
    }

    fn selects(&mut self, at: MediaTime) -> bool {
        match &mut self.selection {
            // Every grid is asked: each keeps its own position.
            FrameSelection::Grids(grids) => grids
                .iter_mut()
                .fold(false, |wanted, grid| grid.wants(at) | wanted),
            FrameSelection::Numbers(numbers) => numbers.contains(&self.offered),
        }
    }

    /// Counts frames that were concealed, and so offered to no sampler.
    pub(crate) fn count_concealed(&self, frames: u64, sender: &FrameSender) {
        let counters = sender.counters.source(sender.source);
        counters.add_received(frames * sender.samplers);
        counters.add_dropped(DropReason::Concealed, frames * sender.samplers);
    }

    /// Counts frames that no sampler wants and that were not even decoded.
    pub(crate) fn count_undecoded(&self, frames: u64, sender: &FrameSender) {
        let counters = sender.counters.source(sender.source);
        counters.add_received(frames * sender.samplers);
        counters.add_dropped(DropReason::Rate, frames * sender.samplers);
    }
}
