//! Prompts: their templates, the tags in them, constrained decoding, and the ranking of the texts generated.

pub(crate) mod builder;
pub(crate) mod caption_ranker;
pub(crate) mod concept_tags;
pub(crate) mod constrained_decoding;
pub(crate) mod decoder_prompt;
pub(crate) mod first_sentence;
pub(crate) mod scene_evidence;
pub(crate) mod templates;
pub(crate) mod yes_no_classifier;
