//! Recordings: playback, start time, and detection of files that are still growing.

pub mod container_kind;
pub mod content_digest;
mod creation_time;
pub(crate) mod evenly_spaced_frames;
mod filename_time;
mod frame_processor;
mod mp4_boxes;
pub(crate) mod playable_check;
pub(crate) mod playback;
mod quicktime_metadata;
pub mod recording_start;
mod stall_watch;
mod truncated_jpeg;
pub(crate) mod video_track_length;
