//! ONNX modules: their sessions, thread counts and counters.

pub(crate) mod module_meter;
pub(crate) mod session;
pub(crate) mod thread_counts;
