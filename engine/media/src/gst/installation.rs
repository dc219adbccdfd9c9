//! The state of GStreamer on this machine, for reports about an installation: its version, the elements that Atom uses, and
//! the decoder that would be chosen for each video format.

use gstreamer::{self as gst, prelude::*};
use serde::Serialize;

use super::video_pipeline::init;
use crate::{error::MediaError, server_certificate::missing_tls};

/// The state of GStreamer.
#[derive(Clone, Debug, Serialize)]
pub struct GstreamerState {
    /// The version of the library.
    pub version: String,
    /// The sets of plugins that Atom uses.
    pub plugin_sets: Vec<PluginSet>,
    /// The decoders of common video formats.
    pub decoders: Vec<VideoDecoder>,
}

/// Plugins that a Debian package contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginSet {
    /// Its short name, such as `base`.
    pub name: &'static str,
    /// The Debian package.
    pub package: &'static str,
    /// The use of the set.
    pub purpose: &'static str,
    /// The elements that are missing of those that Atom uses.
    pub missing: Vec<&'static str>,
    /// True if a video file cannot be played without one of the missing elements.
    pub needed: bool,
}

/// The decoder of a video format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VideoDecoder {
    /// The format, such as `H.264`.
    pub format: &'static str,
    /// The element that decodes it; none if no plugin does.
    pub element: Option<String>,
    /// The Debian package that contains a decoder.
    pub package: &'static str,
}

/// A set of plugins with its elements.
struct KnownSet {
    name: &'static str,
    package: &'static str,
    purpose: &'static str,
    /// Elements without which no video file is played.
    needed: &'static [&'static str],
    /// Elements for some formats and sources.
    optional: &'static [&'static str],
}

const SETS: [KnownSet; 7] = [
    KnownSet {
        name: "core",
        package: "libgstreamer1.0-0",
        purpose: "reading files",
        needed: &["filesrc", "typefind", "capsfilter"],
        optional: &[],
    },
    KnownSet {
        name: "base",
        package: "gstreamer1.0-plugins-base",
        purpose: "choosing decoders, converting frames",
        needed: &["uridecodebin", "decodebin", "videoconvert", "appsink"],
        optional: &["videotestsrc"],
    },
    KnownSet {
        name: "good",
        package: "gstreamer1.0-plugins-good",
        purpose: "MP4, Matroska, AVI, web cameras, local cameras",
        needed: &["qtdemux", "videoflip"],
        optional: &[
            "matroskademux",
            "avidemux",
            "jpegdec",
            "vp9dec",
            "multipartdemux",
            "souphttpsrc",
            "v4l2src",
        ],
    },
    KnownSet {
        name: "rtsp",
        package: "gstreamer1.0-plugins-good",
        purpose: "network cameras",
        needed: &[],
        optional: &[
            "rtspsrc",
            "rtpbin",
            "udpsrc",
            "rtph264depay",
            "rtph265depay",
        ],
    },
    KnownSet {
        name: "bad",
        package: "gstreamer1.0-plugins-bad",
        purpose: "MPEG transport streams, parsers of H.264 and H.265",
        needed: &[],
        optional: &["h264parse", "h265parse", "tsdemux", "hlsdemux"],
    },
    KnownSet {
        name: "ugly",
        package: "gstreamer1.0-plugins-ugly",
        purpose: "ASF and WMV files",
        needed: &[],
        optional: &["asfdemux"],
    },
    KnownSet {
        name: "libav",
        package: "gstreamer1.0-libav",
        purpose: "most decoders",
        needed: &[],
        optional: &[
            "avdec_h264",
            "avdec_h265",
            "avdec_mpeg4",
            "avdec_mpeg2video",
        ],
    },
];

/// Formats with the caps of their streams and a Debian package that contains a decoder.
const FORMATS: [(&str, &str, &str); 8] = [
    ("H.264", "video/x-h264", "gstreamer1.0-libav"),
    ("H.265", "video/x-h265", "gstreamer1.0-libav"),
    (
        "VP8",
        "video/x-vp8, codec-alpha=(boolean)false",
        "gstreamer1.0-plugins-good",
    ),
    (
        "VP9",
        "video/x-vp9, codec-alpha=(boolean)false",
        "gstreamer1.0-plugins-good",
    ),
    ("AV1", "video/x-av1", "gstreamer1.0-plugins-bad"),
    (
        "MPEG-2",
        "video/mpeg, mpegversion=(int)2, systemstream=(boolean)false",
        "gstreamer1.0-libav",
    ),
    (
        "MPEG-4",
        "video/mpeg, mpegversion=(int)4, systemstream=(boolean)false",
        "gstreamer1.0-libav",
    ),
    ("JPEG", "image/jpeg", "gstreamer1.0-plugins-good"),
];

/// Returns the version of the GStreamer library, without starting it.
pub fn gstreamer_version() -> String {
    let (major, minor, micro, _nano) = gst::version();
    format!("{major}.{minor}.{micro}")
}

/// Starts GStreamer and returns its state. The first start after an installation scans all plugins, which takes seconds.
///
/// # Errors
/// If GStreamer cannot be started.
pub fn gstreamer_state() -> Result<GstreamerState, MediaError> {
    init()?;
    let mut plugin_sets: Vec<_> = SETS.iter().map(plugin_set).collect();
    plugin_sets.push(tls_set());
    Ok(GstreamerState {
        version: gstreamer_version(),
        plugin_sets,
        decoders: FORMATS.iter().map(video_decoder).collect(),
    })
}

fn plugin_set(set: &KnownSet) -> PluginSet {
    let missing = |names: &[&'static str]| -> Vec<&'static str> {
        let absent = |name: &&&str| gst::ElementFactory::find(name).is_none();
        names.iter().filter(absent).copied().collect()
    };
    let (needed, optional) = (missing(set.needed), missing(set.optional));
    PluginSet {
        name: set.name,
        package: set.package,
        purpose: set.purpose,
        needed: !needed.is_empty(),
        missing: [needed, optional].concat(),
    }
}

fn tls_set() -> PluginSet {
    PluginSet {
        name: "TLS",
        package: "glib-networking",
        purpose: "rtsps:// and https://",
        missing: match missing_tls() {
            Some(_) => vec!["GIO's TLS module"],
            None => Vec::new(),
        },
        needed: false,
    }
}

/// Returns the decoder that GStreamer chooses for a format: the one with the highest rank.
fn video_decoder((format, caps, package): &(&'static str, &str, &'static str)) -> VideoDecoder {
    let kinds = gst::ElementFactoryType::DECODER
        | gst::ElementFactoryType::MEDIA_VIDEO
        | gst::ElementFactoryType::MEDIA_IMAGE;
    let caps = caps.parse::<gst::Caps>().ok();
    let decoders = gst::ElementFactory::factories_with_type(kinds, gst::Rank::MARGINAL);
    let mut fitting: Vec<_> = decoders
        .into_iter()
        .filter(|factory| {
            caps.as_ref()
                .is_some_and(|caps| factory.can_sink_any_caps(caps))
        })
        .collect();
    fitting.sort_by_key(|factory| (std::cmp::Reverse(factory.rank()), factory.name()));
    VideoDecoder {
        format,
        element: fitting.first().map(|factory| factory.name().to_string()),
        package,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_can_build_atom_has_all_plugins_and_decoders() {
        let state = gstreamer_state().unwrap();
        for set in &state.plugin_sets {
            assert!(set.missing.is_empty() && !set.needed, "{set:?}");
        }
        for decoder in &state.decoders {
            assert!(decoder.element.is_some(), "{decoder:?}");
        }
        assert_eq!(state.version.split('.').count(), 3);
    }

    #[test]
    fn the_caps_of_all_formats_can_be_parsed() {
        gstreamer_state().unwrap();
        for (format, caps, _) in FORMATS {
            assert!(caps.parse::<gst::Caps>().is_ok(), "{format}");
        }
    }
}
