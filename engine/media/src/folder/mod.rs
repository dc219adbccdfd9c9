//! Folders of recordings: listing, and detection of settled and of removed files.
//!
//! A folder is scanned again and again, because network drives report no changes; change notifications only make the next scan
//! come earlier, so correctness never depends on them.

mod change_watcher;
mod listing;
mod recording_set;
mod removal_detection;
mod settle_tracker;

pub use change_watcher::ChangeWatcher;
pub use listing::{FileEntry, FileState, Listing, list};
pub use recording_set::RecordingSet;
pub use removal_detection::{REMOVAL_GRACE, is_missing, was_removed};
pub use settle_tracker::{ReadyFile, ScanContext, SettleTracker};
