//! Summaries of every minute, and of longer spans made of minutes.
//!
//! In reading order: the settings ([`spec`]), a window with its captions ([`window`]), the choice of the most frequent
//! captions ([`sentences`]), and the operator that waits until a window is complete ([`summarize`]).

pub mod sentences;
pub mod spec;
pub mod summarize;
pub mod window;
