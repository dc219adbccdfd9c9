//! The GStreamer elements that bring frames to a sink: from a file, a camera, a stream, or a test pattern.

use std::path::Path;

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video as gst_video;

use super::{
    network_source::NetworkSource, orientation::add_orientation, track_choice::link_chosen_track,
};
use crate::source_location::TestPattern;

type LinkResult = Result<(), gst::glib::BoolError>;

/// Decodes one video track of a file; audio and subtitles are neither decoded nor linked.
pub(super) fn link_file(pipeline: &gst::Pipeline, path: &Path, sink: &AppSink) -> LinkResult {
    let no_address =
        |e: &dyn std::fmt::Display| gst::glib::bool_error!("cannot make a URI of its path: {e}");
    let path = path.canonicalize().map_err(|e| no_address(&e))?;
    let uri = gst::glib::filename_to_uri(path, None).map_err(|e| no_address(&e))?;
    let decoder = uri_decoder(&uri)?;
    pipeline.add(&decoder)?;
    let upright = add_orientation(pipeline, sink)?;
    link_chosen_track(&decoder, &upright)
}

/// Decodes the first video stream of a network camera or a web address.
pub(super) fn link_network(
    pipeline: &gst::Pipeline,
    network: &NetworkSource,
    sink: &AppSink,
) -> LinkResult {
    let decoder = uri_decoder(&network.address.uri)?;
    let network = network.clone();
    decoder.connect("source-setup", false, move |values| {
        network.configure(&values.get(1)?.get().ok()?);
        None
    });
    pipeline.add_many([&decoder, sink.upcast_ref()])?;
    link_first_stream(&decoder, sink.upcast_ref())
}

/// Takes the frames of a local camera, whatever format it gives them in.
pub(super) fn link_device(pipeline: &gst::Pipeline, path: &Path, sink: &AppSink) -> LinkResult {
    let device = path.to_string_lossy();
    let source = gst::ElementFactory::make("v4l2src")
        .property("device", device.as_ref())
        .build()?;
    let decoder = gst::ElementFactory::make("decodebin").build()?;
    pipeline.add_many([&source, &decoder, sink.upcast_ref()])?;
    source.link(&decoder)?;
    link_first_stream(&decoder, sink.upcast_ref())
}

/// Generates frames; without end and in real time if `live`.
pub(super) fn link_test_pattern(
    pipeline: &gst::Pipeline,
    test: &TestPattern,
    live: bool,
    sink: &AppSink,
) -> LinkResult {
    let TestPattern {
        pattern,
        seconds,
        fps,
    } = test;
    let frames = (seconds * f64::from(*fps)).ceil() as i32;
    let source = gst::ElementFactory::make("videotestsrc")
        .property("num-buffers", if live { -1 } else { frames })
        .property("is-live", live)
        .build()?;
    let class = source
        .property_type("pattern")
        .and_then(gst::glib::EnumClass::with_type);
    if class.is_none_or(|class| class.value_by_nick(pattern).is_none()) {
        return Err(gst::glib::bool_error!(
            "GStreamer's videotestsrc has no pattern {pattern:?}"
        ));
    }
    source.set_property_from_str("pattern", pattern);
    let size = gst_video::VideoCapsBuilder::new()
        .width(640)
        .height(360)
        .framerate((*fps as i32, 1).into())
        .build();
    let format = gst::ElementFactory::make("capsfilter")
        .property("caps", size)
        .build()?;
    pipeline.add_many([&source, &format, sink.upcast_ref()])?;
    gst::Element::link_many([&source, &format, sink.upcast_ref()])
}

fn uri_decoder(uri: &str) -> Result<gst::Element, gst::glib::BoolError> {
    let decoder = gst::ElementFactory::make("uridecodebin")
        .property("uri", uri)
        .property(
            "caps",
            gst::Caps::builder("video/x-raw").any_features().build(),
        )
        .property("expose-all-streams", false)
        .build()?;
    // A decoder that promises any format, as those of alpha do, would be passed over as one that may give no video.
    decoder.connect("autoplug-continue", false, |values| {
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        Some((!caps.is_any()).to_value())
    });
    Ok(decoder)
}

/// Links the first stream that appears to `next`; a stream that cannot be linked is reported on the bus as an error.
fn link_first_stream(decoder: &gst::Element, next: &gst::Element) -> LinkResult {
    let target = next
        .static_pad("sink")
        .ok_or_else(|| gst::glib::bool_error!("{} has no sink pad", next.name()))?;
    decoder.connect_pad_added(move |_, pad| {
        if !target.is_linked() {
            let _ = pad.link(&target);
        }
    });
    Ok(())
}
