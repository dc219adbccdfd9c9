//! Folders of recordings: which files belong to one, when a file has settled, and what is gone.
//!
//! A folder is scanned again and again, because network drives report no changes; change notifications only make the next scan
//! come earlier, so correctness never depends on them.

mod change_watcher;
mod recording_set;
mod removal;
mod scan;
mod settle;

pub use change_watcher::ChangeWatcher;
pub use recording_set::RecordingSet;
pub use removal::{REMOVAL_GRACE, is_missing, was_removed};
pub use scan::{FileEntry, FileState, Listing, list};
pub use settle::{ReadyFile, ScanContext, SettleTracker};
