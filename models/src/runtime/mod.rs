//! ONNX modules: their sessions, thread counts and counters.

pub(crate) mod meter;
pub(crate) mod session;
pub(crate) mod threads;
