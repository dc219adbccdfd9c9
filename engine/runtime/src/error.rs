//! The error of the crate: why a run does not start, or ends early.

use std::io;

use thiserror::Error;

/// An error of a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// A folder, file or pattern of recordings cannot be read.
    #[error(
        "cannot index {path}; expected a recording, a folder of recordings, or a pattern such as 'videos/*.mp4'"
    )]
    Folder {
        /// The folder, file or pattern.
        path: String,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
    /// A folder or pattern holds no recording.
    #[error(
        "cannot index {path}: {reason}; expected a recording, a folder of recordings, or a pattern such as 'videos/*.mp4'"
    )]
    NoRecordings {
        /// The folder or pattern.
        path: String,
        /// The kind of emptiness, such as a missing folder.
        reason: String,
    },
    /// The server that shows the run does not start.
    #[error("cannot start the HTTP server")]
    Server(#[source] io::Error),
    /// A source cannot be used.
    #[error(transparent)]
    Media(#[from] atom_media::MediaError),
    /// The index cannot be used.
    #[error(transparent)]
    Store(#[from] atom_index::StoreError),
    /// A sink cannot be used.
    #[error(transparent)]
    Sink(#[from] crate::sink::SinkError),
    /// A pack or module cannot be used.
    #[error(transparent)]
    Model(#[from] atom_models::ModelError),
    /// The decoder failed on a summary.
    #[error("the decoder failed")]
    Decoder(#[source] atom_models::Fault),
    /// A thread of the graph panicked.
    #[error("the graph failed: {part} panicked")]
    Panicked {
        /// The part of the graph that the thread works for.
        part: &'static str,
    },
}
