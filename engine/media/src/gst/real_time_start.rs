//! Plays in real time from the first frame on, whatever its time is.
//!
//! A sink that plays in real time holds a frame back until its time has come. Where the first frames of a stream are concealed,
//! the first one that is left would be held back for as long as the wait for it took, and a source that is silent for so long
//! counts as lost.

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

/// Makes the first frame that reaches the sink due at once, and the others by their distance from it.
pub(super) fn start_with_first_frame(sink: &AppSink) {
    let Some(pad) = sink.static_pad("sink") else {
        return;
    };
    pad.add_probe(gst::PadProbeType::BUFFER, |pad, info| {
        let pts = info.buffer().and_then(|frame| frame.pts());
        let due = pts.and_then(|pts| running_time(pad, pts));
        let offset = due.and_then(|due| i64::try_from(due.nseconds()).ok());
        if let Some((offset, sink)) = offset.zip(pad.parent_element()) {
            sink.set_property("ts-offset", -offset);
        }
        gst::PadProbeReturn::Remove
    });
}

/// Returns the time after the start of the pipeline at which a frame is due.
fn running_time(pad: &gst::Pad, pts: gst::ClockTime) -> Option<gst::ClockTime> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    segment.to_running_time(pts)
}
