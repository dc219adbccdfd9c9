//! What can go wrong with a sink, said so that the reader knows what to do.

use std::io::{self, ErrorKind};

use thiserror::Error;

/// A sink that could not be opened, or a result that could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The folder of the file is not there.
    #[error("cannot write {name:?}: there is no folder {folder:?}. Make the folder first")]
    FolderMissing {
        /// The file.
        name: String,
        /// The folder that is missing.
        folder: String,
    },
    /// The path names a folder.
    #[error("cannot write {name:?}: it is a folder. Name a file in it")]
    Folder {
        /// The folder.
        name: String,
    },
    /// The file or its folder may not be written.
    #[error(
        "cannot write to {name:?}. Make the file and its folder writable, or name another file"
    )]
    Unwritable {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// There was no room to write.
    #[error("no room left on the disk of {name:?}. Free some space; what waits is written then")]
    DiskFull {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Any other failure to write.
    #[error("cannot write to {name:?}")]
    Write {
        /// The file or stream.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Subtitles have one clock, so they take one source.
    #[error(
        "{kind} sink {name:?} takes exactly one source, but gets: {sources:?}. Use kind \"jsonl\", or one sink per source"
    )]
    NotOneSource {
        /// The sink's kind.
        kind: &'static str,
        /// The file or stream.
        name: String,
        /// The names of the sources, separated by commas.
        sources: String,
    },
    /// A record came after its time was written.
    #[error(
        "result at {start_ms} ms came too late for {name:?}, which is written through {written_ms} ms"
    )]
    Late {
        /// The file or stream.
        name: String,
        /// Where the record begins.
        start_ms: u64,
        /// The media time through which cues are written.
        written_ms: u64,
    },
}

impl SinkError {
    /// Whether the reader at the other end has gone, as `head` does: success for a program, not failure.
    pub fn closed_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == ErrorKind::BrokenPipe)
    }

    pub(super) fn of_writing(name: &str, source: io::Error) -> Self {
        let name = name.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { name, source },
            _ => Self::Write { name, source },
        }
    }
}
