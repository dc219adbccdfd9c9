//! The sources that wait to be played: the recordings of the plan, then those found in its folders, as they are found.
//!
//! Before a recording of a folder is played, it is reconciled with the indexes: it may be known under this name or another, may have
//! been replaced, may have grown, or may need no work at all.
//!
//! | file | holds |
//! |---|---|
//! | `job` | a source that waits to be played |
//! | `queue` | the queue, and the files that are being played |
//! | `reconcile` | a found recording compared with the indexes |
//! | `scanner` | the search of folders for new, changed and removed recordings |

mod job;
mod queue;
mod reconcile;
mod scanner;

pub(crate) use job::{FolderJob, Job};
pub(crate) use queue::SourceQueue;
pub(crate) use reconcile::Reconciler;
pub(crate) use scanner::DirectoryScanner;
