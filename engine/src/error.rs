//! What can go wrong before a run starts, or end it.

use std::path::PathBuf;

use thiserror::Error;

/// An error of the engine.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// GStreamer does not start.
    #[error("cannot start GStreamer: {reason}; run `make setup`")]
    Gstreamer {
        /// Why.
        reason: String,
    },
    /// A `uri` that names no place.
    #[error("cannot play {uri:?}: {reason}")]
    Uri {
        /// As written.
        uri: String,
        /// What is wrong with it and what is expected.
        reason: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the video {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A folder of recordings that cannot be read.
    #[error(
        "cannot index {path}: {reason}; expected a recording, a folder of recordings, or a pattern such as 'videos/*.mp4'"
    )]
    Folder {
        /// The folder, file or pattern.
        path: String,
        /// Why.
        reason: String,
    },
    /// A source that gave not one picture.
    #[error(
        "{what:?} gave no picture: {reason}; expected a video that GStreamer's plugins can play"
    )]
    NoVideo {
        /// The file or pattern.
        what: String,
        /// Why.
        reason: String,
    },
    /// A password that cannot be read.
    #[error("cannot read the password in {}: {reason}; expected it as the first line of the file", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A camera or stream that cannot be used, whatever happens.
    #[error("source {name:?} cannot show {what}: {reason}")]
    Camera {
        /// The source.
        name: String,
        /// Where its pictures should come from.
        what: String,
        /// Why none come.
        reason: String,
    },
    /// The address to listen on cannot be had.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The index cannot be used.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A sink cannot be used.
    #[error(transparent)]
    Sink(#[from] crate::sink::SinkError),
    /// A pack or module cannot be used.
    #[error(transparent)]
    Model(#[from] atom_models::ModelError),
    /// The decoder failed at something.
    #[error("the decoder failed: {0}")]
    Decoder(atom_models::Fault),
    /// The graph itself failed.
    #[error("the graph failed: {reason}")]
    Graph {
        /// What was seen.
        reason: String,
    },
}

/// An error with all its causes, as one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
