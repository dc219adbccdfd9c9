//! Cameras and streams: reconnection, media time, and connection status.

mod backoff;
mod connection_attempt;
pub mod connection_status;
pub(crate) mod follow;
pub(crate) mod host_reachability;
mod media_clock;
mod rate_adjustment;
