//! One GStreamer pipeline, from a location to a sink from which the source's thread pulls frames: nothing ever blocks inside
//! GStreamer.
//!
//! Errors are read from the pipeline's bus in the order in which they happened. A dropped pipeline is torn down.

use std::sync::{
    Arc, Once,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video as gst_video;

use super::{
    decoder_buffers,
    error_class::ErrorClass,
    jpeg_stream::{JpegProblem, JpegStream},
    missing_plugin_hints,
    network_source::{NetworkSource, Transport},
    pipeline_error::{PipelineError, is_missing_plugin},
    reading_progress::{self, ReadingProgress},
    real_time_start::start_with_first_frame,
    repeated_times,
    selective_decoding::SelectiveDecoding,
    source_elements, track_choice, transport_stream,
};
use crate::{
    error::MediaError, file::video_track_length::video_track_length, source_location::Location,
};

/// Errors that come within this time of each other have one cause.
const ERROR_BURST: gst::ClockTime = gst::ClockTime::from_mseconds(50);

/// Starts GStreamer, once in a process. From then on, messages of the libraries below it are log lines instead of text on stderr.
///
/// # Errors
/// If GStreamer cannot be initialised.
pub fn init() -> Result<(), MediaError> {
    gst::init().map_err(MediaError::Gstreamer)?;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| gst::glib::log_set_default_handler(log_message));
    Ok(())
}

fn log_message(domain: Option<&str>, level: gst::glib::LogLevel, message: &str) {
    use gst::glib::LogLevel;
    let library = domain.unwrap_or_default();
    match level {
        LogLevel::Error | LogLevel::Critical | LogLevel::Warning => {
            tracing::warn!(library, "{message}");
        }
        _ => tracing::debug!(library, "{message}"),
    }
}

/// A playing pipeline.
pub(crate) struct VideoPipeline {
    pipeline: gst::Pipeline,
    sink: AppSink,
    bus: gst::Bus,
    /// Knows the secrets to remove from GStreamer's messages.
    location: Location,
    /// The hint for a plugin that GStreamer reported as missing.
    plugin_hint: Option<String>,
    /// The connection to a server, if there is one.
    network: Option<NetworkSource>,
    /// The images of a web camera.
    jpeg: Option<JpegStream>,
    /// Set for an MPEG stream, whose clock starts anywhere before the first frame.
    pub(crate) mpeg_clock: Arc<AtomicBool>,
    /// Controls which packets reach the decoder.
    pub(crate) decoding: SelectiveDecoding,
    /// The position up to which the file has been read.
    pub(crate) reading: ReadingProgress,
    /// Set as soon as a video decoder is found.
    decodes: Arc<AtomicBool>,
}

/// The way a pipeline plays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PipelineOptions {
    /// True to play in real time, rather than as fast as frames are pulled.
    pub(crate) real_time: bool,
    /// The transport that a network camera is asked to use.
    pub(crate) transport: Transport,
    /// True if a web address is expected to send JPEG images.
    pub(crate) jpeg: bool,
    /// True if the file is still being written: its last packet may be cut short.
    pub(crate) growing: bool,
}

/// A problem that the bus reported.
pub(crate) enum BusEvent {
    /// A frame could not be decoded; the video continues.
    DamagedFrame(String),
    /// The video cannot continue.
    Failed(PipelineError),
}

impl VideoPipeline {
    /// Builds the pipeline for a location and starts it.
    pub(crate) fn open(
        location: &Location,
        options: PipelineOptions,
    ) -> Result<Self, PipelineError> {
        let pipeline = gst::Pipeline::new();
        let sink = frame_sink(options.real_time);
        let network = connection(location, options.transport)?;
        let linked = match &network {
            Some(network) => link_network(&pipeline, network, options.jpeg, &sink),
            None => link_local(&pipeline, location, options, &sink).map(|()| None),
        };
        let jpeg = linked.map_err(|error| element_error(&error))?;
        let bus = pipeline
            .bus()
            .ok_or_else(|| PipelineError::permanent("the pipeline has no bus"))?;
        let mut opened = Self {
            mpeg_clock: Arc::default(),
            reading: ReadingProgress::default(),
            decodes: Arc::default(),
            decoding: SelectiveDecoding::new(options.growing),
            location: location.clone(),
            plugin_hint: None,
            network,
            jpeg,
            pipeline,
            sink,
            bus,
        };
        opened.watch_elements();
        match opened.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(opened),
            Err(_) => Err(opened
                .take_error()
                .unwrap_or_else(|| PipelineError::transient("GStreamer cannot play it"))),
        }
    }

    /// Watches for demuxers and video decoders, which are added while the stream is being recognised.
    fn watch_elements(&self) {
        let mpeg_clock = Arc::clone(&self.mpeg_clock);
        let (decoding, reading) = (self.decoding.clone(), self.reading.clone());
        let decodes = Arc::clone(&self.decodes);
        self.pipeline
            .connect_deep_element_added(move |_, _, element| {
                let kind = element.factory().map(|factory| factory.name().to_string());
                let kind = kind.as_deref().unwrap_or_default();
                if ["tsdemux", "mpegpsdemux"].contains(&kind) {
                    mpeg_clock.store(true, Relaxed);
                }
                if kind == "tsdemux" {
                    transport_stream::watch(element, decoding.concealment.clone());
                }
                if element.is::<gst_video::VideoDecoder>() {
                    decodes.store(true, Relaxed);
                }
                reading.attach(element);
                decoding.attach(element);
                decoder_buffers::protect(element);
                repeated_times::correct(element);
            });
    }

    /// Returns the next frame, if one comes within this time.
    pub(crate) fn pull(&self, timeout: gst::ClockTime) -> Option<gst::Sample> {
        self.sink.try_pull_sample(timeout)
    }

    /// True after the last frame.
    pub(crate) fn at_end(&self) -> bool {
        self.sink.is_eos()
    }

    /// True once a video decoder was found.
    pub(crate) fn decodes(&self) -> bool {
        self.decodes.load(Relaxed)
    }

    /// True if nothing reads the file any more, though no track has been told that it ends.
    pub(crate) fn reading_stopped(&self) -> bool {
        reading_progress::reading_stopped(&self.pipeline)
    }

    /// Closes the file, so that what reads it ends its tracks.
    pub(crate) fn close_file(&self) {
        reading_progress::close_file(&self.pipeline);
    }

    /// Returns the length of the longest track, if the container gives it.
    pub(crate) fn length(&self) -> Option<gst::ClockTime> {
        self.pipeline.query_duration()
    }

    /// Returns the oldest problem on the bus. All message types are popped together: the bus discards the others.
    pub(crate) fn poll(&mut self) -> Option<BusEvent> {
        use gst::MessageType as Type;
        if let Some(problem) = self.jpeg.as_mut().and_then(JpegStream::poll) {
            return Some(jpeg_event(problem));
        }
        let types = [Type::Error, Type::Warning, Type::Element];
        loop {
            let message = self.bus.pop_filtered(&types)?;
            match message.view() {
                gst::MessageView::Warning(warning) if !is_missing_plugin(&warning.error()) => {
                    let text = self.location.redact(warning.error().message());
                    return Some(BusEvent::DamagedFrame(text));
                }
                gst::MessageView::Error(error) => {
                    let first = self.explain(error);
                    let best = self.most_telling(first);
                    return Some(BusEvent::Failed(self.with_cause(best)));
                }
                gst::MessageView::Element(element) => self.note_missing_plugin(element),
                _ => {}
            }
        }
    }

    /// Returns the most telling of several errors that come together; the first often only says that the stream broke.
    fn most_telling(&mut self, mut best: PipelineError) -> PipelineError {
        use gst::MessageType as Type;
        let types = [Type::Error, Type::Element];
        while let Some(message) = self.bus.timed_pop_filtered(ERROR_BURST, &types) {
            match message.view() {
                gst::MessageView::Error(error) => {
                    let other = self.explain(error);
                    if other.weight() > best.weight() {
                        best = other;
                    }
                }
                gst::MessageView::Element(element) => self.note_missing_plugin(element),
                _ => {}
            }
        }
        best
    }

    fn note_missing_plugin(&mut self, element: &gst::message::Element) {
        let hint = element
            .structure()
            .and_then(missing_plugin_hints::for_message);
        self.plugin_hint = hint.or(self.plugin_hint.take());
    }

    /// Returns the error that ended the video, if there is one.
    pub(crate) fn take_error(&mut self) -> Option<PipelineError> {
        std::iter::from_fn(|| self.poll()).find_map(|event| match event {
            BusEvent::Failed(error) => Some(error),
            BusEvent::DamagedFrame(_) => None,
        })
    }

    fn explain(&self, message: &gst::message::Error) -> PipelineError {
        let refusal = self.network.as_ref().and_then(NetworkSource::refusal);
        let mut error = match refusal {
            Some(reason) => PipelineError::refused(reason),
            None => PipelineError::from_message(message, &self.location),
        };
        error.message = self.location.redact(&error.message);
        error
    }

    /// Replaces an error by its cause, if that is known: a missing plugin, or no video at all.
    fn with_cause(&self, error: PipelineError) -> PipelineError {
        let cause = match &self.plugin_hint {
            Some(hint) if error.class == ErrorClass::Permanent && !error.refused => {
                Some(self.location.redact(hint))
            }
            _ => self.lack_of_video().map(str::to_owned),
        };
        cause.map_or(error, PipelineError::permanent)
    }

    /// Returns the reason why a file gives no video, if it gives sound.
    fn lack_of_video(&self) -> Option<&'static str> {
        let Location::File(path) = &self.location else {
            return None;
        };
        if self.decodes() || !track_choice::holds_only_sound(&self.pipeline) {
            return None;
        }
        // GStreamer hides a track of an MP4 file whose codec it does not know.
        Some(match video_track_length(path) {
            Some(_) => "GStreamer has a plugin for its sound, but none for its video",
            None => "it contains sound, but no video",
        })
    }
}

/// Returns the error for elements that cannot be created or linked.
fn element_error(error: &gst::glib::BoolError) -> PipelineError {
    PipelineError::permanent(missing_plugin_hints::for_element_error(&error.to_string()))
}

/// Returns the connection to a location on the network.
fn connection(
    location: &Location,
    transport: Transport,
) -> Result<Option<NetworkSource>, PipelineError> {
    let Location::Network(address) = location else {
        return Ok(None);
    };
    let connection = NetworkSource::new(address, transport);
    connection.map(Some).map_err(PipelineError::permanent)
}

/// Returns the sink from which frames are pulled.
fn frame_sink(real_time: bool) -> AppSink {
    let sink = AppSink::builder()
        .caps(&gst_video::VideoCapsBuilder::new().build())
        .sync(real_time)
        .max_buffers(2)
        .build();
    if real_time {
        start_with_first_frame(&sink);
    }
    sink
}

/// Adds the elements that bring the frames of a server to the sink; returns the stream of images, if it is one.
fn link_network(
    pipeline: &gst::Pipeline,
    network: &NetworkSource,
    jpeg: bool,
    sink: &AppSink,
) -> Result<Option<JpegStream>, gst::glib::BoolError> {
    match jpeg {
        true => JpegStream::link(pipeline, network, sink).map(Some),
        false => source_elements::link_network(pipeline, network, sink).map(|()| None),
    }
}

/// Adds the elements that bring the frames of a location on this machine to the sink.
fn link_local(
    pipeline: &gst::Pipeline,
    location: &Location,
    options: PipelineOptions,
    sink: &AppSink,
) -> Result<(), gst::glib::BoolError> {
    match location {
        Location::File(path) => source_elements::link_file(pipeline, path, sink),
        Location::Test(test) => {
            source_elements::link_test_pattern(pipeline, test, options.real_time, sink)
        }
        Location::Device(path) => source_elements::link_device(pipeline, path, sink),
        Location::Network(_) => Err(gst::glib::bool_error!("a server needs a connection")),
    }
}

/// Returns the event for a problem of a stream of images.
fn jpeg_event(problem: JpegProblem) -> BusEvent {
    match problem {
        JpegProblem::DamagedImage => BusEvent::DamagedFrame("a JPEG image is truncated".to_owned()),
        JpegProblem::NoImages(kind) => BusEvent::Failed(PipelineError::no_images(&kind)),
    }
}

impl Drop for VideoPipeline {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
