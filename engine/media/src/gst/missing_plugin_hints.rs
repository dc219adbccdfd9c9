//! Hints for missing plugins: GStreamer's own messages name no package to install.

use gstreamer as gst;

/// The beginning of a format's or protocol's name, an element that handles it, and the Debian package that contains it.
const PACKAGES: [(&str, &str, &str); 20] = [
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

/// Returns the hint for a message about a missing plugin; none for another message.
pub(super) fn for_message(message: &gst::StructureRef) -> Option<String> {
    if message.name() != "missing-plugin" {
        return None;
    }
    let name = message.get::<String>("name").unwrap_or_default();
    let detail = match message.get::<gst::Caps>("detail") {
        Ok(caps) => caps.structure(0).map(|format| format.name().to_string()),
        Err(_) => message.get::<String>("detail").ok(),
    };
    Some(hint(&name, &detail.unwrap_or_default()))
}

/// Returns the hint for an element that cannot be created; another error is returned as it is.
pub(super) fn for_element_error(error: &str) -> String {
    let known = PACKAGES
        .iter()
        .find(|(name, element, _)| error.contains(name) || error.contains(element));
    match known {
        Some((_, element, package)) if error.contains("factory") => {
            format!("the GStreamer element {element} is missing; install the package {package}")
        }
        _ => error.to_owned(),
    }
}

fn hint(name: &str, detail: &str) -> String {
    let known = PACKAGES
        .iter()
        .find(|(begin, ..)| detail.starts_with(begin));
    let subject = match name.is_empty() {
        true => detail,
        false => name,
    };
    match known {
        Some((_, element, package)) => format!(
            "a GStreamer plugin is missing ({subject}); install the package {package}, which contains {element}"
        ),
        None => format!("a GStreamer plugin is missing ({subject}, {detail})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_element_and_the_package() {
        let text = hint("H.264 decoder", "video/x-h264");
        assert!(
            text.contains("avdec_h264") && text.contains("gstreamer1.0-libav"),
            "{text}"
        );
        let text = hint("", "video/x-strange");
        assert!(text.contains("video/x-strange"), "{text}");
        let missing = |name| {
            let error =
                format!("Failed to find element factory with name '{name}' for creating element");
            for_element_error(&error)
        };
        let text = missing("v4l2src");
        assert!(text.contains("gstreamer1.0-plugins-good"), "{text}");
        let text = missing("uridecodebin");
        assert!(text.contains("gstreamer1.0-plugins-base"), "{text}");
        assert_eq!(for_element_error("no bus"), "no bus");
    }
}
