//! Summaries of every minute, and of longer spans made of minutes.
//!
//! In reading order: the settings ([`summary_spec`]), a moment with the words that support its caption ([`moment`]), the
//! captions that a scene supports (`scene_words`), the scenes that are described ([`described_scenes`]) and their text ([`summary_text`]), a window with its moments ([`summary_window`]), and the
//! operator that waits until a window is complete ([`summarize`]).

pub mod described_scenes;
pub mod moment;
mod scene_words;
pub mod summarize;
pub mod summary_spec;
pub mod summary_text;
pub mod summary_window;
