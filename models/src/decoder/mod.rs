//! The language decoder: its KV cache, its search strategies, and the scheduler that shares it among requests.

mod beam_search;
pub(crate) mod decoder_trait;
pub(crate) mod generated_texts;
pub(crate) mod input_token;
pub(crate) mod kv_cache;
pub(crate) mod onnx_decoder;
mod option_scoring;
mod prefix_cache;
pub(crate) mod scheduler;
