//! The parts of a video-language model: pixels, tensors, text and ONNX. Knows no dataflow and no video.
//!
//! A [`Pack`] is a folder with a manifest; from it the three modules are loaded, each once: the vision encoder
//! ([`Vision`]), the language decoder ([`Decoder`]) and the text encoder ([`TextEncoder`]). What lies between vision
//! encoder and decoder is the [`Connector`], with the [`Memory`] of captions. Callers see only these traits; the ONNX modules and the deterministic
//! [`fake`] ones stand behind them.
//!
//! In reading order:
//! - [`image`](mod@image), [`vision`], [`memory`], `prompt`, [`concept`], [`connector`], `restraint`, `judge`, [`kv`], [`decoder`], [`text`], [`tokenizer`]: what modules do
//! - `beam`, `choice`, `prefix`, [`scheduler`]: how one decoder serves many requests
//! - `session`: the only file that names ONNX Runtime
//! - [`manifest`], [`pack`], [`cache`]: what a pack is and where it lies
//! - [`origin`], [`install`], `older`: how a pack gets there, and what becomes of the version before
//! - [`meter`], [`fault`], [`error`]: what is counted and what goes wrong
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod beam;
pub mod cache;
mod choice;
pub mod concept;
pub mod connector;
pub mod decoder;
pub mod error;
pub mod fake;
pub mod fault;
pub mod image;
pub mod install;
mod judge;
pub mod kv;
pub mod manifest;
pub mod memory;
pub mod meter;
mod older;
pub mod origin;
pub mod pack;
mod prefix;
mod prompt;
mod restraint;
pub mod scheduler;
mod session;
pub mod text;
mod threads;
pub mod tokenizer;
pub mod vision;

pub use concept::Concept;
pub use connector::{Connector, sure};
pub use decoder::{Candidate, Decoder, Generation};
pub use error::ModelError;
pub use fault::{Fault, Reason};
pub use image::Image;
pub use judge::{Judge, Measure};
pub use kv::{Kv, KvShape};
pub use manifest::Manifest;
pub use memory::Memory;
pub use meter::{Meter, Meters};
pub use pack::Pack;
pub use prompt::Prompt;
pub use scheduler::Scheduler;
pub use text::{LazyText, Remembering, SharedText, TextEncoder};
pub use threads::Threads;
pub use vision::{Impression, Vision};
