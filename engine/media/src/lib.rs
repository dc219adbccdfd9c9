//! Video in: files, folders and cameras become frames.
//!
//! A source runs on a thread of its own, pulls decoded frames out of one GStreamer pipeline, and sends them as records into
//! the graph, in the size that the vision encoder takes. Frames that no sampler wants are counted and dropped before their
//! pixels are converted. Invariant: when the graph is full, a recording waits and loses nothing; a live source drops its
//! oldest waiting frame and counts it.
//!
//! | module | holds |
//! |---|---|
//! | `playback_request` | the request to a source |
//! | `frame_filter`, `frame_sender` | the selection of frames, and the channel into the graph |
//! | `key_frame_wait` | counts concealed frames, and reports that a source waits for a key frame |
//! | `source_location`, `credentials` | the location that a URI names, and the login for it |
//! | `server_certificate` | the accepted certificates of servers, and the description of a refused one |
//! | `gst` | GStreamer: pipelines, their errors, selective decoding, conversion to RGB |
//! | `file` | recordings: playback, start time, detection of growing files |
//! | `live` | cameras and streams: reconnection, media time, connection status |
//! | `folder` | folders of recordings: listing, change notification, detection of settled files |
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod credentials;
pub mod error;
pub mod file;
pub mod folder;
mod frame_filter;
mod frame_sender;
mod gst;
mod key_frame_wait;
pub mod live;
mod playback_request;
mod server_certificate;
mod source_location;

pub use error::MediaError;
pub use file::evenly_spaced_frames::{EvenlySpacedFrames, evenly_spaced_frames};
pub use file::playable_check::check_playable;
pub use file::playback::play_recording;
pub use frame_sender::{Cancelled, FrameSender, PlaybackSummary};
pub use gst::installation::{
    GstreamerState, PluginSet, VideoDecoder, gstreamer_state, gstreamer_version,
};
pub use gst::video_pipeline::init;
pub use live::follow::follow_live;
pub use playback_request::{FrameSelection, LiveSettings, PlaybackRequest};
pub use source_location::Location;
