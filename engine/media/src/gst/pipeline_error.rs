//! Errors of a pipeline: their text for people, and whether a retry can help.

use gstreamer::{self as gst, prelude::*};

use super::{error_class::ErrorClass, server_status};
use crate::source_location::Location;

const TRANSPORT_REFUSED: &str =
    "the camera supports neither TCP nor UDP (461 Unsupported Transport)";
/// GStreamer's words for any error of a stream.
const VAGUE: &str = "Internal data stream error";
const CONNECTION_BROKE: &str = "the web server refused or closed the connection";
const NOT_RTSP: &str =
    "the server does not speak RTSP; check the host and port of the camera's address";
const TEXT: &str = "it contains text, not video";
const UNKNOWN_TYPE: &str = "its file type is unknown: it contains no video, or it is damaged";
const UNKNOWN_PIXELS: &str = "GStreamer does not support the pixel format of its frames";

/// The reason why a video cannot continue.
#[derive(Clone, Debug)]
pub(crate) struct PipelineError {
    /// The text for people.
    pub(crate) message: String,
    /// The kind of remedy.
    pub(crate) class: ErrorClass,
    /// True if the message says why one side refused the other: GStreamer's own words say less.
    pub(super) refused: bool,
}

impl PipelineError {
    /// Returns an error that a retry may cure.
    pub(crate) fn transient(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            class: ErrorClass::Transient,
            refused: false,
        }
    }

    /// Returns an error that no retry cures.
    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self {
            class: ErrorClass::Permanent,
            ..Self::transient(message)
        }
    }

    /// Returns the error for an offer or a certificate that was refused here.
    pub(super) fn refused(message: String) -> Self {
        Self {
            refused: true,
            ..Self::permanent(message)
        }
    }

    /// Returns the error for a web address whose response, of this content type, holds no images.
    pub(super) fn no_images(content_type: &str) -> Self {
        if content_type.to_ascii_lowercase().starts_with("text/html") {
            return Self::permanent(
                "the server sends a web page (text/html), not video; use the address of the stream itself",
            );
        }
        Self {
            class: ErrorClass::NoImages,
            ..Self::transient(format!(
                "the server sends {content_type:?}, which contains no JPEG images"
            ))
        }
    }

    /// Reads an error message from the bus.
    pub(super) fn from_message(message: &gst::message::Error, location: &Location) -> Self {
        let error = message.error();
        let debug = message.debug().unwrap_or_default();
        let element = message
            .src()
            .map_or_else(|| "GStreamer".into(), |source| source.name().to_string());
        let code = server_status::code_in(&debug);
        let login = is_login(&error, &debug, code);
        let setup = debug.contains(server_status::SETUP);
        let refusal = code.and_then(|code| server_status::explain(code, setup));
        let refused = login || refusal.is_some();
        let (text, class) = match refusal {
            Some(refusal) => refusal,
            None => {
                let class = classify(&error, &debug, code);
                let text = match class {
                    _ if login => login_hint(location).to_owned(),
                    ErrorClass::Transport => TRANSPORT_REFUSED.to_owned(),
                    _ if debug.contains("Parse error") => NOT_RTSP.to_owned(),
                    _ if is_broken_response(&error, &element) => CONNECTION_BROKE.to_owned(),
                    _ => stream_problem(&error, &debug, &element),
                };
                (text, class)
            }
        };
        Self {
            message: text,
            class,
            refused,
        }
    }

    /// True if it only says that the stream broke.
    fn is_vague(&self) -> bool {
        let message = &self.message;
        message.starts_with(VAGUE)
            || message == CONNECTION_BROKE
            || message.starts_with(UNKNOWN_PIXELS)
    }

    /// Returns the weight of this error among errors of one cause: the heaviest explains most.
    pub(super) fn weight(&self) -> u8 {
        match self.class {
            ErrorClass::Transient if self.is_vague() => 0,
            _ if self.refused => 4,
            ErrorClass::Transient => 1,
            ErrorClass::Permanent => 2,
            // Without a stream there is nothing to decode either, and plugins are reported as missing.
            ErrorClass::Transport | ErrorClass::NoImages => 3,
        }
    }
}

/// True if a web server gave no response, or one that ended early and that GStreamer cannot continue.
fn is_broken_response(error: &gst::glib::Error, element: &str) -> bool {
    let text = error.message();
    let no_rest = text.starts_with("Server does not support seeking");
    element.starts_with("souphttpsrc") && (no_rest || text.starts_with(VAGUE))
}

fn login_hint(location: &Location) -> &'static str {
    match location {
        Location::Network(address) if address.login.is_some() => {
            "the server rejects this user and password (401)"
        }
        _ => "the server requires a login (401); set user and password_file for the source",
    }
}

/// Returns what is wrong with the stream itself.
fn stream_problem(error: &gst::glib::Error, debug: &str, element: &str) -> String {
    if debug.contains("plain text") {
        return TEXT.to_owned();
    }
    if error.matches(gst::StreamError::TypeNotFound) {
        return UNKNOWN_TYPE.to_owned();
    }
    if debug.contains("not-negotiated") {
        return format!("{UNKNOWN_PIXELS} ({element})");
    }
    let message = error.message().trim_end_matches('.');
    format!("{message}{} ({element})", system_error(debug))
}

/// Returns the operating system's own words about an error, if GStreamer gives them.
fn system_error(debug: &str) -> String {
    let last = debug.lines().last().unwrap_or_default();
    match last.strip_prefix("system error: ") {
        Some(text) => format!(": {text}"),
        None => String::new(),
    }
}

/// True if an error or warning only says that a plugin is missing: the plugin hint is clearer.
pub(super) fn is_missing_plugin(error: &gst::glib::Error) -> bool {
    error.matches(gst::StreamError::CodecNotFound) || error.matches(gst::CoreError::MissingPlugin)
}

/// True if the server wants a login. GStreamer has one error for that and for a user without the right.
fn is_login(error: &gst::glib::Error, debug: &str, code: Option<u16>) -> bool {
    let unauthorized =
        || error.matches(gst::ResourceError::NotAuthorized) || debug.contains("Unauthorized");
    code.map_or_else(unauthorized, |code| code == 401)
}

fn classify(error: &gst::glib::Error, debug: &str, code: Option<u16>) -> ErrorClass {
    use gst::StreamError;
    let login = is_login(error, debug, code);
    // 461 (RFC 2326): the camera does not send over the transport that it was asked for.
    // The bin around the camera's source reports it as a missing plugin; only the debug text says where it happened.
    let in_setup = debug.contains(server_status::SETUP) && !login;
    if code == Some(461) || in_setup || debug.contains("Unsupported transport") {
        return ErrorClass::Transport;
    }
    let permanent = login
        || is_missing_plugin(error)
        || error.matches(StreamError::TypeNotFound)
        || error.matches(StreamError::WrongType)
        || debug.contains("Parse error");
    match permanent {
        true => ErrorClass::Permanent,
        false => ErrorClass::Transient,
    }
}
