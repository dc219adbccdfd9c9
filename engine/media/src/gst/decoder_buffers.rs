//! Keeps libav decoders from crashing the program at pixel formats that GStreamer has no name for, such as 4:4:0 or 9 bits.
//!
//! These decoders ask GStreamer for the memory of their frames, and GStreamer 1.22 crashes when it does not know their format.
//! With memory of their own they report an error instead. Frames are copied then, so that streams whose format is known to
//! be safe keep asking.

use gstreamer::{self as gst, prelude::*};

/// The property by which a decoder is told to ask GStreamer for memory.
const ASKS_GSTREAMER: &str = "direct-rendering";

/// Protects an element, if it is a libav decoder.
pub(super) fn protect(element: &gst::Element) {
    let Some(pad) = element
        .static_pad("sink")
        .filter(|_| element.find_property(ASKS_GSTREAMER).is_some())
    else {
        return;
    };
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |pad, info| {
        let caps = match info.event().map(|event| event.view()) {
            Some(gst::EventView::Caps(caps)) => caps.caps_owned(),
            _ => return gst::PadProbeReturn::Ok,
        };
        if let Some(decoder) = pad.parent_element() {
            decoder.set_property(ASKS_GSTREAMER, has_known_pixels(&caps));
        }
        gst::PadProbeReturn::Ok
    });
}

/// True if GStreamer has a name for whatever pixel format a stream of these caps is decoded to.
fn has_known_pixels(caps: &gst::CapsRef) -> bool {
    let Some(stream) = caps.structure(0) else {
        return false;
    };
    let chroma = stream.get::<String>("chroma-format").ok();
    let depths = ["bit-depth-luma", "bit-depth-chroma"].map(|depth| stream.get::<u32>(depth).ok());
    match (chroma.as_deref(), depths) {
        (Some("4:2:0" | "4:2:2" | "4:4:4"), [Some(luma @ (8 | 10 | 12)), Some(chroma)]) => {
            luma == chroma
        }
        (None, [None, None]) => stream.name() == "video/mpeg",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pixel_formats_that_gstreamer_names_are_known() {
        gst::init().unwrap();
        let known = |caps: &str| has_known_pixels(&caps.parse::<gst::Caps>().unwrap());
        let h264 = |chroma: &str, luma: u32, other: u32| {
            known(&format!(
                "video/x-h264, chroma-format={chroma}, bit-depth-luma=(uint){luma}, bit-depth-chroma=(uint){other}"
            ))
        };
        assert!(h264("4:2:0", 8, 8) && h264("4:2:2", 10, 10) && h264("4:4:4", 12, 12));
        assert!(!h264("4:2:0", 9, 9) && !h264("4:4:4", 14, 14) && !h264("4:2:0", 8, 10));
        assert!(!h264("4:4:0", 8, 8) && !h264("4:0:0", 10, 10));
        assert!(known("video/mpeg, mpegversion=2"));
        assert!(!known("video/x-ffv") && !known("video/x-h264"));
    }
}
