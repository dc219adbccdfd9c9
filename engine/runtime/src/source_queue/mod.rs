//! The sources that wait to be played: the recordings of the plan, then those found in its folders, as they are found.
//!
//! Before a recording of a folder is played, it is reconciled with the indexes: it may be known under this name or another, may have
//! been replaced, may have grown, or may need no work at all.
//!
//! | file | holds |
//! |---|---|
//! | `source_job` | a source that waits to be played |
//! | `queue` | the queue, and the files that are being played |
//! | `reconciler` | a found recording compared with the indexes |
//! | `directory_scanner` | the search of folders for new, changed and removed recordings |

mod directory_scanner;
mod queue;
mod reconciler;
mod source_job;

pub(crate) use directory_scanner::DirectoryScanner;
pub(crate) use queue::SourceQueue;
pub(crate) use reconciler::Reconciler;
pub(crate) use source_job::{FolderJob, Job};
