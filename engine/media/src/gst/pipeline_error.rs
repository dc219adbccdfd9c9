//! Errors of a pipeline: their text for people, and whether a retry can help.

use gstreamer::{self as gst, prelude::*};

use crate::source_location::Location;

const NOT_RTSP: &str = "what answers there does not speak RTSP: it is no camera";

/// The reason why a video cannot go on.
#[derive(Clone, Debug)]
pub(crate) struct PipelineError {
    /// The text for people.
    pub(crate) message: String,
    /// The kind of remedy.
    pub(crate) class: ErrorClass,
    /// True if the server wants a login, or another one.
    pub(crate) login: bool,
}

/// Classes of errors, by their remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// A retry may help.
    Transient,
    /// The camera may send over another transport.
    Transport,
    /// No retry helps: a wrong password, a missing plugin, no video at all.
    Permanent,
}

impl PipelineError {
    /// Returns an error that a retry may cure.
    pub(crate) fn transient(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            class: ErrorClass::Transient,
            login: false,
        }
    }

    /// Returns an error that no retry cures.
    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self {
            class: ErrorClass::Permanent,
            ..Self::transient(message)
        }
    }

    /// Reads an error message from the bus.
    pub(super) fn from_message(message: &gst::message::Error, location: &Location) -> Self {
        let error = message.error();
        let debug = message.debug().unwrap_or_default();
        let element = message
            .src()
            .map_or_else(|| "GStreamer".into(), |source| source.name().to_string());
        let login = is_login(&error, &debug);
        let text = match login {
            true => login_hint(location).to_owned(),
            false if debug.contains("Parse error") => NOT_RTSP.to_owned(),
            false => format!("{}{} ({element})", error.message(), system_error(&debug)),
        };
        Self {
            message: text,
            class: classify(&error, &debug),
            login,
        }
    }

    /// Returns how much it tells, among errors of one cause.
    pub(super) fn weight(&self) -> u8 {
        match self.class {
            ErrorClass::Transient if self.message.starts_with("Internal data stream error") => 0,
            ErrorClass::Transient => 1,
            ErrorClass::Permanent => 2,
            // Without a stream there is nothing to decode either, and plugins are reported as missing.
            ErrorClass::Transport => 3,
        }
    }
}

fn login_hint(location: &Location) -> &'static str {
    match location {
        Location::Network(address) if address.login.is_some() => {
            "it refuses this user and password"
        }
        _ => "it asks for a login; give user and password_file",
    }
}

/// Returns the operating system's own words about an error, if GStreamer gives them.
fn system_error(debug: &str) -> String {
    let last = debug.lines().last().unwrap_or_default();
    match last.strip_prefix("system error: ") {
        Some(text) => format!(" {text}"),
        None => String::new(),
    }
}

/// True if an error or warning only says that a plugin is missing: the plugin hint says it better.
pub(super) fn is_missing_plugin(error: &gst::glib::Error) -> bool {
    error.matches(gst::StreamError::CodecNotFound) || error.matches(gst::CoreError::MissingPlugin)
}

fn is_login(error: &gst::glib::Error, debug: &str) -> bool {
    error.matches(gst::ResourceError::NotAuthorized) || debug.contains("Unauthorized")
}

fn classify(error: &gst::glib::Error, debug: &str) -> ErrorClass {
    use gst::StreamError;
    // 461 (RFC 2326): the camera does not send over the transport that it was asked for.
    // The bin around the camera's source reports it as a missing plugin; only the debug text says where it happened.
    let transport = [
        "gst_rtspsrc_setup_streams_start",
        "Unsupported transport",
        "461",
    ];
    if transport.iter().any(|word| debug.contains(word)) {
        return ErrorClass::Transport;
    }
    let permanent = is_login(error, debug)
        || is_missing_plugin(error)
        || error.matches(StreamError::TypeNotFound)
        || error.matches(StreamError::WrongType)
        || debug.contains("Parse error");
    match permanent {
        true => ErrorClass::Permanent,
        false => ErrorClass::Transient,
    }
}
