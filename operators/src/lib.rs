//! The operators of the dataflow graph, from video frames to captions, answers and index rows.
//!
//! Every operator is two halves in one file: a core that knows no timely and is tested with plain values, and a shell
//! that moves data and capabilities. In reading order:
//! - [`ids`], [`media_time`], [`signature`], [`frame`], [`event`], [`failure`]: the values that flow
//! - [`spec`], [`node`]: the settings and kinds of nodes in pipeline files
//! - [`cancel`], [`hangup`]: cancellation of a run, and the signal to reopen files
//! - [`utc`], [`start_time`]: wall-clock time as text, and when a source started
//! - [`printable`], [`counted`]: foreign text made safe to print, and numbers with their nouns
//! - [`tick`], [`credits`], [`rate_control`], [`counters`]: order, flow control, adaptive sampling and statistics
//! - [`offload`], `batch_worker`, [`circuit_breaker`]: models on threads beside the graph
//! - [`intake`], [`sampling_grid`], [`sample`], [`encode`], [`segment`]: from sources to segments
//! - [`request`], [`draft`], [`caption`], [`reason`], [`summary`]: the branches, and their requests to the decoder
//! - [`shown_frames`], [`seen_objects`], `stretch`: the frames that a prompt shows, what the detector counted, and times as text
//! - [`qa`]: questions of users about the stored segments
//! - [`decode`], `decoder_worker`, `text_worker`: from requests to texts, by one decoder and one text encoder
//! - [`answer_changes`], [`index`], [`retention`], [`seal`]: results, rows, and the moment when they are final
//! - [`standing`]: best matches and counts that follow every change of the stored segments
//!
//! `examples/custom_operator.rs` shows how to write a custom operator.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod answer_changes;
mod batch_worker;
pub mod cancel;
pub mod caption;
pub mod circuit_breaker;
pub mod counted;
pub mod counters;
pub mod credits;
pub mod decode;
mod decoder_worker;
pub mod draft;
pub mod encode;
pub mod event;
pub mod failure;
pub mod frame;
pub mod hangup;
pub mod ids;
pub mod index;
pub mod intake;
pub mod media_time;
pub mod node;
pub mod offload;
pub mod printable;
pub mod qa;
pub mod rate_control;
pub mod reason;
pub mod request;
pub mod retention;
pub mod sample;
pub mod sampling_grid;
pub mod seal;
pub mod seen_objects;
pub mod segment;
pub mod shown_frames;
pub mod signature;
pub mod spec;
pub mod standing;
pub mod start_time;
mod stretch;
pub mod summary;
mod text_worker;
pub mod tick;
pub mod utc;
