//! Writes the results of a run to the observer, the sinks and the indexes, on a thread of its own.
//!
//! | file | holds |
//! |---|---|
//! | `totals` | counts, failures and errors of all that was written |
//! | `outputs` | the observer and the sinks |
//! | `indexes` | the indexes: rows, gaps, retention |
//! | `event_loop` | the writer's thread: takes events in order and passes them on |

mod event_loop;
mod indexes;
mod outputs;
mod totals;

pub(crate) use event_loop::Writer;
pub(crate) use indexes::Indexes;
pub(crate) use outputs::{Outputs, PlanSink};
pub(crate) use totals::WriterTotals;
