//! The GStreamer elements that bring pictures to a sink: from a file, or made by a test pattern.

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video as gst_video;

/// Decodes a file's first video stream; audio and subtitles are neither decoded nor linked.
pub(super) fn of_file(
    pipeline: &gst::Pipeline,
    path: &std::path::Path,
    sink: &AppSink,
) -> Result<(), gst::glib::BoolError> {
    let no_address = |e: &dyn std::fmt::Display| gst::glib::bool_error!("no address for it: {e}");
    let path = path.canonicalize().map_err(|e| no_address(&e))?;
    let uri = gst::glib::filename_to_uri(path, None).map_err(|e| no_address(&e))?;
    let decode = gst::ElementFactory::make("uridecodebin")
        .property("uri", uri.as_str())
        .property(
            "caps",
            gst::Caps::builder("video/x-raw").any_features().build(),
        )
        .property("expose-all-streams", false)
        .build()?;
    let upright = gst::ElementFactory::make("videoflip")
        .property_from_str("video-direction", "auto")
        .build()?;
    pipeline.add_many([&decode, &upright, sink.upcast_ref()])?;
    gst::Element::link_many([&upright, sink.upcast_ref()])?;
    let target = upright
        .static_pad("sink")
        .ok_or_else(|| gst::glib::bool_error!("videoflip has no sink pad"))?;
    decode.connect_pad_added(move |_, pad| {
        // Only the first video stream is played; what cannot be linked is told on the bus as an error.
        if !target.is_linked() {
            let _ = pad.link(&target);
        }
    });
    Ok(())
}

pub(super) fn of_test(
    pipeline: &gst::Pipeline,
    pattern: &str,
    seconds: f64,
    fps: u32,
    sink: &AppSink,
) -> Result<(), gst::glib::BoolError> {
    let frames = (seconds * f64::from(fps)).ceil() as i32;
    let source = gst::ElementFactory::make("videotestsrc")
        .property("num-buffers", frames)
        .build()?;
    let class = source
        .property_type("pattern")
        .and_then(gst::glib::EnumClass::with_type);
    if class.is_none_or(|class| class.value_by_nick(pattern).is_none()) {
        return Err(gst::glib::bool_error!(
            "videotestsrc has no pattern {pattern:?}"
        ));
    }
    source.set_property_from_str("pattern", pattern);
    let size = gst_video::VideoCapsBuilder::new()
        .width(640)
        .height(360)
        .framerate((fps as i32, 1).into())
        .build();
    let format = gst::ElementFactory::make("capsfilter")
        .property("caps", size)
        .build()?;
    pipeline.add_many([&source, &format, sink.upcast_ref()])?;
    gst::Element::link_many([&source, &format, sink.upcast_ref()])
}
