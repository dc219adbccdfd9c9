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
    /// A sink failed while the run went on.
    #[error("sink {name:?} was closed after an error")]
    SinkClosed {
        /// The sink's name in its pipeline file.
        name: String,
        /// The error of the sink.
        #[source]
        source: crate::sink::SinkError,
    },
    /// The observer failed.
    #[error("cannot write results to stdout")]
    Observer(#[source] io::Error),
    /// A module failed too often in a row, or never worked.
    #[error("all recent runs of the {module} failed")]
    Module {
        /// The module.
        module: &'static str,
        /// The last failure.
        #[source]
        source: atom_models::Fault,
    },
    /// A thread of the run panicked.
    #[error("{part} panicked; this is a bug in Atom, please report it")]
    Panicked {
        /// The part of the run that the thread works for.
        part: &'static str,
    },
}
