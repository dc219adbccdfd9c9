//! GStreamer and ONNX Runtime as parts of a report.

use atom_media::{GstreamerState, gstreamer_state};
use atom_models::{RuntimeState, error_chain, runtime_state};
use serde::Serialize;

use super::{private_paths::PrivatePaths, time_limit::within_time_limit};

/// GStreamer, or why it cannot be used.
#[derive(Debug, Serialize)]
pub(super) struct GstreamerPart {
    #[serde(flatten)]
    pub(super) state: Option<GstreamerState>,
    pub(super) error: Option<String>,
}

/// The ONNX Runtime library, or why it cannot be used.
#[derive(Debug, Serialize)]
pub(super) struct RuntimePart {
    #[serde(flatten)]
    pub(super) state: Option<RuntimeState>,
    pub(super) error: Option<String>,
}

/// Starts GStreamer and examines it.
pub(super) fn gstreamer_part(paths: &PrivatePaths) -> GstreamerPart {
    let state = within_time_limit(|| gstreamer_state().map_err(|error| error_chain(&error)));
    let (state, error) = divided(state, paths);
    GstreamerPart { state, error }
}

/// Loads the ONNX Runtime library and examines it.
pub(super) fn runtime_part(paths: &PrivatePaths) -> RuntimePart {
    let state = within_time_limit(|| runtime_state().map_err(|error| error_chain(&error)));
    let (state, error) = divided(state, paths);
    RuntimePart { state, error }
}

/// Divides an answer into the state and the error, in which private paths are replaced.
pub(super) fn divided<T>(
    answer: Result<Result<T, String>, String>,
    paths: &PrivatePaths,
) -> (Option<T>, Option<String>) {
    match answer.and_then(|answer| answer) {
        Ok(state) => (Some(state), None),
        Err(error) => (None, Some(paths.shown(&error))),
    }
}
