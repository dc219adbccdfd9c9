//! Notices that an element before the decoder keeps every packet back: the parameters of the video come with a key frame.
//!
//! The decoder, and with it the gate, sees nothing then, though the source sends. Invariant: an element counts as lacking a key
//! frame only while packets go in and none comes out.

use std::sync::Arc;

use gstreamer::{self as gst, prelude::*};
use parking_lot::Mutex;

use super::concealment::ConcealmentStatus;

/// A parser that takes so many pictures, and gives none out, lacks the parameters that come with a key frame.
const MAX_KEPT_BACK: u64 = 30;
/// The readers of RTP that wait for these parameters as well.
const DEPAYLOADERS: [&str; 3] = ["rtph264depay", "rtph265depay", "rtpmp4vdepay"];

/// Watches an element, if it keeps back all packets before the parameters of the stream.
pub(super) fn watch(element: &gst::Element, status: &ConcealmentStatus) {
    let class = element.metadata(gst::ELEMENT_METADATA_KLASS);
    let parses = class.is_some_and(|class| class.contains("Parser") && class.contains("Video"));
    let name = element.factory().map(|factory| factory.name());
    let depays = name.is_some_and(|name| DEPAYLOADERS.contains(&name.as_str()));
    let pads = element.static_pad("sink").zip(element.static_pad("src"));
    let Some((sink, src)) = pads.filter(|_| parses || depays) else {
        return;
    };
    let kept_back = Arc::new(Mutex::new(KeptBack::default()));
    let (released, before, after) = (Arc::clone(&kept_back), status.clone(), status.clone());
    sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let at = info.buffer().and_then(|packet| packet.pts());
        let lacking = kept_back.lock().take(at.map(gst::ClockTime::nseconds));
        before.note_input(lacking);
        gst::PadProbeReturn::Ok
    });
    let types = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    src.add_probe(types, move |_, _| {
        if released.lock().release() {
            after.note_released();
        }
        gst::PadProbeReturn::Ok
    });
}

/// Counts the pictures that an element keeps back.
#[derive(Debug, Default)]
struct KeptBack {
    pictures: u64,
    /// Time of the last of them.
    at: Option<u64>,
}

impl KeptBack {
    /// Takes a part of a picture into the element; true if the element now lacks a key frame. Blocks of a file have no times,
    /// and are no pictures.
    fn take(&mut self, at: Option<u64>) -> bool {
        let another = at.is_some() && at != self.at;
        self.pictures += u64::from(another);
        self.at = at.or(self.at);
        another && self.pictures == MAX_KEPT_BACK
    }

    /// Notes that something came out of the element; true if it lacked a key frame before.
    fn release(&mut self) -> bool {
        std::mem::take(&mut self.pictures) >= MAX_KEPT_BACK
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gst::picture_gate::MAX_WAIT_SECONDS;

    #[test]
    fn a_parser_that_keeps_every_picture_back_waits_for_a_key_frame() {
        let (status, mut parser) = (ConcealmentStatus::default(), KeptBack::default());
        for picture in 1..=MAX_KEPT_BACK {
            assert!(!status.waiting(), "{picture}");
            // Two parts of a picture.
            status.note_input(parser.take(Some(picture)));
            status.note_input(parser.take(Some(picture)));
        }
        assert!(status.waiting());
        assert_eq!((status.waits(), status.missing()), (1, "key frame"));
        let hour = Duration::from_secs(3600);
        let recently = Duration::from_secs(MAX_WAIT_SECONDS) - Duration::from_millis(1);
        assert!(status.silence(recently) < recently);
        assert_eq!(status.silence(hour), hour, "a wait has an end");
        assert!(parser.release() && !parser.release());
        status.note_released();
        assert!(!status.waiting());
        assert!(status.silence(hour) < hour, "its frame comes soon");
    }

    #[test]
    fn a_parser_that_gives_something_out_or_reads_a_file_in_blocks_does_not_wait() {
        let mut parser = KeptBack::default();
        for picture in 0..10 * MAX_KEPT_BACK {
            assert!(!parser.take(Some(picture)));
            assert!(!parser.take(None));
            if picture % 7 == 0 {
                assert!(!parser.release());
            }
        }
    }
}
