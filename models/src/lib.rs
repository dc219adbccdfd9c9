//! The parts of a video-language model: images, text, prompts and ONNX modules. Independent of dataflow and video.
//!
//! A [`Pack`] is a folder with a manifest, from which each module is loaded once: the vision encoder ([`VisionEncoder`]),
//! the text encoder ([`TextEncoder`]) and the decoder ([`Decoder`]). Callers see only these traits; ONNX modules or [`fake`]
//! ones implement them. A [`PromptBuilder`] turns visual features into prompts, the [`Scheduler`] turns prompts into texts.
//!
//! In reading order:
//! - `vision`: images, the vision encoder and its features, the concepts that it scores
//! - `text`: the text encoder, the tokenizer, the caption memory
//! - [`english`]: grammar of the words that packs know
//! - `prompt`: templates and tags, constrained decoding, caption ranking, the yes/no classifier
//! - `decoder`: the decoder with its KV cache, beam search, the prefix cache and the scheduler
//! - `vlm`, `dual`: published vision-language models, and pairs of an image and a text encoder such as CLIP
//! - `packs`: manifests, installed packs, their installation and their state
//! - `runtime`: ONNX sessions (the only module that names ONNX Runtime), thread counts, meters
//! - [`fake`]: the pack for tests
//! - `error`, `fault`: errors, and failures as values
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod decoder;
mod dual;
pub mod english;
mod error;
pub mod fake;
mod fault;
mod model_config;
mod packs;
mod prompt;
mod runtime;
mod text;
mod vision;
mod vlm;

pub use decoder::{
    decoder_trait::Decoder,
    generated_texts::{Candidate, GeneratedTexts},
    input_token::InputToken,
    kv_cache::{KvCache, KvShape},
    scheduler::{FinishedJob, Job, Scheduler, SchedulerSettings, Urgency},
};
pub use error::{Cause, ModelError, error_chain};
pub use fault::{Fault, Reason, catch_panic};
pub use packs::{
    inspection::{
        PackState, RuntimeState, cache_folder, installed_runtime_version, pack_states,
        runtime_is_named_by_variable, runtime_state,
    },
    install::{Installation, install_pack, verify_pack},
    install_observer::InstallObserver,
    installed_packs::installed_packs,
    manifest::{FileEntry, Manifest},
    origin_error::OriginError,
    pack::Pack,
    pack_source::{EmbeddedFile, PackSource, pack_sources},
};
pub use prompt::{
    builder::PromptBuilder,
    caption_ranker::CaptionRanker,
    concept_tags::{confident_tags, possible_tags},
    decoder_prompt::{Prompt, PromptPart},
    first_sentence::first_sentence,
    scene_evidence::SceneEvidence,
    yes_no_classifier::{YesNoClassifier, YesNoScorer},
};
pub use runtime::{
    module_meter::{Meter, MeterReading, Meters, ModuleSpan},
    thread_counts::ThreadCounts,
};
pub use text::{
    caption_memory::CaptionMemory,
    encoder::TextEncoder,
    encoder_wrappers::{CachedTextEncoder, LazyTextEncoder, NoTextEncoder, SharedTextEncoder},
};
pub use vision::{
    encoder::VisionEncoder,
    features::{ObjectCount, VisualFeatures, cosine},
    image::Image,
    image_embeddings::{ImageEmbeddings, ShownFrame},
    object_classes::{NounMeaning, ObjectClass},
};
