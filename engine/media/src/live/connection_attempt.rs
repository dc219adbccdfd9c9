//! The choice of the next connection attempt to a live source, from the failure of the last one.
//!
//! A camera that refuses one transport is asked for the other, and a web address that sends no JPEG images is opened as a video.
//! Invariant: a way that never brought a frame is abandoned again, so that no error leads into a dead end.

use tracing::debug;

use crate::{
    gst::{error_class::ErrorClass, network_source::Transport, video_pipeline::PipelineOptions},
    source_location::Location,
};

/// The way in which a source is opened next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectionAttempt {
    web: bool,
    real_time: bool,
    transport: Transport,
    /// True to expect JPEG images.
    jpeg: bool,
}

impl ConnectionAttempt {
    /// Returns the first attempt.
    pub(super) fn first(location: &Location) -> Self {
        Self {
            web: location.is_web(),
            // A recording is played as a camera would show it.
            real_time: !location.is_real_time(),
            transport: Transport::default(),
            jpeg: location.is_web(),
        }
    }

    /// Returns the options of the pipeline.
    pub(super) fn options(&self) -> PipelineOptions {
        PipelineOptions {
            real_time: self.real_time,
            transport: self.transport,
            jpeg: self.jpeg,
            ..PipelineOptions::default()
        }
    }

    /// Chooses the next attempt after one without a frame; true if it is to be made at once.
    pub(super) fn change(&mut self, class: ErrorClass) -> bool {
        let before = self.clone();
        self.transport = match (class, before.transport) {
            (ErrorClass::Transport, Transport::Tcp) => Transport::Udp,
            _ => Transport::Tcp,
        };
        self.jpeg = self.web && !(class == ErrorClass::NoImages && before.jpeg);
        debug!(attempt = ?self, "next attempt");
        let other_transport = self.transport == Transport::Udp;
        other_transport || (before.jpeg && !self.jpeg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(uri: &str) -> ConnectionAttempt {
        ConnectionAttempt::first(&Location::parse(uri).unwrap())
    }

    #[test]
    fn a_camera_without_tcp_is_asked_for_udp_at_once_and_then_for_tcp_again() {
        let mut attempt = first("rtsp://cam/x");
        assert!(attempt.change(ErrorClass::Transport));
        assert_eq!(attempt.options().transport, Transport::Udp);
        assert!(!attempt.change(ErrorClass::Transport));
        assert_eq!(attempt, first("rtsp://cam/x"));
        assert!(!attempt.change(ErrorClass::Transient));
    }

    #[test]
    fn a_web_address_without_images_is_opened_as_a_video_at_once() {
        let mut attempt = first("http://cam/x");
        assert!(attempt.options().jpeg);
        assert!(attempt.change(ErrorClass::NoImages));
        assert!(!attempt.options().jpeg);
        assert!(!attempt.change(ErrorClass::Transient));
        assert!(attempt.options().jpeg);
        assert!(!first("rtsp://cam/x").options().jpeg);
    }
}
