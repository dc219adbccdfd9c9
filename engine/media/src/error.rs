//! Errors of sources that cannot be opened, played or followed.

use std::{
    io,
    path::{Path, PathBuf},
};

use atom_pipelines::UriError;
use gstreamer::glib;
use thiserror::Error;

/// An error of a source.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaError {
    /// GStreamer does not start.
    #[error("cannot start GStreamer; check that it and its base plugins are installed")]
    Gstreamer(#[source] glib::Error),
    /// A `uri` that cannot be parsed.
    #[error("cannot play {uri:?}")]
    Uri {
        /// The uri as written, without its password.
        uri: String,
        /// The cause.
        #[source]
        source: UriError,
    },
    /// A `uri` of a kind that cannot be played.
    #[error("cannot play {uri:?}: expected {expected}")]
    UnexpectedUri {
        /// The uri as written, without its password.
        uri: String,
        /// The kinds that can be played.
        expected: &'static str,
    },
    /// A file that cannot be read.
    #[error("cannot read the video {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file that can be read, but not as a whole video.
    #[error("cannot read the video {}: {reason}", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// The missing part.
        reason: String,
    },
    /// A source without a single frame.
    #[error(
        "cannot play {location:?}: {reason}; expected a video that the installed GStreamer plugins can decode"
    )]
    NoVideo {
        /// The file or test pattern.
        location: String,
        /// The cause, in GStreamer's words.
        reason: String,
    },
    /// A password that cannot be read.
    #[error("cannot read the password from the first line of {}", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A camera or stream that reconnecting cannot cure.
    #[error("cannot play source {name:?} ({location}): {reason}")]
    Camera {
        /// The source.
        name: String,
        /// The camera or stream.
        location: String,
        /// The cause, in GStreamer's words.
        reason: String,
    },
}

impl MediaError {
    /// Returns the error for a file that cannot be read.
    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            source,
        }
    }
}
