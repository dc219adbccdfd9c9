//! Published dual encoders: an image encoder and a text encoder whose vectors lie in one space, as two ONNX files with the
//! model's own configuration and tokenizer. CLIP, SigLIP and the SigLIP2 variants of fixed resolution are of this kind.
//!
//! The cosine of the vectors of an image and a text says how well they match. Vectors of different models cannot be compared.

pub(crate) mod dual_image_encoder;
pub(crate) mod dual_text_encoder;
mod embedding_module;
pub(crate) mod image_steps;
pub(crate) mod index_part;
#[cfg(test)]
mod parity;
mod text_rules;
