//! Published vision-language models: a vision encoder, a token embedding and a decoder as three ONNX files, with the model's own
//! configuration, tokenizer and chat template.
//!
//! A model's architecture decides how images become tensors and how a prompt shows them; the decoding itself is the same for all.

pub(crate) mod chat_prompts;
pub(crate) mod chat_template;
pub(crate) mod decoder_layout;
pub(crate) mod idefics3;
pub(crate) mod lfm2_vl;
#[cfg(test)]
mod parity;
pub(crate) mod row_batch;
pub(crate) mod token_embedding;
pub(crate) mod vlm_decoder;
pub(crate) mod vlm_encoder;
pub(crate) mod vlm_images;
pub(crate) mod vlm_model;
pub(crate) mod vlm_part;
