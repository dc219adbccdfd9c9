//! Measures what sharing modules saves, on the machine of whoever asks.
//!
//! In reading order: [`tasks`] says what is to be done with videos, as pipeline files; [`work`] does some of it in this process and
//! tells what it cost; [`reuse`] has a [`program`] or several do all of it in several shapes and compares them. [`overhead`] compares a run with
//! the calls of its modules alone, which [`replay`] makes, and with the graph alone, which [`graph`] runs. [`scale`] says how cost
//! grows, with segments that are [`made`] up where no recording is long enough, and [`curves`] draws it. What several runs of a program
//! use stays loaded in [`kept`]. [`figures`] makes one figure of several rounds, [`gantt`] draws when which module was at work.
//! Everything is measured in one run on one machine: figures of different runs cannot be compared.

pub mod curves;
pub mod figures;
pub mod gantt;
pub mod graph;
pub mod kept;
pub mod made;
pub mod overhead;
pub mod program;
pub mod replay;
pub mod reuse;
pub mod scale;
pub mod tasks;
pub mod work;

pub use reuse::{Reuse, Settings};
pub use work::{Work, Worked};
