//! The language decoder: its KV cache, its search strategies, and the scheduler that shares it among requests.

mod beam_search;
pub(crate) mod generation;
pub(crate) mod kv_cache;
pub(crate) mod language_decoder;
pub(crate) mod onnx_decoder;
mod option_scoring;
mod prefix_cache;
pub(crate) mod scheduler;
