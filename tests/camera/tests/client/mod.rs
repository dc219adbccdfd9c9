//! A GStreamer client of a camera, and a small video to play.

use std::time::Duration;

use atom_camera::{EncodedVideo, VideoFormat};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

/// A client that receives and decodes the stream; dropping it disconnects.
pub struct Client {
    pipeline: gst::Pipeline,
    sink: AppSink,
}

impl Client {
    /// Connects over TCP, without a login.
    pub fn connect(uri: &str) -> Self {
        Self::connect_with(uri, "protocols=tcp")
    }

    /// Connects with the given properties of `rtspsrc`.
    pub fn connect_with(uri: &str, properties: &str) -> Self {
        gst::init().expect("GStreamer starts");
        let launch = format!(
            "rtspsrc location={uri} latency=100 {properties} ! rtph264depay ! h264parse \
             ! avdec_h264 max-threads=1 ! appsink name=frames sync=false"
        );
        let pipeline = gst::parse::launch(&launch).expect("the client is built");
        let pipeline = pipeline
            .downcast::<gst::Pipeline>()
            .expect("it is a pipeline");
        let sink = pipeline.by_name("frames").expect("it has a sink");
        let sink = sink.downcast().expect("its sink is an appsink");
        // After a failure no frames arrive, which the test notices.
        let _ = pipeline.set_state(gst::State::Playing);
        Self { pipeline, sink }
    }

    /// Returns the size of the next frame, or none if no frame arrives in this time.
    pub fn next_frame(&self, timeout: Duration) -> Option<(i32, i32)> {
        let timeout = gst::ClockTime::try_from(timeout).expect("tests are short");
        let sample = self.sink.try_pull_sample(timeout)?;
        let caps = sample.caps()?.structure(0)?;
        Some((caps.get("width").ok()?, caps.get("height").ok()?))
    }

    /// Receives a number of frames.
    ///
    /// # Panics
    /// A frame takes longer than 60 s: on a machine that is busy with other tests, a stream starts slowly.
    pub fn receive_frames(&self, count: usize) {
        for n in 0..count {
            let frame = self.next_frame(Duration::from_secs(60));
            assert!(
                frame.is_some(),
                "frame {n} of {count} did not arrive: {:?}",
                self.error(Duration::ZERO)
            );
        }
    }

    /// Returns the first error of the pipeline, or none if there is none in this time.
    pub fn error(&self, timeout: Duration) -> Option<String> {
        let timeout = gst::ClockTime::try_from(timeout).expect("tests are short");
        let bus = self.pipeline.bus()?;
        let message = bus.timed_pop_filtered(timeout, &[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            _ => None,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Encodes a small video of two seconds.
pub fn video(width: u32, height: u32) -> EncodedVideo {
    let format = VideoFormat {
        width,
        height,
        fps: 10,
    };
    EncodedVideo::from_test_pattern("ball", 2, format).expect("the video is encoded")
}
