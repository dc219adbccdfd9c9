//! Cameras and streams: reconnection, media time, and connection status.

mod backoff;
pub mod connection_status;
pub(crate) mod connectivity;
pub(crate) mod follow;
mod media_clock;
