//! Evaluates a pack: its captions against those that people wrote, and how well a caption retrieves its file.
//!
//! In reading order: [`dataset`] reads the files and captions, [`caption_leak_check`] refuses captions that the pack has
//! memorized, [`frame_encoder`] encodes a file, [`caption_evaluation`] and [`retrieval_evaluation`] are the two
//! evaluations. The metrics are in [`ngrams`], [`cider`], [`bleu`], [`rouge`] and [`rank_metrics`];
//! [`confidence_interval`] gives their confidence intervals, and [`evaluation_summary`] holds the result.
//!
//! Metrics know only words and numbers: no models, no files.

pub mod bleu;
pub mod caption_evaluation;
pub mod caption_leak_check;
pub mod cider;
pub mod confidence_interval;
pub mod dataset;
pub mod evaluation_summary;
pub mod frame_encoder;
pub mod ngrams;
pub mod rank_metrics;
pub mod retrieval_evaluation;
pub mod rouge;

pub use caption_evaluation::CaptionEvaluation;
pub use dataset::{Dataset, DatasetFile};
pub use evaluation_summary::EvaluationSummary;
pub use retrieval_evaluation::RetrievalEvaluation;

#[cfg(test)]
mod reference_scores;
