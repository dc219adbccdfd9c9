//! The text encoder, the tokenizer and the caption memory.

pub(crate) mod caption_memory;
pub(crate) mod encoder;
pub(crate) mod encoder_wrappers;
pub(crate) mod tokenizer;
