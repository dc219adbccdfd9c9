//! Recordings: their playback, when they started, and whether they are still growing.

pub(crate) mod evenly_spaced;
pub mod growing;
mod mp4_boxes;
pub(crate) mod playback;
pub mod recording_start;
mod truncated_jpeg;
