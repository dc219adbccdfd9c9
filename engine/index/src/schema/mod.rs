//! The file of a store: its tables, how it is opened, and what is refused.

mod file_header;
mod open;
mod tables;

pub(crate) use open::{open, open_existing};
pub(crate) use tables::VERSION;
