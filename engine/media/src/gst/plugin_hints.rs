//! What to install when GStreamer lacks a plugin: its own words name no package.

use gstreamer as gst;

/// What begins the name of a format or protocol, an element that handles it, and the Debian package that has it.
const KNOWN: [(&str, &str, &str); 20] = [
    ("video/x-h264", "avdec_h264", "gstreamer1.0-libav"),
    ("video/x-h265", "avdec_h265", "gstreamer1.0-libav"),
    ("video/mpeg", "avdec_mpeg4", "gstreamer1.0-libav"),
    ("video/x-msmpeg", "avdec_msmpeg4", "gstreamer1.0-libav"),
    ("video/x-wmv", "avdec_wmv3", "gstreamer1.0-libav"),
    ("video/x-av1", "av1dec", "gstreamer1.0-plugins-bad"),
    ("video/x-vp", "vp9dec", "gstreamer1.0-plugins-good"),
    ("image/jpeg", "jpegdec", "gstreamer1.0-plugins-good"),
    ("video/quicktime", "qtdemux", "gstreamer1.0-plugins-good"),
    (
        "video/x-matroska",
        "matroskademux",
        "gstreamer1.0-plugins-good",
    ),
    ("video/webm", "matroskademux", "gstreamer1.0-plugins-good"),
    ("video/mpegts", "tsdemux", "gstreamer1.0-plugins-bad"),
    (
        "application/x-rtp",
        "rtph264depay",
        "gstreamer1.0-plugins-good",
    ),
    ("application/x-hls", "hlsdemux", "gstreamer1.0-plugins-bad"),
    ("multipart/", "multipartdemux", "gstreamer1.0-plugins-good"),
    ("rtsp", "rtspsrc", "gstreamer1.0-plugins-good"),
    ("http", "souphttpsrc", "gstreamer1.0-plugins-good"),
    ("v4l2src", "v4l2src", "gstreamer1.0-plugins-good"),
    ("videoflip", "videoflip", "gstreamer1.0-plugins-good"),
    ("uridecodebin", "uridecodebin", "gstreamer1.0-plugins-base"),
];

/// Reads GStreamer's message of a missing plugin, if it is one.
pub(crate) fn plugin(message: &gst::StructureRef) -> Option<String> {
    if message.name() != "missing-plugin" {
        return None;
    }
    let name = message.get::<String>("name").unwrap_or_default();
    let detail = match message.get::<gst::Caps>("detail") {
        Ok(caps) => caps.structure(0).map(|format| format.name().to_string()),
        Err(_) => message.get::<String>("detail").ok(),
    };
    Some(told(&name, &detail.unwrap_or_default()))
}

/// Says what to install if an error is about an element that cannot be made; else the error as it is.
pub(crate) fn element(error: &str) -> String {
    let known = KNOWN.iter().find(|(name, ..)| error.contains(name));
    match known {
        Some((_, element, package)) if error.contains("create element") => {
            format!("GStreamer's element {element} is not installed; install the package {package}")
        }
        _ => error.to_owned(),
    }
}

fn told(name: &str, detail: &str) -> String {
    let known = KNOWN.iter().find(|(begin, ..)| detail.starts_with(begin));
    let what = match name.is_empty() {
        true => detail,
        false => name,
    };
    match known {
        Some((_, element, package)) => format!(
            "GStreamer has no plugin for it ({what}); install the package {package}, which has {element}"
        ),
        None => format!("GStreamer has no plugin for it ({what}, {detail})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_element_and_the_package() {
        let said = told("H.264 decoder", "video/x-h264");
        assert!(
            said.contains("avdec_h264") && said.contains("gstreamer1.0-libav"),
            "{said}"
        );
        let said = told("", "video/x-strange");
        assert!(said.contains("video/x-strange"), "{said}");
        let said = element("Failed to create element from factory name: \"v4l2src\"");
        assert!(said.contains("gstreamer1.0-plugins-good"), "{said}");
        assert_eq!(element("no bus"), "no bus");
    }
}
