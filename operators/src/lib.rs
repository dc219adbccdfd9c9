//! What happens to video data in time: the operators of the dataflow graph.
//!
//! Every operator is two halves in one file: a core that knows no timely and is tested with plain values, and a shell
//! that moves data and capabilities. In reading order:
//! - [`data`], [`signature`], [`node`]: what flows, and the words that pipeline files use for it
//! - [`tick`], [`flow`], [`tally`]: order, bounds and counts
//! - [`intake`], [`sample`], [`encode`], [`segment`]: from sources to segments
//! - [`recall`], [`caption`], [`reason`], [`decode`]: from segments to words, through the one decoder
//! - [`index`], [`seal`]: rows, and the moment from which everything of a span is known
//! - [`offload`]: how a model runs beside the graph
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod caption;
pub mod data;
pub mod decode;
pub mod encode;
pub mod flow;
pub mod index;
pub mod intake;
pub mod node;
pub mod offload;
pub mod reason;
pub mod recall;
pub mod sample;
pub mod seal;
pub mod segment;
pub mod signature;
pub mod tally;
pub mod tick;
