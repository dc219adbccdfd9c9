//! JPEG images from a web address: a stream of them, as web cameras send it (MJPEG), or one that is fetched again and again.
//!
//! The bytes that the server sends leave GStreamer, are split into images, and enter it again at the decoder. Its own
//! demultiplexer trusts boundaries and lengths, which many cameras get wrong, and together with automatic decoding it waits for
//! megabytes before the first frame. Invariant: nothing blocks here; if the decoder falls behind, the oldest image is dropped.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppLeakyType, AppSink, AppSinkCallbacks, AppSrc};
use parking_lot::Mutex;

use super::{
    jpeg_splitter::{JpegSplitter, SplitImage},
    network_source::NetworkSource,
};

/// Interval at which a single image is fetched again.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);
/// Images that may wait for the decoder.
const MAX_WAITING_IMAGES: u64 = 4;
/// A server that sends this many bytes without an image sends something else.
const MAX_BYTES_WITHOUT_IMAGE: usize = 4 << 20;

/// A problem of a stream of images.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JpegProblem {
    /// An image ended too early; the stream continues.
    DamagedImage,
    /// The server sends something else, of this content type.
    NoImages(String),
}

/// The elements between the connection and the decoder.
pub(super) struct JpegStream {
    source: gst::Element,
    received: AppSink,
    images: AppSrc,
    shared: Arc<Mutex<ReceivedBytes>>,
    requested_at: Instant,
}

/// The bytes that the server sent so far.
#[derive(Default)]
struct ReceivedBytes {
    content_type: String,
    /// True if images are expected, false if not; none before the first bytes.
    expected: Option<bool>,
    splitter: JpegSplitter,
    problems: VecDeque<JpegProblem>,
    any_image: bool,
    ended: bool,
}

impl JpegStream {
    /// Adds the elements that bring the images of a web address to the sink.
    pub(super) fn link(
        pipeline: &gst::Pipeline,
        network: &NetworkSource,
        sink: &AppSink,
    ) -> Result<Self, gst::glib::BoolError> {
        let source = web_source(network)?;
        let received = AppSink::builder().sync(false).async_(false).build();
        let images = image_source();
        let decoder = gst::ElementFactory::make("jpegdec").build()?;
        // The image is shown when it comes.
        sink.set_sync(false);
        let elements = [
            &source,
            received.upcast_ref(),
            images.upcast_ref(),
            &decoder,
        ];
        pipeline.add_many(elements)?;
        pipeline.add(sink)?;
        source.link(&received)?;
        gst::Element::link_many([images.upcast_ref(), &decoder, sink.upcast_ref()])?;
        let stream = Self {
            source,
            received,
            images,
            shared: Arc::default(),
            requested_at: Instant::now(),
        };
        stream.receive()?;
        Ok(stream)
    }

    /// Takes the headers, the bytes and the end of the response.
    fn receive(&self) -> Result<(), gst::glib::BoolError> {
        let pad = self.source.static_pad("src");
        let pad = pad.ok_or_else(|| gst::glib::bool_error!("souphttpsrc has no source pad"))?;
        let shared = Arc::clone(&self.shared);
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(content_type) = info.event().and_then(content_type) {
                shared.lock().content_type = content_type;
            }
            gst::PadProbeReturn::Ok
        });
        let (shared, images) = (Arc::clone(&self.shared), self.images.clone());
        let take = move |sink: &AppSink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let bytes = sample
                .buffer()
                .and_then(|buffer| buffer.map_readable().ok());
            let found = shared.lock().take(&bytes.ok_or(gst::FlowError::Error)?);
            for image in found {
                // It fails only while everything is being torn down.
                images.push_buffer(gst::Buffer::from_mut_slice(image))?;
            }
            Ok(gst::FlowSuccess::Ok)
        };
        let shared = Arc::clone(&self.shared);
        let callbacks = AppSinkCallbacks::builder().new_sample(take);
        let callbacks = callbacks.eos(move |_| shared.lock().finish());
        self.received.set_callbacks(callbacks.build());
        Ok(())
    }

    /// Returns the oldest problem. After the end of a response, fetches a single image again when its time has come, and passes
    /// on the end of a stream.
    pub(super) fn poll(&mut self) -> Option<JpegProblem> {
        let mut shared = self.shared.lock();
        if let Some(problem) = shared.problems.pop_front() {
            return Some(problem);
        }
        if !shared.ended {
            return None;
        }
        if !shared.is_snapshot() {
            drop(shared);
            let _ = self.images.end_of_stream();
        } else if self.requested_at.elapsed() >= SNAPSHOT_INTERVAL {
            shared.ended = false;
            drop(shared);
            self.request_again();
        }
        None
    }

    fn request_again(&mut self) {
        self.requested_at = Instant::now();
        let elements = [self.source.clone(), self.received.clone().upcast()];
        // An error is on the bus.
        for element in &elements {
            let _ = element.set_state(gst::State::Ready);
        }
        for element in elements.iter().rev() {
            let _ = element.sync_state_with_parent();
        }
    }
}

impl ReceivedBytes {
    /// Takes bytes of the response; returns the whole images that end in them.
    fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let expected = self.expects_images(bytes);
        if !*self.expected.get_or_insert(expected) {
            if self.problems.is_empty() {
                self.report_no_images();
            }
            return Vec::new();
        }
        let mut images = Vec::new();
        for image in self.splitter.push(bytes) {
            match image {
                SplitImage::Whole(image) => images.push(image),
                SplitImage::Damaged => self.problems.push_back(JpegProblem::DamagedImage),
            }
        }
        self.any_image |= !images.is_empty();
        if self.splitter.skipped() > MAX_BYTES_WITHOUT_IMAGE && self.problems.is_empty() {
            self.report_no_images();
        }
        images
    }

    /// True if the response holds images, judged by its type, or, if that says nothing, by its first bytes.
    fn expects_images(&self, bytes: &[u8]) -> bool {
        let kind = self.content_type.trim_start().to_ascii_lowercase();
        let by_type = kind.starts_with("multipart/") || kind.starts_with("image/jp");
        by_type || bytes.starts_with(&[0xFF, 0xD8, 0xFF]) || bytes.starts_with(b"--")
    }

    fn report_no_images(&mut self) {
        let content_type = self.content_type.clone();
        self.problems.push_back(JpegProblem::NoImages(content_type));
    }

    fn finish(&mut self) {
        if self.splitter.finish().is_some() {
            self.problems.push_back(JpegProblem::DamagedImage);
        }
        self.ended = true;
    }

    /// True if the response was one image rather than a stream.
    fn is_snapshot(&self) -> bool {
        let kind = self.content_type.trim_start().to_ascii_lowercase();
        self.any_image && kind.starts_with("image/jp")
    }
}

/// Returns the element that fetches a web address.
fn web_source(network: &NetworkSource) -> Result<gst::Element, gst::glib::BoolError> {
    let source = gst::ElementFactory::make("souphttpsrc")
        .property("location", &network.address.uri)
        .property("is-live", true)
        // Asks for no titles of songs.
        .property("iradio-mode", false)
        .build()?;
    network.configure(&source);
    Ok(source)
}

/// Returns the element through which images reach the decoder, each with the time at which it came.
fn image_source() -> AppSrc {
    let format = gst::Caps::builder("image/jpeg").field("parsed", true);
    AppSrc::builder()
        .caps(&format.build())
        .format(gst::Format::Time)
        .is_live(true)
        .do_timestamp(true)
        .max_bytes(0)
        .max_buffers(MAX_WAITING_IMAGES)
        .leaky_type(AppLeakyType::Downstream)
        .build()
}

/// Returns the type of a response from the event with its headers.
fn content_type(event: &gst::Event) -> Option<String> {
    let headers = event.structure().filter(|s| s.name() == "http-headers")?;
    let headers = headers.get::<gst::Structure>("response-headers").ok()?;
    let (_, value) = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
    value.get::<String>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(content_type: &str, bytes: &[u8]) -> (ReceivedBytes, usize) {
        let mut received = ReceivedBytes {
            content_type: content_type.to_owned(),
            ..ReceivedBytes::default()
        };
        let images = received.take(bytes).len();
        (received, images)
    }

    const IMAGE: [u8; 9] = [0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 7, 0xFF, 0xD9];

    #[test]
    fn images_are_taken_whether_the_server_names_their_type_or_not() {
        for kind in ["multipart/x-mixed-replace", "Image/JPEG", "", "text/plain"] {
            assert_eq!(received(kind, &IMAGE).1, 1, "{kind}");
        }
    }

    #[test]
    fn another_kind_of_response_is_named_once() {
        let (mut received, images) = received("video/mp2t", b"Gxyz");
        received.take(b"more");
        assert_eq!(images, 0);
        let named = JpegProblem::NoImages("video/mp2t".to_owned());
        assert_eq!(received.problems, [named]);
    }

    #[test]
    fn only_a_whole_image_that_ends_is_fetched_anew() {
        let is_snapshot = |kind, bytes: &[u8]| {
            let (mut received, _) = received(kind, bytes);
            received.finish();
            received.is_snapshot()
        };
        assert!(is_snapshot("image/jpeg", &IMAGE));
        assert!(!is_snapshot("image/jpeg", &IMAGE[..6]));
        assert!(!is_snapshot("multipart/x-mixed-replace", &IMAGE));
    }
}
