//! The threads that play sources into the graph.
//!
//! | file | holds |
//! |---|---|
//! | `playback` | a source with everything that is needed to play it |
//! | `workers` | the threads: one for each live source, a few for all recordings |

mod playback;
mod workers;

pub(crate) use playback::PlaybackBuilder;
pub(crate) use workers::SourceWorkers;
