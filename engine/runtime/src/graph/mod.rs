//! Builds the dataflow graph of a plan: one intake, one vision encoder and one decoder, whatever the plan asks of them.
//!
//! The graph is built by kind of node, not in file order: all encode nodes send through the one encoder, all caption, reason and
//! summary nodes through the one decoder, and each gets its own results back.
//!
//! | file | holds |
//! |---|---|
//! | `streams` | streams by the node that sends them |
//! | `partial` | the graph under construction: sampling, encoding, segmenting |
//! | `text_branches` | captions, answers, summaries and questions, and the rows of indexes |
//! | `builder` | the whole graph from intake to seal |

mod builder;
mod partial;
mod streams;
mod text_branches;

pub use builder::{GraphBuilder, GraphInputs};
pub use text_branches::LanguageModules;
