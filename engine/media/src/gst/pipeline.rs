//! One GStreamer pipeline, from where pictures come to a sink from which a source's thread pulls: so nothing ever blocks
//! inside GStreamer.
//!
//! What goes wrong is told on GStreamer's bus, and read from there in the order in which it happened. A pipeline that is
//! dropped is torn down.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video as gst_video;

use super::{
    elements::{self, Transport},
    plugin_hints as missing,
    selective_decoding::Gate,
};
use crate::{error::MediaError, location::Location};

/// Starts GStreamer, once in a process.
pub fn init() -> Result<(), MediaError> {
    gst::init().map_err(|e| MediaError::Gstreamer {
        reason: e.to_string(),
    })
}

/// A pipeline that plays.
pub(crate) struct Pipe {
    pipeline: gst::Pipeline,
    sink: AppSink,
    bus: gst::Bus,
    /// Hides the password in what GStreamer says.
    location: Location,
    /// What GStreamer found no plugin for.
    missing: Option<String>,
    /// Set when the container is an MPEG stream, whose clock begins at any moment before the first picture.
    pub(crate) clocked: Arc<AtomicBool>,
    /// Lets only that into the decoder which is needed.
    pub(crate) gate: Gate,
}

/// How a pipeline is to play.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// As time passes, rather than as fast as the pictures are taken.
    pub(crate) paced: bool,
    /// How a camera on the network is to send.
    pub(crate) transport: Transport,
    /// Whether the file is still being written: its last piece may be cut short.
    pub(crate) growing: bool,
}

/// What GStreamer tells of.
pub(crate) enum Trouble {
    /// A picture that could not be decoded; the video goes on.
    Picture(String),
    /// The video cannot go on.
    End(Broken),
}

/// Why a video cannot go on.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    /// For a person.
    pub(crate) said: String,
    /// Whether trying again can help.
    pub(crate) kind: Kind,
}

/// Kinds of trouble, by what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Waiting may help.
    Passing,
    /// The camera may send in another way.
    Transport,
    /// Nothing that happens by itself helps: a wrong password, a missing plugin, no video at all.
    Lasting,
}

impl Broken {
    /// Trouble that may pass.
    pub(crate) fn passing(said: impl Into<String>) -> Self {
        Self {
            said: said.into(),
            kind: Kind::Passing,
        }
    }

    /// How much it says, among errors of one cause.
    fn weight(&self) -> u8 {
        match self.kind {
            Kind::Passing if self.said.starts_with("Internal data stream error") => 0,
            Kind::Passing => 1,
            Kind::Lasting => 2,
            // Without a stream there is nothing to decode either, and plugins are told to be missing.
            Kind::Transport => 3,
        }
    }
}

impl Pipe {
    pub(crate) fn open(location: &Location, manner: Manner) -> Result<Self, Broken> {
        let pipeline = gst::Pipeline::new();
        let sink = AppSink::builder()
            .caps(&gst_video::VideoCapsBuilder::new().build())
            .sync(manner.paced)
            .max_buffers(2)
            .build();
        let built = match location {
            Location::File(path) => elements::of_file(&pipeline, path, &sink),
            Location::Test(test) => elements::of_test(&pipeline, test, manner.paced, &sink),
            Location::Device(path) => elements::of_device(&pipeline, path, &sink),
            Location::Address(address) => {
                elements::of_address(&pipeline, address, manner.transport, &sink)
            }
        };
        let lasting = |said: String| Broken {
            said,
            kind: Kind::Lasting,
        };
        built.map_err(|e| lasting(missing::element(&e.to_string())))?;
        let bus = pipeline
            .bus()
            .ok_or_else(|| lasting("the pipeline has no bus".into()))?;
        let clocked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&clocked);
        let gate = Gate::new(manner.growing);
        let watching = gate.clone();
        pipeline.connect_deep_element_added(move |_, _, element| {
            let kind = element.factory().map(|factory| factory.name().to_string());
            if kind.is_some_and(|kind| ["tsdemux", "mpegpsdemux"].contains(&kind.as_str())) {
                flag.store(true, Relaxed);
            }
            watching.watch(element);
        });
        let mut pipe = Self {
            pipeline,
            sink,
            bus,
            location: location.clone(),
            missing: None,
            clocked,
            gate,
        };
        match pipe.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(pipe),
            Err(_) => Err(pipe
                .fault()
                .unwrap_or_else(|| Broken::passing("GStreamer cannot play it"))),
        }
    }

    /// The next picture, if one comes within this time.
    pub(crate) fn pull(&self, patience: gst::ClockTime) -> Option<gst::Sample> {
        self.sink.try_pull_sample(patience)
    }

    /// Whether nothing comes any more.
    pub(crate) fn is_over(&self) -> bool {
        self.sink.is_eos()
    }

    /// How long the video is, if its container says so.
    pub(crate) fn length(&self) -> Option<gst::ClockTime> {
        self.pipeline.query_duration()
    }

    /// What GStreamer tells of trouble, the oldest first. All kinds are asked for at once: the bus throws away what it
    /// is not asked for.
    pub(crate) fn trouble(&mut self) -> Option<Trouble> {
        use gst::MessageType as Type;
        let asked = [Type::Error, Type::Warning, Type::Element];
        loop {
            let message = self.bus.pop_filtered(&asked)?;
            match message.view() {
                gst::MessageView::Warning(warning) if !of_plugin(&warning.error()) => {
                    let said = self.location.hidden(warning.error().message());
                    return Some(Trouble::Picture(said));
                }
                gst::MessageView::Error(error) => {
                    let first = self.broken(error);
                    return Some(Trouble::End(self.told_best(first)));
                }
                gst::MessageView::Element(element) => self.note(element),
                _ => {}
            }
        }
    }

    /// Of several errors that come together, the one that says most; the first is often only that the stream broke.
    fn told_best(&mut self, mut best: Broken) -> Broken {
        use gst::MessageType as Type;
        let asked = [Type::Error, Type::Element];
        while let Some(message) = self.bus.timed_pop_filtered(TOGETHER, &asked) {
            match message.view() {
                gst::MessageView::Error(error) => {
                    let other = self.broken(error);
                    if other.weight() > best.weight() {
                        best = other;
                    }
                }
                gst::MessageView::Element(element) => self.note(element),
                _ => {}
            }
        }
        best
    }

    fn note(&mut self, element: &gst::message::Element) {
        let found = element.structure().and_then(missing::plugin);
        self.missing = found.or(self.missing.take());
    }

    /// The error that ended the video, if there is one.
    pub(crate) fn fault(&mut self) -> Option<Broken> {
        std::iter::from_fn(|| self.trouble()).find_map(|trouble| match trouble {
            Trouble::End(broken) => Some(broken),
            Trouble::Picture(_) => None,
        })
    }

    fn broken(&self, message: &gst::message::Error) -> Broken {
        let error = message.error();
        let element = message
            .src()
            .map_or_else(|| "GStreamer".into(), |source| source.name().to_string());
        let debug = message.debug().unwrap_or_default();
        let kind = kind(&error, &debug);
        let said = match &self.missing {
            _ if is_login(&error, &debug) => self.login(),
            Some(missing) if kind == Kind::Lasting => missing.clone(),
            _ if debug.contains("Parse error") => NO_RTSP.to_owned(),
            _ => format!("{}{} ({element})", error.message(), detail(&debug)),
        };
        Broken {
            said: self.location.hidden(&said),
            kind,
        }
    }

    fn login(&self) -> String {
        let known = matches!(&self.location, Location::Address(address) if address.login.is_some());
        let said = match known {
            true => "it refuses this user and password",
            false => "it asks for a login; give user and password_file",
        };
        said.to_owned()
    }
}

/// Errors that come within so long of each other have one cause.
const TOGETHER: gst::ClockTime = gst::ClockTime::from_mseconds(50);
const NO_RTSP: &str = "what answers there does not speak RTSP: it is no camera";

/// The system's own words about an error, if GStreamer gives them.
fn detail(debug: &str) -> String {
    let last = debug.lines().last().unwrap_or_default();
    match last.strip_prefix("system error: ") {
        Some(said) => format!(" {said}"),
        None => String::new(),
    }
}

/// Whether a warning only says that a plugin is missing: that is told in better words.
fn of_plugin(error: &gst::glib::Error) -> bool {
    error.matches(gst::StreamError::CodecNotFound) || error.matches(gst::CoreError::MissingPlugin)
}

fn is_login(error: &gst::glib::Error, debug: &str) -> bool {
    error.matches(gst::ResourceError::NotAuthorized) || debug.contains("Unauthorized")
}

fn kind(error: &gst::glib::Error, debug: &str) -> Kind {
    use gst::StreamError;
    // 461 (RFC 2326): the camera does not send in the way it was asked to.
    // The bin around the camera's source tells of it as a missing plugin, and only its notes say where it was.
    let transport = [
        "gst_rtspsrc_setup_streams_start",
        "Unsupported transport",
        "461",
    ];
    if transport.iter().any(|word| debug.contains(word)) {
        return Kind::Transport;
    }
    let lasting = is_login(error, debug)
        || of_plugin(error)
        || error.matches(StreamError::TypeNotFound)
        || error.matches(StreamError::WrongType)
        || debug.contains("Parse error");
    match lasting {
        true => Kind::Lasting,
        false => Kind::Passing,
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
