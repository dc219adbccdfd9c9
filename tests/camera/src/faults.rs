//! The faults of a proxy, shared by the threads of all its connections.

use std::ops::Range;

use parking_lot::{Condvar, Mutex};

use crate::rtsp_message::RtspMessage;

/// When the camera's clock restarts, its RTP timestamps go back by this many ticks of 90 kHz: 50 minutes to 6 hours.
const CLOCK_STEPS: Range<u32> = 1 << 28..1 << 31;
/// The largest number of bytes that are changed in a damaged packet.
const MAX_CHANGED_BYTES: usize = 8;

/// The faults that are active at the moment; none by default.
#[derive(Default)]
pub struct Faults {
    active: Mutex<ActiveFaults>,
    changed: Condvar,
}

#[derive(Default)]
struct ActiveFaults {
    stalled: bool,
    /// The share of video packets that are damaged, 0 to 1.
    damage: f64,
    /// The number of video packets that are still to be lost.
    losses: u32,
    /// The ticks by which RTP timestamps are set back; 0 if the clock never restarted.
    clock_offset: u32,
}

impl Faults {
    /// Starts or ends a stall.
    pub fn stall(&self, stalled: bool) {
        self.active.lock().stalled = stalled;
        self.changed.notify_all();
    }

    /// Sets the share of video packets that are damaged.
    pub fn damage(&self, share: f64) {
        self.active.lock().damage = share;
    }

    /// Loses the next video packets.
    pub fn lose_packets(&self, count: u32) {
        self.active.lock().losses = count;
    }

    /// Sets the RTP timestamps further back.
    pub fn restart_clock(&self) {
        let mut active = self.active.lock();
        let step = fastrand::u32(CLOCK_STEPS);
        active.clock_offset = active.clock_offset.wrapping_add(step).max(1);
    }

    /// Makes the threads in [`Self::wait_while_stalled`] look again whether their connection is closed.
    pub fn wake(&self) {
        // With the lock held, no thread can be between looking and waiting.
        let _active = self.active.lock();
        self.changed.notify_all();
    }

    /// Blocks while the proxy is stalled and `closed` returns false.
    pub fn wait_while_stalled(&self, closed: impl Fn() -> bool) {
        let mut active = self.active.lock();
        while active.stalled && !closed() {
            self.changed.wait(&mut active);
        }
    }

    /// Applies the faults to a message from the camera; returns none if the message is lost.
    pub fn apply(&self, mut message: RtspMessage) -> Option<RtspMessage> {
        let (damage, clock_offset) = {
            let active = self.active.lock();
            (active.damage, active.clock_offset)
        };
        if clock_offset != 0 && message.is_rtcp() {
            return None;
        }
        if let Some(mut packet) = message.rtp_packet() {
            if self.take_loss() {
                return None;
            }
            packet.set_timestamp_back(clock_offset);
            if fastrand::f64() < damage {
                if fastrand::bool() {
                    return None;
                }
                change_bytes(packet.payload());
            }
        }
        Some(message)
    }

    fn take_loss(&self) -> bool {
        let mut active = self.active.lock();
        let losses = active.losses;
        active.losses = losses.saturating_sub(1);
        losses > 0
    }
}

fn change_bytes(payload: &mut [u8]) {
    for _ in 0..fastrand::usize(1..=MAX_CHANGED_BYTES) {
        if let Some(index) = fastrand::choice(0..payload.len()) {
            payload[index] ^= fastrand::u8(1..);
        }
    }
}
