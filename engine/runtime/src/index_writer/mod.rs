//! Writes a run's rows, gaps and progress to an index, one transaction for each seal.
//!
//! | file | holds |
//! |---|---|
//! | `rows` | segments converted to rows and gaps of the index |
//! | `retry` | waiting for an index that cannot be written now |
//! | `writer` | the index of one node, with the batches that wait to be written |

mod retry;
mod rows;
mod writer;

pub(crate) use retry::Retry;
pub(crate) use rows::{index_row, lost_gap, undecodable_gap};
pub(crate) use writer::IndexWriter;
