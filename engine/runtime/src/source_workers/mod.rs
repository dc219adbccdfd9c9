//! The threads that play sources into the graph.
//!
//! | file | holds |
//! |---|---|
//! | `playback_builder` | a source with everything that is needed to play it |
//! | `file_failure` | decides if a failed playback is the fault of the file |
//! | `workers` | the threads: one for each live source, a few for all recordings |

mod file_failure;
mod playback_builder;
mod workers;

pub(crate) use playback_builder::PlaybackBuilder;
pub(crate) use workers::SourceWorkers;
