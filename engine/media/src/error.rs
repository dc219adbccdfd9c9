//! Errors of sources: what cannot be opened, played or followed.

use std::path::PathBuf;

use thiserror::Error;

/// An error of a source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaError {
    /// GStreamer does not start.
    #[error("cannot start GStreamer: {reason}; run `make setup`")]
    Gstreamer {
        /// The cause.
        reason: String,
    },
    /// A `uri` that Atom cannot open.
    #[error("cannot play {uri:?}: {reason}")]
    Uri {
        /// The uri as written.
        uri: String,
        /// The problem and what is expected.
        reason: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the video {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// A source without a single frame.
    #[error(
        "{what:?} gave no picture: {reason}; expected a video that GStreamer's plugins can play"
    )]
    NoVideo {
        /// The file or pattern.
        what: String,
        /// The cause.
        reason: String,
    },
    /// A password that cannot be read.
    #[error("cannot read the password in {}: {reason}; expected it as the first line of the file", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// A camera or stream that retries cannot fix.
    #[error("source {name:?} cannot show {what}: {reason}")]
    Camera {
        /// The source.
        name: String,
        /// The location its frames should come from.
        what: String,
        /// The cause.
        reason: String,
    },
}
