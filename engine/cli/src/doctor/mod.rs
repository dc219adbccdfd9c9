//! A report about an installation: what the machine has, what Atom uses of it, and the cure of what is missing.
//!
//! Invariants: the report holds no secret and nothing that identifies a person or a machine (see `private_paths`); it is
//! written however broken the machine is, and every part that could hang has a time limit (see `time_limit`).

mod findings;
mod installation;
mod libraries;
mod machine;
mod packs;
mod private_paths;
mod report;
mod report_text;
mod storage;
mod time_limit;

pub use report::DoctorReport;
pub use report_text::report_text;
