//! What the user asks for: pipeline files, read, checked and planned, before anything runs.
//!
//! A file goes through three steps, each in its own module and each reporting all problems that it finds:
//! [`parse`] (its shape), [`check()`] (the whole graph of all files of a run), [`plan()`] (equal work done once).
//! [`read`] does all three. Nothing here knows how a plan is run.
#![cfg_attr(test, allow(clippy::unwrap_used))]

// What a file says.
mod sink;
mod source;
mod spec;
mod uri;

// From text to plan.
mod check;
mod parse;
mod plan;
mod read;

// What people read.
pub mod docs;
pub mod graph;
pub mod library;
mod problem;

// What the steps share.
mod kinds;
mod near;

pub use check::{check, warnings};
pub use parse::parse;
pub use plan::{Input, Plan, PlannedNode, PlannedSink, PlannedSource, SinkInput, plan};
pub use problem::{Problem, Problems};
pub use read::{load, override_sources, read, read_files};
pub use sink::{FileSinkSpec, JsonlSinkSpec, SinkKind};
pub use source::SourceSettings;
pub use spec::{InputSpec, Item, NodeSpec, PipelineFile, SinkSpec, SourceSpec};
pub use uri::{Uri, UriError, shown, without_login};
