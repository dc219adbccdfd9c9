//! Errors that keep a run from starting, or end it.

use std::io;

use thiserror::Error;

/// An error of a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// A folder of recordings that cannot be read.
    #[error(
        "cannot index {path}: {reason}; expected a recording, a folder of recordings, or a pattern such as 'videos/*.mp4'"
    )]
    Folder {
        /// The folder, file or pattern.
        path: String,
        /// The cause.
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
    /// The decoder failed.
    #[error("the decoder failed: {0}")]
    Decoder(atom_models::Fault),
    /// The graph itself failed.
    #[error("the graph failed: {reason}")]
    Graph {
        /// The cause.
        reason: String,
    },
}
