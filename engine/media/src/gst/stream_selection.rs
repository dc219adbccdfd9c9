//! Selects the streams of a camera to set up: its first video, and nothing else.
//!
//! Sound and metadata (ONVIF) are not asked for: they cost bandwidth, and a camera whose sound cannot be set up would show
//! nothing at all. Of several videos the first is taken, which is the main one.

use std::sync::Arc;

use gstreamer::{self as gst, prelude::*};
use parking_lot::Mutex;

/// The streams that a camera offers in one connection, and the one of them that is set up.
#[derive(Clone, Default)]
pub(super) struct StreamSelection {
    offered: Arc<Mutex<OfferedStreams>>,
}

#[derive(Default)]
struct OfferedStreams {
    /// The kinds of streams, such as `audio`, without repetitions.
    kinds: Vec<String>,
    /// The number of the first video.
    video: Option<u32>,
}

impl StreamSelection {
    /// Makes an `rtspsrc` ask for the first video only.
    pub(super) fn attach(&self, source: &gst::Element) {
        let selection = self.clone();
        source.connect("select-stream", false, move |values| {
            let number = values.get(1)?.get().ok()?;
            let format = values.get(2)?.get::<gst::Caps>().ok()?;
            let format = format.structure(0)?;
            let kind = format.get::<&str>("media").unwrap_or_default();
            Some(selection.select(number, kind).to_value())
        });
    }

    /// True if the stream with this number is wanted. Streams are numbered again after a redirection.
    fn select(&self, number: u32, kind: &str) -> bool {
        let mut offered = self.offered.lock();
        if number == 0 {
            *offered = OfferedStreams::default();
        }
        if !offered.kinds.iter().any(|known| known == kind) {
            offered.kinds.push(kind.to_owned());
        }
        kind == "video" && *offered.video.get_or_insert(number) == number
    }

    /// Returns the reason why nothing was set up, if the camera offers streams and none of them is a video.
    pub(super) fn no_video(&self) -> Option<String> {
        let offered = self.offered.lock();
        let none = offered.video.is_none() && !offered.kinds.is_empty();
        none.then(|| {
            format!(
                "the camera sends no video, only {}; expected the address of a video stream",
                offered.kinds.join(" and ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(kinds: &[&str]) -> (Vec<usize>, Option<String>) {
        let selection = StreamSelection::default();
        let wanted = |(number, kind): &(usize, &&str)| selection.select(*number as u32, kind);
        let chosen = kinds.iter().enumerate().filter(wanted);
        let numbers = chosen.map(|(number, _)| number).collect();
        (numbers, selection.no_video())
    }

    #[test]
    fn only_the_first_video_is_set_up_wherever_it_stands() {
        assert_eq!(selected(&["video", "audio"]), (vec![0], None));
        assert_eq!(selected(&["audio", "video"]), (vec![1], None));
        let many = ["application", "audio", "video", "video"];
        assert_eq!(selected(&many), (vec![2], None));
    }

    #[test]
    fn a_camera_without_video_is_named() {
        let (numbers, reason) = selected(&["audio", "application", "audio"]);
        assert!(numbers.is_empty());
        assert!(reason.unwrap().contains("only audio and application"));
        assert_eq!(selected(&[]).1, None);
    }

    #[test]
    fn the_streams_of_a_second_attempt_are_numbered_anew() {
        let selection = StreamSelection::default();
        assert!(!selection.select(0, "audio") && selection.select(1, "video"));
        assert!(selection.select(0, "video") && !selection.select(1, "video"));
    }
}
