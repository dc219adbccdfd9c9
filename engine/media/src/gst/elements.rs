//! The GStreamer elements that bring pictures to a sink: from a file, from a camera or stream, or made by a test pattern.

use std::path::Path;

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video as gst_video;

use crate::location::{Address, Test};

type Built = Result<(), gst::glib::BoolError>;

/// How a camera on the network sends pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Through the connection itself: nothing is lost on the way, and no firewall minds.
    #[default]
    Tcp,
    /// As packets beside it; some cameras know no other way.
    Udp,
}

/// How long pictures from the network wait for those that are late, in milliseconds.
const LATENCY_MS: u32 = 100;

/// Decodes a file's first video stream; audio and subtitles are neither decoded nor linked.
pub(crate) fn of_file(pipeline: &gst::Pipeline, path: &Path, sink: &AppSink) -> Built {
    let no_address = |e: &dyn std::fmt::Display| gst::glib::bool_error!("no address for it: {e}");
    let path = path.canonicalize().map_err(|e| no_address(&e))?;
    let uri = gst::glib::filename_to_uri(path, None).map_err(|e| no_address(&e))?;
    let decode = decoded(&uri)?;
    let upright = gst::ElementFactory::make("videoflip")
        .property_from_str("video-direction", "auto")
        .build()?;
    pipeline.add_many([&decode, &upright, sink.upcast_ref()])?;
    gst::Element::link_many([&upright, sink.upcast_ref()])?;
    first_stream(&decode, &upright)
}

/// Decodes the first video stream of a camera or a web address.
pub(crate) fn of_address(
    pipeline: &gst::Pipeline,
    address: &Address,
    transport: Transport,
    sink: &AppSink,
) -> Built {
    let decode = decoded(&address.uri)?;
    let login = address.login.clone();
    decode.connect("source-setup", false, move |values| {
        let source = values.get(1)?.get::<gst::Element>().ok()?;
        let set = |name: &str, value: &dyn Fn()| {
            if source.find_property(name).is_some() {
                value();
            }
        };
        let protocol = match transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        set("protocols", &|| {
            source.set_property_from_str("protocols", protocol)
        });
        set("latency", &|| source.set_property("latency", LATENCY_MS));
        if let Some(login) = &login {
            set("user-id", &|| source.set_property("user-id", &login.user));
            set("user-pw", &|| {
                source.set_property("user-pw", login.password.reveal())
            });
        }
        None
    });
    pipeline.add_many([&decode, sink.upcast_ref()])?;
    first_stream(&decode, sink.upcast_ref())
}

/// Takes the pictures of a camera of this machine, whatever format it gives them in.
pub(crate) fn of_device(pipeline: &gst::Pipeline, path: &Path, sink: &AppSink) -> Built {
    let device = path.to_string_lossy();
    let source = gst::ElementFactory::make("v4l2src")
        .property("device", device.as_ref())
        .build()?;
    let decode = gst::ElementFactory::make("decodebin").build()?;
    pipeline.add_many([&source, &decode, sink.upcast_ref()])?;
    source.link(&decode)?;
    first_stream(&decode, sink.upcast_ref())
}

/// Makes pictures; for ever and as time passes if `live`.
pub(crate) fn of_test(pipeline: &gst::Pipeline, test: &Test, live: bool, sink: &AppSink) -> Built {
    let Test {
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
            "videotestsrc has no pattern {pattern:?}"
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

fn decoded(uri: &str) -> Result<gst::Element, gst::glib::BoolError> {
    gst::ElementFactory::make("uridecodebin")
        .property("uri", uri)
        .property(
            "caps",
            gst::Caps::builder("video/x-raw").any_features().build(),
        )
        .property("expose-all-streams", false)
        .build()
}

/// Leads the first stream that comes on to `next`; what cannot be linked is told on the bus as an error.
fn first_stream(decode: &gst::Element, next: &gst::Element) -> Built {
    let target = next
        .static_pad("sink")
        .ok_or_else(|| gst::glib::bool_error!("{} has no sink pad", next.name()))?;
    decode.connect_pad_added(move |_, pad| {
        if !target.is_linked() {
            let _ = pad.link(&target);
        }
    });
    Ok(())
}
