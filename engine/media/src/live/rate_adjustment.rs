//! Adjusts the sampling rate of a live source to the load of the machine.

use std::time::Instant;

use atom_operators::rate_control::RateController;
use tracing::info;

use crate::frame_sender::FrameSender;

/// The adjustment of one source's rate.
pub(super) struct RateAdjustment {
    controller: RateController,
}

impl RateAdjustment {
    /// Returns an adjustment that never goes below this share of the rate.
    pub(super) fn new(min_share: f64, now: Instant) -> Self {
        Self {
            controller: RateController::new(min_share, now),
        }
    }

    /// Adjusts the rate by the overload since the last call.
    pub(super) fn adjust(&mut self, sender: &FrameSender) {
        let overloaded = sender.credits.take_overload();
        let rate = sender.credits.rate();
        if let Some(share) = self.controller.observe(Instant::now(), overloaded, rate) {
            info!(source = %sender.name, share, "sampling rate changed");
        }
    }
}
