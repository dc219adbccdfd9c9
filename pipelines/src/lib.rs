//! Reads, checks and plans pipeline files, before anything runs.
//!
//! A file goes through three steps. Each step has its own module and reports every problem it finds:
//! [`parse`] reads the shape of one file, [`check()`] validates the graph of all files of a run, and [`plan()`] merges
//! equal work. [`load_plan`] does all three. This crate does not know how a plan is run.
#![cfg_attr(test, allow(clippy::unwrap_used))]

// The contents of a pipeline file.
mod authority;
mod pipeline_file;
mod recording_names;
mod sink_settings;
mod source_settings;
mod tls_settings;
mod uri;

mod file_identity;
mod output_path;

// From text to plan.
mod check;
mod load;
mod merge_nodes;
mod parse;
mod plan;

// Text for users.
pub mod built_in_pipelines;
pub mod diagram;
pub mod kind_docs;
mod problem;

// Shared by the steps.
mod kind_schema;
mod suggestion;

pub use authority::AuthorityError;
pub use check::{check, warnings};
pub use file_identity::{FileIdentity, index_files};
pub use load::{load_files, load_plan, override_sources};
pub use merge_nodes::plan;
pub use output_path::OutputPath;
pub use parse::parse;
pub use pipeline_file::{InputSpec, Item, NodeSpec, PipelineFile, SinkSpec, SourceSpec};
pub use plan::{Input, Plan, PlannedNode, PlannedQueries, PlannedSink, PlannedSource, SinkInput};
pub use problem::{Problem, Problems};
pub use recording_names::{Litter, VIDEO_EXTENSIONS, is_video_file};
pub use sink_settings::{EarlierLines, FileSinkSpec, JsonlSinkSpec, SinkKind};
pub use source_settings::SourceSettings;
pub use tls_settings::{Fingerprint, TlsCheck};
pub use uri::{Uri, UriError, redacted, split_login};
