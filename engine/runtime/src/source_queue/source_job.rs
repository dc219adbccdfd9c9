//! A source that waits to be played.

use atom_media::folder::{FileState, ReadyFile};

/// A source that waits to be played.
pub(crate) enum Job {
    /// A recording of the plan.
    Planned(usize),
    /// A recording of a folder.
    Folder(FolderJob),
}

/// A recording of a folder that waits to be played.
pub(crate) struct FolderJob {
    /// The folder's planned source.
    pub(crate) planned: usize,
    /// The recording's name in the index.
    pub(crate) name: String,
    pub(crate) file: ReadyFile,
    /// Size and time of the file when it was found.
    pub(crate) state: FileState,
}

impl Job {
    /// Returns a name for messages.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Planned(_) => "a source of the plan",
            Self::Folder(job) => &job.name,
        }
    }

    /// True for a recording of a folder.
    pub(crate) fn is_from_folder(&self) -> bool {
        matches!(self, Self::Folder(_))
    }
}
