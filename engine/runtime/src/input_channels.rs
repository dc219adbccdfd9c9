//! The channels on which sources send frames into the graph.
//!
//! A live source must not wait for others, so it has a channel of its own; recordings take turns on a few shared channels.

use std::{collections::BTreeMap, sync::Arc};

use atom_operators::{
    credits::{CreditLimits, Credits},
    intake::{FrameReceiver, Record},
    rate_control::RateFactor,
    tick::Partition,
};
use atom_pipelines::Plan;
use crossbeam::channel::{Receiver, Sender, bounded};

use crate::{resume_point::SourceStart, source_plan_facts::live_bounds};

/// The number of recordings that are played at the same time.
const PARALLEL_RECORDINGS: usize = 4;

/// The input channels of a run, before they are opened.
pub(crate) struct InputChannels {
    /// The credits of each live source of the plan.
    live: Vec<(usize, Arc<Credits>)>,
    /// The credits that recordings share.
    shared: Vec<Arc<Credits>>,
}

/// The source's end of a channel.
pub(crate) struct SourceChannel {
    pub(crate) sender: Sender<Record>,
    /// For a live source, a receiver that takes back frames the graph has not taken yet. There must be no other one, or the sender
    /// would not notice that the graph is gone.
    pub(crate) receiver: Option<Receiver<Record>>,
    /// Counts the frames and segments in flight.
    pub(crate) credits: Arc<Credits>,
}

/// The sources' ends of all channels.
pub(crate) struct SourceChannels {
    /// Those of live sources of the plan.
    pub(crate) live: Vec<(usize, SourceChannel)>,
    /// Those that recordings share.
    pub(crate) shared: Vec<SourceChannel>,
}

impl SourceChannel {
    /// Closes the channel and wakes the graph, so that it notices.
    pub(crate) fn close(self) {
        let Self {
            sender, credits, ..
        } = self;
        drop(sender);
        credits.wake_intake();
    }
}

impl InputChannels {
    /// Returns the channels that the sources of a plan need; with `sequential`, one frame or segment of one recording at a time.
    pub(crate) fn new(
        plan: &Plan,
        starts: &[SourceStart],
        has_folders: bool,
        sequential: bool,
    ) -> Self {
        let (limit, bounds) = match sequential {
            true => (1, CreditLimits::ONE),
            false => (PARALLEL_RECORDINGS, CreditLimits::default()),
        };
        let mut recordings = if has_folders { limit } else { 0 };
        let mut live = Vec::new();
        for (at, (source, start)) in plan.sources.iter().zip(starts).enumerate() {
            if source.is_live() {
                live.push((at, Credits::new(live_bounds(plan, at))));
            } else {
                recordings += usize::from(start.resume_point.is_some());
            }
        }
        let shared = (0..recordings.min(limit)).map(|_| Credits::new(bounds));
        Self {
            live,
            shared: shared.collect(),
        }
    }

    /// Returns the credits of all channels.
    pub(crate) fn credits(&self) -> Vec<Arc<Credits>> {
        let live = self.live.iter().map(|(_, credits)| credits);
        live.chain(&self.shared).cloned().collect()
    }

    /// Returns the credits of a live source of the plan.
    pub(crate) fn live_credits(&self, source: usize) -> Option<&Arc<Credits>> {
        let mut live = self.live.iter();
        live.find(|(at, _)| *at == source)
            .map(|(_, credits)| credits)
    }

    /// Returns the rate factor of each live source of the plan.
    pub(crate) fn rate_factors(&self) -> BTreeMap<usize, Arc<RateFactor>> {
        let live = self.live.iter();
        live.map(|(at, credits)| (*at, Arc::clone(credits.rate())))
            .collect()
    }

    /// Opens the channels: returns the graph's ends and the sources' ends.
    pub(crate) fn open(self) -> (Vec<FrameReceiver>, SourceChannels) {
        let mut receivers = Vec::new();
        let mut open = |credits: Arc<Credits>, live: bool| {
            let (sender, receiver) = bounded(2);
            receivers.push(FrameReceiver {
                partition: Partition(receivers.len() as u32),
                records: receiver.clone(),
                credits: Arc::clone(&credits),
            });
            SourceChannel {
                sender,
                receiver: live.then_some(receiver),
                credits,
            }
        };
        let live = self.live.into_iter();
        let live = live
            .map(|(at, credits)| (at, open(credits, true)))
            .collect();
        let shared = self.shared.into_iter();
        let shared = shared.map(|credits| open(credits, false)).collect();
        (receivers, SourceChannels { live, shared })
    }
}
