//! A GStreamer client that watches a camera, and films for it to watch.

use std::time::Duration;

use atom_camera::{Film, FilmOptions};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

/// A watching client; dropping it disconnects.
pub struct Client {
    pipeline: gst::Pipeline,
    sink: AppSink,
}

impl Client {
    /// Connects over TCP, without a login.
    pub fn watch(uri: &str) -> Self {
        Self::with(uri, "protocols=tcp")
    }

    /// Connects with the properties of `rtspsrc` given.
    pub fn with(uri: &str, properties: &str) -> Self {
        gst::init().expect("GStreamer starts");
        let launch = format!(
            "rtspsrc location={uri} latency=100 {properties} ! rtph264depay ! h264parse \
             ! avdec_h264 max-threads=1 ! appsink name=end sync=false"
        );
        let pipeline = gst::parse::launch(&launch).expect("the client is built");
        let pipeline = pipeline
            .downcast::<gst::Pipeline>()
            .expect("it is a pipeline");
        let end = pipeline.by_name("end").expect("it has an end");
        let sink = end.downcast().expect("its end is an appsink");
        // A failure shows in the pictures that do not come.
        let _ = pipeline.set_state(gst::State::Playing);
        Self { pipeline, sink }
    }

    /// Size of the next picture; none if none comes in this time.
    pub fn picture(&self, patience: Duration) -> Option<(i32, i32)> {
        let patience = gst::ClockTime::try_from(patience).expect("tests are short");
        let sample = self.sink.try_pull_sample(patience)?;
        let caps = sample.caps()?.structure(0)?;
        Some((caps.get("width").ok()?, caps.get("height").ok()?))
    }

    /// Takes so many pictures.
    ///
    /// # Panics
    /// If one of them takes longer than 10 s.
    pub fn pictures(&self, count: usize) {
        for n in 0..count {
            let came = self.picture(Duration::from_secs(10));
            assert!(
                came.is_some(),
                "picture {n} of {count} did not come: {:?}",
                self.fault(Duration::ZERO)
            );
        }
    }

    /// What went wrong first, if something does in this time.
    pub fn fault(&self, patience: Duration) -> Option<String> {
        let patience = gst::ClockTime::try_from(patience).expect("tests are short");
        let bus = self.pipeline.bus()?;
        let message = bus.timed_pop_filtered(patience, &[gst::MessageType::Error])?;
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

/// A small film of two seconds.
pub fn film(width: u32, height: u32) -> Film {
    let options = FilmOptions {
        width,
        height,
        fps: 10,
    };
    Film::drawn("ball", 2, options).expect("a film is drawn")
}
