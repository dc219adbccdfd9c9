//! Change notifications of the operating system, which make the next scan of a folder come earlier.
//!
//! They are only a hint: network drives send none, and the kernel limits their number. Scans happen at intervals anyway, so a missing
//! notification costs time, never a recording.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use atom_operators::cancel::CancellationToken;
use atom_pipelines::is_video_file;
use crossbeam::{
    channel::{Receiver, bounded, never},
    select,
};
use notify::{
    Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tracing::{debug, info};

use super::recording_set::RecordingSet;

/// Waits for changes in some folders.
pub struct ChangeWatcher {
    /// Sends notifications as long as it lives; none if the operating system offers none.
    _notifier: Option<RecommendedWatcher>,
    changed: Receiver<()>,
}

impl ChangeWatcher {
    /// Returns a watcher of these sets. Folders that cannot be watched are only scanned by the clock.
    pub fn new<'s>(sets: impl IntoIterator<Item = &'s RecordingSet>) -> Self {
        // One waiting notification is enough: the scan sees everything that changed.
        let (sender, changed) = bounded(1);
        let notify = move |event: notify::Result<Event>| {
            if event.as_ref().is_ok_and(is_change) {
                let _ = sender.try_send(());
            }
        };
        let config = Config::default().with_follow_symlinks(false);
        let mut notifier = RecommendedWatcher::new(notify, config)
            .inspect_err(|error| debug!(%error, "change notifications are not available"))
            .ok();
        for (folder, mode) in sets.into_iter().filter_map(watched_folder) {
            let watched = notifier
                .as_mut()
                .map(|notifier| notifier.watch(folder, mode));
            if let Some(Err(error)) = watched {
                info!(folder = %folder.display(), %error, "change notifications are not available; folders are scanned at intervals");
                // What it watches already counts against a limit that other programs share.
                notifier = None;
            }
        }
        Self {
            changed: match &notifier {
                Some(_) => changed,
                None => never(),
            },
            _notifier: notifier,
        }
    }

    /// Waits at least `shortest` and at most `longest` for a change, or until the token is cancelled; true if something changed.
    pub fn wait(&self, shortest: Duration, longest: Duration, stop: &CancellationToken) -> bool {
        if stop.wait(shortest) {
            return false;
        }
        let left = longest.saturating_sub(shortest);
        select! {
            recv(self.changed) -> change => change.is_ok() || {
                // The notifier is gone: from now on the clock alone counts.
                stop.wait(left);
                false
            },
            recv(stop.cancelled()) -> _ => false,
            default(left) => false,
        }
    }
}

/// Returns the folder to watch for a set.
fn watched_folder(set: &RecordingSet) -> Option<(&Path, RecursiveMode)> {
    match set.root.is_dir() {
        true => Some((&set.root, RecursiveMode::Recursive)),
        false => Some((set.root.parent()?, RecursiveMode::NonRecursive)),
    }
}

/// False for events that scanning and playing cause themselves, and for files that are no videos, such as an index in the folder.
fn is_change(event: &Event) -> bool {
    let concerns_videos =
        |path: &PathBuf| path.is_dir() || is_video_file(path) || path.extension().is_none();
    let changes = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    };
    changes && (event.paths.is_empty() || event.paths.iter().any(concerns_videos))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::{super::listing::list, *};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_new_file_in_a_new_folder_ends_the_wait() {
        let folder = tempdir().unwrap();
        let set = RecordingSet::open(folder.path()).unwrap();
        let watcher = ChangeWatcher::new([&set]);
        let stop = CancellationToken::new();
        fs::create_dir(folder.path().join("day")).unwrap();
        assert!(watcher.wait(Duration::ZERO, LONG, &stop));
        fs::write(folder.path().join("a.mp4"), "x").unwrap();
        assert!(watcher.wait(Duration::ZERO, LONG, &stop));
    }

    #[test]
    fn listing_a_folder_and_reading_a_file_are_no_changes() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("a.mp4"), "x").unwrap();
        let set = RecordingSet::open(folder.path()).unwrap();
        let watcher = ChangeWatcher::new([&set]);
        assert_eq!(list(&set).files.len(), 1);
        fs::read(folder.path().join("a.mp4")).unwrap();
        let longest = Duration::from_millis(200);
        assert!(!watcher.wait(Duration::ZERO, longest, &CancellationToken::new()));
    }

    #[test]
    fn an_index_in_the_folder_is_no_change() {
        let folder = tempdir().unwrap();
        let set = RecordingSet::open(folder.path()).unwrap();
        let watcher = ChangeWatcher::new([&set]);
        fs::write(folder.path().join("atom.db-wal"), "x").unwrap();
        let longest = Duration::from_millis(200);
        assert!(!watcher.wait(Duration::ZERO, longest, &CancellationToken::new()));
    }

    #[test]
    fn cancellation_ends_the_wait() {
        let watcher = ChangeWatcher::new([]);
        let stop = CancellationToken::new();
        stop.cancel();
        assert!(!watcher.wait(LONG, LONG, &stop));
    }
}
