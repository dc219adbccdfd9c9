//! Writes the results of a run to the observer, the sinks and the indexes, on a thread of its own.
//!
//! | file | holds |
//! |---|---|
//! | `writer_totals` | counts, failures and errors of a run |
//! | `observer_and_sinks` | the observer and the sinks |
//! | `written_indexes` | the indexes: rows, gaps, retention |
//! | `event_loop` | the writer's thread: takes events in order and passes them on |

mod event_loop;
mod observer_and_sinks;
mod writer_totals;
mod written_indexes;

pub(crate) use event_loop::Writer;
pub(crate) use observer_and_sinks::{Outputs, PlanSink};
pub(crate) use writer_totals::WriterTotals;
pub(crate) use written_indexes::Indexes;
