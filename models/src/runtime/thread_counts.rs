//! The number of threads on which each module runs.
//!
//! A module's result is the same, bit for bit, on any number of threads, so a bad choice costs only time.

use std::{num::NonZero, thread};

use serde::Serialize;

/// The number of threads on which each module runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ThreadCounts {
    /// Cores of the machine.
    pub cores: usize,
    /// The decoder.
    pub decoder: usize,
    /// The vision encoder while it runs beside the decoder.
    pub vision_beside: usize,
    /// The vision encoder without a decoder.
    pub vision: usize,
    /// The text encoder, which always runs beside other modules and rarely.
    pub text: usize,
}

impl ThreadCounts {
    /// Returns counts that suit most machines: the decoder on all cores, its companions on half of them, because a module loses
    /// time with every split. On two cores, a minute of video with captions and three questions took 22.5 s this way and
    /// 25 s with both modules on all cores.
    pub fn for_this_machine() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            cores,
            decoder: cores,
            vision_beside: cores.div_ceil(2),
            vision: cores,
            text: cores.div_ceil(2),
        }
    }
}
