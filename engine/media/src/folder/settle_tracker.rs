//! Decides when a recording is ready to be played: when it has settled, or now and then while it grows.
//!
//! A file has settled when it has not changed for a while; only then it is played to its end. A file that keeps growing is
//! played as far as it goes, if its container allows that, and again when there is more of it. Nothing here reads a clock or a
//! disk, so tests can try any history of a folder. Invariant: a file that did not change is played to its end once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::listing::{FileEntry, FileState};

/// A file that did not change for this long has settled: recorders write many times a second.
const SETTLE_TIME: Duration = Duration::from_secs(2);
/// Time for which a file must have been growing before it is played, and shortest time between two such playbacks.
const GROWING_INTERVAL: Duration = Duration::from_secs(10);

/// A recording that is to be played now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyFile {
    /// The file.
    pub path: PathBuf,
    /// True if it is still growing: then its end is not final.
    pub growing: bool,
}

/// The known files of a recording set.
#[derive(Debug, Default)]
pub struct SettleTracker {
    files: BTreeMap<PathBuf, TrackedFile>,
    /// Missing files, and when they were found missing.
    missing: BTreeMap<PathBuf, Instant>,
}

#[derive(Debug)]
struct TrackedFile {
    state: FileState,
    first_seen: Instant,
    last_changed: Instant,
    last_played: Option<Playback>,
}

/// The state of a file when it was last returned as ready.
#[derive(Debug)]
struct Playback {
    state: FileState,
    growing: bool,
    when: Instant,
}

/// Facts about the files that the tracker asks for during an update.
pub struct ScanContext<'a> {
    /// Returns true if a file is being played.
    pub playing: &'a dyn Fn(&Path) -> bool,
    /// Returns true if a file can be played before it is finished.
    pub playable_while_growing: &'a dyn Fn(&Path) -> bool,
    /// True to wait for files that have not settled; else all files are ready.
    pub wait_until_settled: bool,
    /// The system time, for comparison with modification times.
    pub wall_time: SystemTime,
}

impl SettleTracker {
    /// Takes the result of a scan; returns the files that are to be played now.
    pub fn update(
        &mut self,
        files: Vec<FileEntry>,
        now: Instant,
        context: &ScanContext,
    ) -> Vec<ReadyFile> {
        self.note_missing(&files, now);
        let mut ready = Vec::new();
        for FileEntry { path, state } in files {
            let file = self.files.entry(path.clone()).or_insert(TrackedFile {
                state,
                first_seen: now,
                last_changed: now,
                last_played: None,
            });
            if file.state != state {
                (file.state, file.last_changed) = (state, now);
            }
            if (context.playing)(&path) {
                continue;
            }
            if let Some(growing) = file.is_due(&path, now, context) {
                file.last_played = Some(Playback {
                    state,
                    growing,
                    when: now,
                });
                ready.push(ReadyFile { path, growing });
            }
        }
        ready
    }

    fn note_missing(&mut self, files: &[FileEntry], now: Instant) {
        let present: BTreeSet<&Path> = files.iter().map(|entry| entry.path.as_path()).collect();
        let missing = |path: &PathBuf| !present.contains(path.as_path());
        let vanished = self.files.extract_if(.., |path, _| missing(path));
        self.missing.extend(vanished.map(|(path, _)| (path, now)));
        self.missing.retain(|path, _| missing(path));
    }

    /// Adds a file that should exist; if no scan finds it, it is missing since `since`.
    pub fn expect_missing(&mut self, path: PathBuf, since: Instant) {
        self.missing.insert(path, since);
    }

    /// Removes and returns the files that have been missing for at least `grace`.
    pub fn take_removed(&mut self, now: Instant, grace: Duration) -> Vec<PathBuf> {
        let over = |since: &Instant| now.duration_since(*since) >= grace;
        let removed = self.missing.extract_if(.., |_, since| over(since));
        removed.map(|(path, _)| path).collect()
    }
}

impl TrackedFile {
    /// Returns true if the file is to be played now as a growing one, false if as a settled one; none if it is not due.
    fn is_due(&self, path: &Path, now: Instant, context: &ScanContext) -> Option<bool> {
        let age = context.wall_time.duration_since(self.state.modified);
        let settled = !context.wait_until_settled
            || now.duration_since(self.last_changed) >= SETTLE_TIME
            || age.is_ok_and(|age| age >= SETTLE_TIME);
        let long_ago = |since: Instant| now.duration_since(since) >= GROWING_INTERVAL;
        match &self.last_played {
            Some(last) if last.state == self.state && !last.growing => None,
            _ if settled => Some(false),
            Some(last) if last.growing && last.state != self.state && long_ago(last.when) => {
                Some(true)
            }
            None if long_ago(self.first_seen) && (context.playable_while_growing)(path) => {
                Some(true)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::removal_detection::REMOVAL_GRACE, *};

    /// A simulated folder. Times are seconds since its start.
    struct Folder {
        tracker: SettleTracker,
        start: Instant,
        wall_start: SystemTime,
    }

    impl Folder {
        fn new() -> Self {
            Self {
                tracker: SettleTracker::default(),
                start: Instant::now(),
                wall_start: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            }
        }

        /// Updates the tracker with these files: name, size and modification time.
        fn scan(&mut self, second: u64, files: &[(&str, u64, u64)]) -> Vec<(String, bool)> {
            self.scan_while(second, files, &|_| false)
        }

        fn scan_while(
            &mut self,
            second: u64,
            files: &[(&str, u64, u64)],
            playing: &dyn Fn(&Path) -> bool,
        ) -> Vec<(String, bool)> {
            let entry = |(name, size, changed): &(&str, u64, u64)| FileEntry {
                path: name.into(),
                state: FileState {
                    size: *size,
                    modified: self.wall_start + Duration::from_secs(*changed),
                },
            };
            let context = ScanContext {
                playing,
                playable_while_growing: &|path| path.extension().is_some_and(|end| end == "ts"),
                wait_until_settled: true,
                wall_time: self.wall_start + Duration::from_secs(second),
            };
            let now = self.start + Duration::from_secs(second);
            let files = files.iter().map(entry).collect();
            let ready = self.tracker.update(files, now, &context);
            let pair = |ready: ReadyFile| (ready.path.display().to_string(), ready.growing);
            ready.into_iter().map(pair).collect()
        }
    }

    fn settled(name: &str) -> Vec<(String, bool)> {
        vec![(name.to_owned(), false)]
    }

    #[test]
    fn an_old_file_is_played_at_once_and_only_once() {
        let mut folder = Folder::new();
        assert_eq!(folder.scan(100, &[("a.mp4", 5, 0)]), settled("a.mp4"));
        assert_eq!(folder.scan(101, &[("a.mp4", 5, 0)]), []);
        assert_eq!(
            folder.scan(200, &[("a.mp4", 5, 0), ("b.mp4", 7, 1)]),
            settled("b.mp4")
        );
    }

    #[test]
    fn a_file_that_is_being_written_is_waited_for() {
        let mut folder = Folder::new();
        for second in 0..60 {
            assert_eq!(folder.scan(second, &[("a.mp4", second, second)]), []);
        }
        assert_eq!(folder.scan(60, &[("a.mp4", 59, 59)]), []);
        assert_eq!(folder.scan(61, &[("a.mp4", 59, 59)]), settled("a.mp4"));
    }

    #[test]
    fn a_growing_file_is_played_at_intervals_and_at_last_to_its_end() {
        let mut folder = Folder::new();
        let growing = [("a.ts".to_owned(), true)];
        let mut times = Vec::new();
        for second in 0..45 {
            if folder.scan(second, &[("a.ts", second, second)]) == growing {
                times.push(second);
            }
        }
        assert_eq!(times, [10, 20, 30, 40]);
        assert_eq!(folder.scan(45, &[("a.ts", 44, 44)]), []);
        assert_eq!(folder.scan(46, &[("a.ts", 44, 44)]), settled("a.ts"));
        assert_eq!(folder.scan(99, &[("a.ts", 44, 44)]), []);
    }

    #[test]
    fn a_file_that_stopped_growing_while_it_was_played_is_still_played_to_its_end() {
        let mut folder = Folder::new();
        for second in 0..10 {
            folder.scan(second, &[("a.ts", second, second)]);
        }
        assert_eq!(
            folder.scan(10, &[("a.ts", 10, 10)]),
            [("a.ts".to_owned(), true)]
        );
        assert_eq!(folder.scan(12, &[("a.ts", 10, 10)]), settled("a.ts"));
    }

    #[test]
    fn a_changed_file_is_played_again_but_not_while_it_is_being_played() {
        let mut folder = Folder::new();
        folder.scan(100, &[("a.mp4", 5, 0)]);
        let changed = [("a.mp4", 6, 101)];
        assert_eq!(folder.scan_while(110, &changed, &|_| true), []);
        assert_eq!(folder.scan(111, &changed), settled("a.mp4"));
    }

    #[test]
    fn a_modification_time_in_the_future_does_not_hold_a_file_back_forever() {
        let mut folder = Folder::new();
        assert_eq!(folder.scan(0, &[("a.mp4", 5, 9_999)]), []);
        assert_eq!(folder.scan(2, &[("a.mp4", 5, 9_999)]), settled("a.mp4"));
    }

    #[test]
    fn a_missing_file_is_removed_after_a_while_unless_it_comes_back() {
        let mut folder = Folder::new();
        folder.scan(0, &[("a.mp4", 5, 0), ("b.mp4", 5, 0)]);
        folder.scan(10, &[]);
        folder.scan(12, &[("b.mp4", 5, 0)]);
        let removed = |folder: &mut Folder, second| {
            let now = folder.start + Duration::from_secs(second);
            folder.tracker.take_removed(now, REMOVAL_GRACE)
        };
        assert!(removed(&mut folder, 14).is_empty());
        assert_eq!(removed(&mut folder, 15), [PathBuf::from("a.mp4")]);
        assert!(removed(&mut folder, 99).is_empty());
    }
}
