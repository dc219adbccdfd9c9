//! Measures what sharing modules saves, on the machine of whoever asks.
//!
//! In reading order: [`tasks`] says what is to be done with videos, as pipeline files; [`work`] does some of it in this process and
//! tells what it cost; [`reuse`] has programs do all of it in several shapes and compares them. [`overhead`] compares a run with
//! the calls of its modules alone, which [`replay`] makes, and with the graph alone, which [`graph`] runs. [`figures`] makes one
//! figure of several rounds, [`gantt`] draws when which module was at work. Everything is measured in one run on one machine: figures of
//! different runs cannot be compared.

pub mod figures;
pub mod gantt;
pub mod graph;
pub mod overhead;
pub mod replay;
pub mod reuse;
pub mod tasks;
pub mod work;

pub use reuse::{Reuse, Settings};
pub use work::{Work, Worked};
