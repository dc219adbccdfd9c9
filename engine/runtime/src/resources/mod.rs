//! Opens everything that a run needs before it starts: whatever can fail, fails here, with nothing changed.
//!
//! | file | holds |
//! |---|---|
//! | `sources` | locations of the sources and contents of folders |
//! | `modules` | the modules of the pack |
//! | `indexes` | the indexes that the plan writes |
//! | `sinks` | the files that the plan writes |
//! | `resume` | the point at which each source starts |
//! | `opened` | all of it together |

mod indexes;
mod modules;
mod opened;
pub(crate) mod resume;
mod sinks;
mod sources;

pub use modules::Modules;
pub(crate) use opened::{Resources, SourceResources};
