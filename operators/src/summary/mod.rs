//! Summaries of every minute, and of longer spans made of minutes.
//!
//! In reading order: the settings ([`summary_spec`]), a window with its captions ([`summary_window`]), the choice of
//! the most frequent captions ([`frequent_sentences`]), and the operator that waits until a window is complete
//! ([`summarize`]).

pub mod frequent_sentences;
pub mod summarize;
pub mod summary_spec;
pub mod summary_window;
