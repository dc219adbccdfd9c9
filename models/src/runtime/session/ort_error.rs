//! Conversion of ONNX Runtime's errors, whose types stay inside the session module.

use crate::Cause;

/// Returns the error's message, the only fact that it carries.
pub(super) fn cause<R>(error: ort::Error<R>) -> Cause {
    error.message().into()
}
