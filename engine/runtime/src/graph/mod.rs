//! Builds the dataflow graph of a plan: one intake, one vision encoder and one decoder, whatever the plan asks of them.
//!
//! The graph is built by kind of node, not in file order: all encode nodes send through the one encoder, all caption, reason and
//! summary nodes through the one decoder, and each gets its own results back.
//!
//! | file | holds |
//! |---|---|
//! | `streams_by_node` | streams by the node that sends them |
//! | `vision_stages` | the graph under construction, and its sample, encode and segment nodes |
//! | `text_branches` | captions, answers, summaries and questions, and the rows of indexes |
//! | `graph_builder` | the whole graph from intake to seal |

mod graph_builder;
mod streams_by_node;
mod text_branches;
mod vision_stages;

pub use graph_builder::{GraphBuilder, GraphInputs};
pub use text_branches::LanguageModules;
