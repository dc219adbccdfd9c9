//! The errors of sinks, each with advice.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use thiserror::Error;

/// A sink that could not be opened, or a result that could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The folder of the file is not there.
    #[error("cannot write {name:?}: the folder {folder:?} does not exist; create the folder first")]
    FolderMissing {
        /// The file.
        name: String,
        /// The folder that is missing.
        folder: String,
    },
    /// The path names a folder.
    #[error("cannot write {name:?}: it is a folder; name a file in it")]
    Folder {
        /// The folder.
        name: String,
    },
    /// The file or its folder may not be written.
    #[error(
        "cannot write to {name:?}; make the file and its folder writable, or name another file"
    )]
    Unwritable {
        /// The file.
        name: String,
        /// The error of the system.
        source: io::Error,
    },
    /// Another run writes the file.
    #[error(
        "cannot write {name:?}: another run is writing it (partial file {partial:?}); name another file, or wait until that run ends"
    )]
    InUse {
        /// The file.
        name: String,
        /// The partial file, which the other run has locked.
        partial: String,
    },
    /// The disk is full.
    #[error("no space left on the disk of {name:?}; free some space, then run again")]
    DiskFull {
        /// The file.
        name: String,
        /// The error of the system.
        source: io::Error,
    },
    /// Any other error while writing.
    #[error("cannot write to {name:?}")]
    Write {
        /// The file or stream.
        name: String,
        /// The error of the system.
        source: io::Error,
    },
    /// Subtitles with any other number of sources than one: each source has its own media time.
    #[error(
        "{kind} sink {name:?} takes exactly one source, but gets {sources:?}; use kind \"jsonl\", or one sink per source"
    )]
    NotOneSource {
        /// The sink's kind.
        kind: &'static str,
        /// The file or stream.
        name: String,
        /// The names of the sources, separated by commas.
        sources: String,
    },
    /// A record came after cues for its time were written.
    #[error(
        "the result at {start_ms} ms came too late for {name:?}, which is already written through {written_ms} ms"
    )]
    Late {
        /// The file or stream.
        name: String,
        /// Start of the record, in milliseconds of media time.
        start_ms: u64,
        /// The media time through which cues are written, in milliseconds.
        written_ms: u64,
    },
}

impl SinkError {
    /// True if the reader at the other end is gone, as `head` does: a program counts that as success.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == ErrorKind::BrokenPipe)
    }

    /// Returns the error of opening a file.
    pub(super) fn open(path: &Path, source: io::Error) -> Self {
        let name = path.display().to_string();
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
        match source.kind() {
            ErrorKind::NotFound if folder.is_some_and(|folder| !folder.is_dir()) => {
                let folder = folder.map(|f| f.display().to_string()).unwrap_or_default();
                Self::FolderMissing { name, folder }
            }
            ErrorKind::IsADirectory => Self::Folder { name },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::Unwritable { name, source }
            }
            _ => Self::write(&name, source),
        }
    }

    /// Returns the error of writing to `name`.
    pub(super) fn write(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { name, source },
            _ => Self::Write { name, source },
        }
    }
}
