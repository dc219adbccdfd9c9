//! What happens to video data in time: the operators of the dataflow graph.
//!
//! Every operator is two halves in one file: a core that knows no timely and is tested with plain values, and a shell
//! that moves data and capabilities. In reading order:
//! - [`data`], [`signature`], [`node`]: what flows, and the words that pipeline files use for it
//! - [`tick`], [`flow`], [`pace`], [`tally`]: order, bounds, rates and counts
//! - [`intake`], [`sample`], [`encode`], [`segment`]: from sources to segments
//! - [`recall`], [`caption`], [`reason`], [`summary`], [`minutes`]: what branches want to be said of segments
//! - [`question`], [`archive`], [`find`], [`finding`], [`ask`]: what people want to know of what is stored
//! - [`decode`], `desk`, `read`: from requests to words, through the one decoder and the one text encoder
//! - [`index`], [`change`], [`seal`]: rows, and the moment from which everything of a span is known
//! - [`query`], [`standing`]: queries whose best matches are kept, and counts, as segments come and go
//! - [`offload`]: how a model runs beside the graph
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archive;
pub mod ask;
pub mod cancel;
pub mod caption;
pub mod change;
pub mod data;
pub mod decode;
mod desk;
pub mod encode;
pub mod find;
pub mod finding;
pub mod flow;
pub mod index;
pub mod intake;
pub mod keep;
pub mod minutes;
pub mod node;
pub mod offload;
pub mod pace;
pub mod query;
pub mod question;
mod read;
pub mod reason;
pub mod recall;
pub mod sample;
pub mod seal;
pub mod segment;
pub mod signature;
pub mod standing;
pub mod summary;
pub mod tally;
pub mod tick;
pub mod utc;

pub use read::choose;
