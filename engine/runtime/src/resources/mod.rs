//! Opens everything that a run needs before it starts: each step that can fail does so here, before anything has changed.
//!
//! | file | holds |
//! |---|---|
//! | `source_locations` | locations of the sources and contents of folders |
//! | `pack_modules` | the modules of the pack |
//! | `open_index_writers` | the indexes that the plan writes |
//! | `open_sinks` | the files that the plan writes |
//! | `source_starts` | the point at which each source starts |
//! | `opened_resources` | all of it together |

mod open_index_writers;
mod open_sinks;
mod opened_resources;
mod pack_modules;
mod source_locations;
pub(crate) mod source_starts;

pub(crate) use opened_resources::{Resources, SourceResources};
pub use pack_modules::Modules;
