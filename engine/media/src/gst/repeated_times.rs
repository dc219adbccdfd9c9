//! Gives frames that repeat the time of an earlier frame the times of their packets.
//!
//! GStreamer 1.22 gives all frames of some libav decoders the time of the first one: of GIF, Cinepak, Flash screen video and others
//! that change one picture step by step. Such a codec has a frame for each packet, in the same order. Invariant: the time of a
//! frame that repeats no other is never changed.

use std::{collections::VecDeque, sync::Arc};

use gstreamer::{self as gst, prelude::*};
use gstreamer_video as gst_video;
use parking_lot::Mutex;

/// No decoder holds more packets back.
const MAX_WAITING: usize = 64;

/// Corrects the times of an element's frames, if it is a libav decoder.
pub(super) fn correct(element: &gst::Element) {
    let libav = element.is::<gst_video::VideoDecoder>()
        && element
            .factory()
            .is_some_and(|factory| factory.name().starts_with("avdec_"));
    let pads = element.static_pad("sink").zip(element.static_pad("src"));
    let Some((packets, frames)) = pads.filter(|_| libav) else {
        return;
    };
    let times: Arc<Mutex<FrameTimes>> = Arc::default();
    let of_packets = Arc::clone(&times);
    packets.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(packet) = info.buffer() {
            of_packets.lock().add_packet(packet.pts().or(packet.dts()));
        }
        gst::PadProbeReturn::Ok
    });
    frames.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(frame) = info.buffer_mut() {
            let time = times.lock().next_frame(frame.pts());
            if time != frame.pts() {
                frame.make_mut().set_pts(time);
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// The times of the packets and frames of one decoder.
#[derive(Default)]
struct FrameTimes {
    waiting: VecDeque<Option<gst::ClockTime>>,
    /// The time that the decoder gave the latest frame.
    given: Option<gst::ClockTime>,
    /// The time of the latest frame.
    latest: Option<gst::ClockTime>,
}

impl FrameTimes {
    fn add_packet(&mut self, time: Option<gst::ClockTime>) {
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(time);
    }

    /// Returns the time of a frame to which the decoder gave `given`.
    fn next_frame(&mut self, given: Option<gst::ClockTime>) -> Option<gst::ClockTime> {
        let packet = self.waiting.pop_front().flatten();
        let repeated = given.is_some() && given == self.given;
        self.given = given;
        self.latest = match repeated {
            true => packet.max(self.latest),
            false => given,
        };
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(packets: &[u64], frames: &[u64]) -> Vec<u64> {
        let mut times = FrameTimes::default();
        for packet in packets {
            times.add_packet(Some(gst::ClockTime::from_mseconds(*packet)));
        }
        let frames = frames
            .iter()
            .map(|frame| gst::ClockTime::from_mseconds(*frame));
        let found = frames.map(|frame| times.next_frame(Some(frame)));
        found.map(|time| time.unwrap().mseconds()).collect()
    }

    #[test]
    fn frames_that_all_have_the_time_of_the_first_get_those_of_their_packets() {
        assert_eq!(times(&[0, 40, 80, 120], &[0, 0, 0, 0]), [0, 40, 80, 120]);
    }

    #[test]
    fn frames_with_times_of_their_own_keep_them() {
        assert_eq!(
            times(&[0, 120, 40, 80], &[0, 40, 80, 120]),
            [0, 40, 80, 120]
        );
        assert_eq!(times(&[], &[7, 9]), [7, 9]);
    }

    #[test]
    fn time_never_goes_back_where_packets_share_one() {
        assert_eq!(times(&[0, 40, 40, 20], &[0, 0, 0, 0]), [0, 40, 40, 40]);
    }
}
