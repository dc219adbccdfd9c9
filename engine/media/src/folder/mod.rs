//! A folder of recordings: which of them are there to be played, which still grow, and which are gone.
//!
//! A folder is looked at again and again, because network drives tell nobody of changes. A file is *settled* when it has
//! not changed for a while; only then it is played to its end. One that goes on growing is played as far as it goes, if its
//! container allows that, and again when there is more of it. What is here knows no clock and no disk but [`list`], so
//! that any history of a folder can be tried.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use glob::{MatchOptions, Pattern};

/// What in a folder is taken for a video, by the end of its name.
pub const VIDEOS: [&str; 17] = [
    "3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "ogv",
    "ts", "webm", "wmv", "y4m",
];
/// A file that did not change for so long is taken for finished: recorders write many times a second.
pub const SETTLE_TIME: Duration = Duration::from_secs(2);
/// A file that still grows is played for the first time when it has been growing for so long, and not more often than this.
pub const GROWING_INTERVAL: Duration = Duration::from_secs(10);
/// A recording that is gone is waited for so long, since it may come back under another name.
pub const REMOVAL_GRACE: Duration = Duration::from_secs(5);

/// What a place of recordings names: a file, a folder with all folders in it, or a pattern.
#[derive(Clone, Debug)]
pub struct RecordingSet {
    /// The file or folder, without links.
    pub root: PathBuf,
    /// Which files in it are meant; all videos if there is none.
    pub pattern: Option<Pattern>,
}

impl RecordingSet {
    /// Finds what a path or pattern names.
    ///
    /// # Errors
    /// If there is no such file or folder, or the pattern makes no sense.
    pub fn open(path: &Path) -> io::Result<Self> {
        match path.canonicalize() {
            Ok(root) => Ok(Self {
                root,
                pattern: None,
            }),
            Err(error) => Self::of_pattern(path).unwrap_or(Err(error)),
        }
    }

    /// `recordings/**/door-*.mp4`; nothing if the path holds no sign of a pattern.
    fn of_pattern(path: &Path) -> Option<io::Result<Self>> {
        let signs = |part: &Path| part.to_string_lossy().contains(['*', '?', '[']);
        let plain: PathBuf = path
            .components()
            .take_while(|part| !signs(part.as_ref()))
            .collect();
        let rest = path.strip_prefix(&plain).ok()?;
        if rest.as_os_str().is_empty() {
            return None;
        }
        let folder = match plain.as_os_str().is_empty() {
            true => Path::new("."),
            false => &plain,
        };
        let pattern = Pattern::new(&rest.to_string_lossy());
        let pattern = pattern.map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e));
        Some(pattern.and_then(|pattern| {
            Ok(Self {
                root: folder.canonicalize()?,
                pattern: Some(pattern),
            })
        }))
    }

    /// Why there is nothing to play in it, if that is so.
    pub fn why_empty(&self) -> Option<String> {
        let listing = list(self);
        if !listing.files.is_empty() {
            return None;
        }
        Some(match listing.unreadable.first() {
            Some((folder, error)) => format!("{}: {error}", folder.display()),
            None if self.pattern.is_some() => "no file is like it".to_owned(),
            None => format!(
                "no video is in it, no name ends in one of {}",
                VIDEOS.join(", ")
            ),
        })
    }

    /// The path of a file as it is named in the index: relative to a folder, whole for a single file.
    pub fn index_name<'p>(&self, file: &'p Path) -> &'p Path {
        match file.strip_prefix(&self.root) {
            Ok(inside) if !inside.as_os_str().is_empty() => inside,
            _ => file,
        }
    }

    /// Whether a file, were it there, would be one of its recordings.
    pub fn contains(&self, file: &Path) -> bool {
        file.starts_with(&self.root) && (file == self.root || self.means(file))
    }

    fn means(&self, file: &Path) -> bool {
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::default()
        };
        match &self.pattern {
            Some(pattern) => pattern.matches_path_with(self.index_name(file), options),
            None => is_video(file),
        }
    }
}

fn is_video(path: &Path) -> bool {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| VIDEOS.contains(&ending.as_str()))
}

/// A file as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Where.
    pub path: PathBuf,
    /// How large, and when it was changed last.
    pub state: FileState,
}

/// What shows that a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its length in bytes.
    pub size: u64,
    /// When it was changed last.
    pub modified: SystemTime,
}

impl FileState {
    /// The state of a file now.
    ///
    /// # Errors
    /// If it is not there.
    pub fn read(path: &Path) -> io::Result<Self> {
        let data = path.metadata()?;
        Ok(Self {
            size: data.len(),
            modified: data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// What a look into a library found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The recordings, by path.
    pub files: Vec<FileEntry>,
    /// Folders that could not be read, and why.
    pub unreadable: Vec<(PathBuf, io::Error)>,
}

/// Everything that a library holds now. Links to folders are not followed: they could lead back.
pub fn list(library: &RecordingSet) -> Listing {
    let mut listing = Listing::default();
    if library.root.is_dir() {
        list_folder(library, &library.root, &mut listing);
    } else {
        listing.files.extend(as_it_is(&library.root));
    }
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    listing
}

/// A file as it is now; it may be gone by now.
fn as_it_is(path: &Path) -> Option<FileEntry> {
    let state = FileState::read(path).ok()?;
    Some(FileEntry {
        path: path.to_owned(),
        state,
    })
}

fn list_folder(library: &RecordingSet, folder: &Path, listing: &mut Listing) {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) => {
            listing.unreadable.push((folder.to_owned(), error));
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            list_folder(library, &path, listing);
        } else if library.means(&path) && path.is_file() {
            listing.files.extend(as_it_is(&path));
        }
    }
}

/// A recording that is to be played now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyFile {
    /// The file.
    pub path: PathBuf,
    /// Whether it still grows: then its end is not the end.
    pub growing: bool,
}

/// The core: what is known of the files of a library.
#[derive(Debug, Default)]
pub struct SettleTracker {
    files: BTreeMap<PathBuf, File>,
    gone: BTreeMap<PathBuf, Instant>,
}

#[derive(Debug)]
struct File {
    state: FileState,
    /// When it was seen first, and when it changed last.
    first: Instant,
    since: Instant,
    handed: Option<Handed>,
}

/// How a file was when it was handed out.
#[derive(Debug)]
struct Handed {
    state: FileState,
    growing: bool,
    when: Instant,
}

/// What can be asked of files while a look is taken.
pub struct ScanContext<'a> {
    /// Whether a file is being played.
    pub playing: &'a dyn Fn(&Path) -> bool,
    /// Whether a file can be played before it is finished.
    pub playable_while_growing: &'a dyn Fn(&Path) -> bool,
    /// Whether to wait for files that are not settled.
    pub wait_until_settled: bool,
    /// The time on the wall.
    pub wall_time: SystemTime,
}

impl SettleTracker {
    /// Takes what is there now; gives what is to be played.
    pub fn update(
        &mut self,
        files: Vec<FileEntry>,
        now: Instant,
        asking: &ScanContext,
    ) -> Vec<ReadyFile> {
        let there: BTreeSet<PathBuf> = files.iter().map(|entry| entry.path.clone()).collect();
        let missing = self.files.extract_if(.., |path, _| !there.contains(path));
        self.gone
            .extend(missing.map(|(path, _)| path).map(|path| (path, now)));
        self.gone.retain(|path, _| !there.contains(path));
        let mut ready = Vec::new();
        for FileEntry { path, state } in files {
            let file = self.files.entry(path.clone()).or_insert(File {
                state,
                first: now,
                since: now,
                handed: None,
            });
            if file.state != state {
                (file.state, file.since) = (state, now);
            }
            if (asking.playing)(&path) {
                continue;
            }
            if let Some(growing) = file.due(&path, now, asking) {
                let handed = Handed {
                    state,
                    growing,
                    when: now,
                };
                file.handed = Some(handed);
                ready.push(ReadyFile { path, growing });
            }
        }
        ready
    }

    /// Takes note of a file that should be there.
    pub fn expect_missing(&mut self, path: PathBuf, now: Instant) {
        self.gone.insert(path, now);
    }

    /// Files that have been gone for longer than they are waited for.
    pub fn take_removed(&mut self, now: Instant, grace: Duration) -> Vec<PathBuf> {
        let over = |since: &Instant| now.duration_since(*since) >= grace;
        let gone = self.gone.extract_if(.., |_, since| over(since));
        gone.map(|(path, _)| path).collect()
    }
}

impl File {
    /// Whether it is to be played now, and then whether it still grows.
    fn due(&self, path: &Path, now: Instant, asking: &ScanContext) -> Option<bool> {
        let old = asking.wall_time.duration_since(self.state.modified);
        let settled = now.duration_since(self.since) >= SETTLE_TIME
            || old.is_ok_and(|age| age >= SETTLE_TIME);
        let settled = settled || !asking.wait_until_settled;
        let long = |since: Instant| now.duration_since(since) >= GROWING_INTERVAL;
        match &self.handed {
            Some(handed) if handed.state == self.state && !handed.growing => None,
            _ if settled => Some(false),
            Some(handed) if handed.growing && handed.state != self.state && long(handed.when) => {
                Some(true)
            }
            None if long(self.first) && (asking.playable_while_growing)(path) => Some(true),
            _ => None,
        }
    }
}

/// Whether there is no such file; one that cannot be asked for may well be there.
pub fn is_missing(path: &Path) -> bool {
    let missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
    path.symlink_metadata().is_err_and(missing)
}

/// Whether a file that is gone was removed. Where its folder is gone too, cannot be read, or holds nothing else, its disk may
/// only be away.
pub fn was_removed(path: &Path) -> bool {
    let holds = |folder: &Path| {
        let inside = folder.read_dir();
        inside.is_ok_and(|mut inside| inside.next().is_some_and(|entry| entry.is_ok()))
    };
    is_missing(path) && path.parent().is_some_and(holds)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;

    /// A folder whose files are told by hand, at seconds since it began.
    struct Told {
        watched: SettleTracker,
        begun: Instant,
        wall: SystemTime,
    }

    impl Told {
        fn new() -> Self {
            Self {
                watched: SettleTracker::default(),
                begun: Instant::now(),
                wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            }
        }

        /// Looks at a second at which the files are so large, each changed when it got that size.
        fn look(&mut self, second: u64, files: &[(&str, u64, u64)]) -> Vec<(String, bool)> {
            self.look_while(second, files, &|_| false)
        }

        fn look_while(
            &mut self,
            second: u64,
            files: &[(&str, u64, u64)],
            busy: &dyn Fn(&Path) -> bool,
        ) -> Vec<(String, bool)> {
            let entry = |(name, size, changed): &(&str, u64, u64)| FileEntry {
                path: name.into(),
                state: FileState {
                    size: *size,
                    modified: self.wall + Duration::from_secs(*changed),
                },
            };
            let asking = ScanContext {
                playing: busy,
                playable_while_growing: &|path| path.extension().is_some_and(|end| end == "ts"),
                wait_until_settled: true,
                wall_time: self.wall + Duration::from_secs(second),
            };
            let now = self.begun + Duration::from_secs(second);
            let files = files.iter().map(entry).collect();
            let ready = self.watched.update(files, now, &asking);
            let told = |ready: ReadyFile| (ready.path.display().to_string(), ready.growing);
            ready.into_iter().map(told).collect()
        }
    }

    fn whole(name: &str) -> Vec<(String, bool)> {
        vec![(name.to_owned(), false)]
    }

    #[test]
    fn an_old_file_is_played_at_once_and_only_once() {
        let mut told = Told::new();
        assert_eq!(told.look(100, &[("a.mp4", 5, 0)]), whole("a.mp4"));
        assert_eq!(told.look(101, &[("a.mp4", 5, 0)]), []);
        assert_eq!(
            told.look(200, &[("a.mp4", 5, 0), ("b.mp4", 7, 1)]),
            whole("b.mp4")
        );
    }

    #[test]
    fn a_file_that_is_being_written_is_waited_for() {
        let mut told = Told::new();
        for second in 0..60 {
            assert_eq!(told.look(second, &[("a.mp4", second, second)]), []);
        }
        assert_eq!(told.look(60, &[("a.mp4", 59, 59)]), []);
        assert_eq!(told.look(61, &[("a.mp4", 59, 59)]), whole("a.mp4"));
    }

    #[test]
    fn what_can_be_played_while_it_grows_is_played_now_and_then_and_at_last_to_its_end() {
        let mut told = Told::new();
        let growing = [("a.ts".to_owned(), true)];
        let mut times = Vec::new();
        for second in 0..45 {
            if told.look(second, &[("a.ts", second, second)]) == growing {
                times.push(second);
            }
        }
        assert_eq!(times, [10, 20, 30, 40]);
        assert_eq!(told.look(45, &[("a.ts", 44, 44)]), []);
        assert_eq!(told.look(46, &[("a.ts", 44, 44)]), whole("a.ts"));
        assert_eq!(told.look(99, &[("a.ts", 44, 44)]), []);
    }

    #[test]
    fn one_that_stopped_growing_when_it_was_played_is_still_played_to_its_end() {
        let mut told = Told::new();
        for second in 0..10 {
            told.look(second, &[("a.ts", second, second)]);
        }
        assert_eq!(
            told.look(10, &[("a.ts", 10, 10)]),
            [("a.ts".to_owned(), true)]
        );
        assert_eq!(told.look(12, &[("a.ts", 10, 10)]), whole("a.ts"));
    }

    #[test]
    fn a_file_that_changed_is_played_again_but_not_while_it_is_played() {
        let mut told = Told::new();
        told.look(100, &[("a.mp4", 5, 0)]);
        let changed = [("a.mp4", 6, 101)];
        assert_eq!(told.look_while(110, &changed, &|_| true), []);
        assert_eq!(told.look(111, &changed), whole("a.mp4"));
    }

    #[test]
    fn a_clock_in_the_future_does_not_hold_a_file_back_for_ever() {
        let mut told = Told::new();
        assert_eq!(told.look(0, &[("a.mp4", 5, 9_999)]), []);
        assert_eq!(told.look(2, &[("a.mp4", 5, 9_999)]), whole("a.mp4"));
    }

    #[test]
    fn what_is_gone_is_told_after_a_while_unless_it_comes_back() {
        let mut told = Told::new();
        told.look(0, &[("a.mp4", 5, 0), ("b.mp4", 5, 0)]);
        told.look(10, &[]);
        told.look(12, &[("b.mp4", 5, 0)]);
        let gone = |told: &mut Told, second| {
            let now = told.begun + Duration::from_secs(second);
            told.watched.take_removed(now, REMOVAL_GRACE)
        };
        assert!(gone(&mut told, 14).is_empty());
        assert_eq!(gone(&mut told, 15), [PathBuf::from("a.mp4")]);
        assert!(gone(&mut told, 99).is_empty());
    }

    #[test]
    fn a_library_lists_videos_in_all_folders_and_follows_no_link_to_a_folder() {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("deep/er")).unwrap();
        for name in ["b.MP4", "deep/a.mkv", "deep/er/c.ts", "notes.txt"] {
            fs::write(at(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), at("deep/back")).unwrap();
        std::os::unix::fs::symlink(at("nowhere.mp4"), at("broken.mp4")).unwrap();
        let names = |path: &Path| -> Vec<String> {
            let library = RecordingSet::open(path).unwrap();
            let files = list(&library).files.into_iter();
            files
                .map(|entry| library.index_name(&entry.path).display().to_string())
                .collect()
        };
        assert_eq!(
            names(folder.path()),
            ["b.MP4", "deep/a.mkv", "deep/er/c.ts"]
        );
        assert_eq!(names(&at("deep/*.mkv")), ["a.mkv"]);
        assert_eq!(names(&at("**/*.ts")), ["deep/er/c.ts"]);
        let single = at("b.MP4").canonicalize().unwrap();
        assert_eq!(names(&at("b.MP4")), [single.display().to_string()]);
        assert!(
            RecordingSet::open(&at("none")).is_err()
                && RecordingSet::open(&at("no/*.mp4")).is_err()
        );
    }

    #[test]
    fn an_empty_folder_may_be_a_disk_that_is_away() {
        let folder = tempdir().unwrap();
        let root = folder.path();
        let removed = |name: &str| was_removed(&root.join(name));
        assert!(!removed("a.mp4"));
        fs::write(root.join("b.mp4"), "x").unwrap();
        assert!(removed("a.mp4") && !removed("b.mp4"));
        fs::create_dir(root.join("day")).unwrap();
        assert!(!removed("day/a.mp4"));
        assert!(!removed("other/a.mp4") && !removed("b.mp4/a.mp4"));
    }
}
