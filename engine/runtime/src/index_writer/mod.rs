//! Writes a run's rows, gaps and progress to an index, one transaction for each seal.
//!
//! | file | holds |
//! |---|---|
//! | `row_conversion` | segments converted to rows and gaps of the index |
//! | `write_retry` | waiting for an index that cannot be written now |
//! | `writer` | the index of one node, with the batches that wait to be written |

mod row_conversion;
mod write_retry;
mod writer;

pub(crate) use row_conversion::{index_row, lost_gap, undecodable_gap};
pub(crate) use write_retry::{Retry, index_part};
pub(crate) use writer::IndexWriter;
