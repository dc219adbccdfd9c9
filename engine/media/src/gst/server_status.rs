//! The status codes with which cameras and web servers refuse a request, and what can be done about each.
//!
//! GStreamer reports a code only in the debug text of an error, behind the server's own words.

use super::error_class::ErrorClass;

/// GStreamer's function that asks for a stream over a transport.
pub(super) const SETUP: &str = "gst_rtspsrc_setup_streams_start";

/// Returns the status code in the debug text of an error: `Not Found (404)`, `Error (404): Not Found`, or
/// `Not Found (404), URL: ...`.
pub(super) fn code_in(debug: &str) -> Option<u16> {
    let functions = ["gst_rtspsrc_send", SETUP, "gst_soup_http_src_parse_status"];
    if !functions.iter().any(|name| debug.contains(name)) {
        return None;
    }
    let words = debug.lines().last()?.split(", URL: ").next()?;
    let mut codes = words.rsplit('(').filter_map(|rest| {
        let (code, _) = rest.split_once(')')?;
        let code = code.parse().ok()?;
        (100..=599).contains(&code).then_some(code)
    });
    codes.next()
}

/// Returns the text for people and the class of a refusal, which came for the set-up of a stream or for another request;
/// none for a code whose remedy depends on more than the code.
pub(super) fn explain(code: u16, setup: bool) -> Option<(String, ErrorClass)> {
    use ErrorClass::{Permanent, Transient, Transport};
    // Some cameras refuse a transport with one of these instead of 461.
    let unspecific = match setup {
        true => Transport,
        false => Transient,
    };
    let (text, class) = match code {
        400 => (
            "rejects the request as malformed; check the path of the address",
            unspecific,
        ),
        403 => (
            "denies access; check the permissions of this user and the settings of the camera",
            Permanent,
        ),
        404 | 410 => (
            "has no such stream; check the path of the address",
            Transient,
        ),
        405 | 501 => ("does not support a request that playback needs", unspecific),
        407 => ("is behind a proxy that requires a login", Transient),
        429 => ("receives too many requests", Transient),
        453 => (
            "has no bandwidth left; close other connections to it",
            Transient,
        ),
        454 => ("closed the session", Transient),
        503 => (
            "is busy or still starting; if this persists, close other connections to it",
            Transient,
        ),
        500 | 502 | 504.. => ("reports an internal error", unspecific),
        301..=399 => ("redirects without giving a new address", Transient),
        _ => return None,
    };
    Some((format!("the server answers {code}: it {text}"), class))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debug texts of GStreamer 1.22 for one code.
    #[test]
    fn a_code_is_found_in_every_form_of_a_refusal() {
        let texts = [
            "gstrtspsrc.c(6895): gst_rtspsrc_send (): /GstRTSPSrc:source:\nNo (9) such (404)",
            "gstrtspsrc.c(7867): gst_rtspsrc_setup_streams_start (): /GstRTSPSrc:source:\nError (404): Not Found",
            "gstsouphttpsrc.c(1683): gst_soup_http_src_parse_status (): /x:\nNot Found (404), URL: http://h/(500), Redirect to: (NULL)",
        ];
        for text in texts {
            assert_eq!(code_in(text), Some(404), "{text}");
        }
        for other in [
            "",
            "gst_base_src_loop ():\nstreaming stopped, reason error (404)",
        ] {
            assert_eq!(code_in(other), None, "{other}");
        }
    }

    #[test]
    fn each_refusal_names_its_code_and_only_a_forbidden_one_is_final() {
        for code in [400, 403, 404, 453, 454, 500, 503] {
            let (text, class) = explain(code, false).unwrap();
            assert!(text.contains(&code.to_string()), "{text}");
            assert_eq!(class == ErrorClass::Permanent, code == 403, "{text}");
        }
        // Login and transport have remedies of their own.
        assert!(explain(401, false).is_none() && explain(461, true).is_none());
        assert_eq!(explain(500, true).unwrap().1, ErrorClass::Transport);
        assert_eq!(explain(404, true).unwrap().1, ErrorClass::Transient);
    }
}
