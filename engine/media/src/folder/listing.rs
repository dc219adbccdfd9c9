//! Lists the recordings of a set as they are now.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::SystemTime,
};

use atom_pipelines::{Litter, VIDEO_EXTENSIONS};
use walkdir::{DirEntry, WalkDir};

use super::recording_set::RecordingSet;

/// A file as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path.
    pub path: PathBuf,
    /// Its size and modification time.
    pub state: FileState,
}

/// The properties of a file that change when it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Its length in bytes.
    pub size: u64,
    /// The time at which it was last written to.
    pub modified: SystemTime,
}

impl FileState {
    /// Reads the state of a file.
    ///
    /// # Errors
    /// If the file does not exist or cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let data = path.metadata()?;
        Ok(Self {
            size: data.len(),
            modified: data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// The result of a scan.
#[derive(Debug, Default)]
pub struct Listing {
    /// The recordings, by path.
    pub files: Vec<FileEntry>,
    /// Folders that could not be read, and the reasons.
    pub unreadable: Vec<(PathBuf, io::Error)>,
    /// Folders, and files that would be recordings, that were left out, and the reasons.
    pub left_out: Vec<(PathBuf, &'static str)>,
}

/// Lists all recordings of a set. Hidden files, system folders and partial downloads are left out, and symbolic links to
/// folders are not followed: they could form a cycle. Only what lies below the set's own path is judged.
pub fn list(set: &RecordingSet) -> Listing {
    let mut listing = Listing::default();
    if set.root.is_dir() {
        list_folder(set, &mut listing);
    } else {
        listing.files.extend(read(&set.root));
    }
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    listing
}

fn list_folder(set: &RecordingSet, listing: &mut Listing) {
    let mut filter = LitterFilter::new(set);
    let entries = WalkDir::new(&set.root).into_iter();
    for entry in entries.filter_entry(|entry| filter.keeps(entry)) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) if set.is_wanted(entry.path()) && entry.path().is_file() => {
                listing.files.extend(read(entry.path()));
            }
            Ok(_) => {}
            // A file that was removed meanwhile.
            Err(error) if is_not_found(&error) && error.depth() > 0 => {}
            Err(error) => {
                let path = error.path().map(Path::to_owned);
                listing.unreadable.extend(path.zip(error.into_io_error()));
            }
        }
    }
    filter.finish(listing);
}

/// Leaves out what is no recording although its name may end like one, and notes what it left out.
struct LitterFilter<'s> {
    set: &'s RecordingSet,
    left_out: Vec<(PathBuf, &'static str)>,
    /// Files that are being downloaded under their final name.
    downloading: BTreeSet<PathBuf>,
}

impl<'s> LitterFilter<'s> {
    fn new(set: &'s RecordingSet) -> Self {
        Self {
            set,
            left_out: Vec::new(),
            downloading: BTreeSet::new(),
        }
    }

    /// False for litter and for links to folders.
    fn keeps(&mut self, entry: &DirEntry) -> bool {
        if entry.depth() == 0 {
            return true;
        }
        let path = entry.path();
        if entry.path_is_symlink() && path.is_dir() {
            let reason =
                "it is a symbolic link to a folder; to index that folder, pass its path as well";
            self.left_out.push((path.to_owned(), reason));
            return false;
        }
        let Some(litter) = self.set.litter(entry.file_name()) else {
            return true;
        };
        if path.extension() == Some(OsStr::new("aria2")) {
            // It stands beside a download that already has its final name.
            self.downloading.insert(path.with_extension(""));
        } else if entry.file_type().is_dir() || self.would_be_wanted(path, litter) {
            self.left_out.push((path.to_owned(), litter.reason()));
        }
        false
    }

    /// True if only the litter's mark distinguishes a file from a recording.
    fn would_be_wanted(&self, path: &Path, litter: Litter) -> bool {
        let complete = path.with_extension("");
        self.set.is_wanted(path) || litter == Litter::Partial && self.set.is_wanted(&complete)
    }

    /// Leaves out the files that are being downloaded, and hands over what was left out.
    fn finish(mut self, listing: &mut Listing) {
        listing.files.retain(|file| {
            let complete = !self.downloading.contains(&file.path);
            if !complete {
                let reason = Litter::Partial.reason();
                self.left_out.push((file.path.clone(), reason));
            }
            complete
        });
        listing.left_out = self.left_out;
    }
}

fn is_not_found(error: &walkdir::Error) -> bool {
    let source = error.io_error();
    source.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Reads a file's state; none if the file no longer exists.
fn read(path: &Path) -> Option<FileEntry> {
    let state = FileState::read(path).ok()?;
    Some(FileEntry {
        path: path.to_owned(),
        state,
    })
}

impl RecordingSet {
    /// Returns the reason why there is nothing to play, if so.
    pub fn why_empty(&self) -> Option<String> {
        let listing = list(self);
        if !listing.files.is_empty() {
            return None;
        }
        Some(match listing.unreadable.first() {
            Some((folder, error)) => format!("{}: {error}", folder.display()),
            None if self.pattern.is_some() => "no file matches the pattern".to_owned(),
            None => format!(
                "it contains no video: no file name ends in one of {}{}",
                VIDEO_EXTENSIONS.join(", "),
                left_out_hint(&listing.left_out)
            ),
        })
    }
}

/// Names one of the things that were left out, in case it is the one that was meant.
fn left_out_hint(left_out: &[(PathBuf, &str)]) -> String {
    let Some((path, reason)) = left_out.first() else {
        return String::new();
    };
    let more = match left_out.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("; skipped: {} ({reason}){more}", path.display())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn lists_videos_in_all_folders_and_follows_no_link_to_a_folder() {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("deep/er")).unwrap();
        for name in ["b.MP4", "deep/a.mkv", "deep/er/c.ts", "notes.txt"] {
            fs::write(at(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), at("deep/back")).unwrap();
        std::os::unix::fs::symlink(at("nowhere.mp4"), at("broken.mp4")).unwrap();
        let names = |path: &Path| -> Vec<String> {
            let set = RecordingSet::open(path).unwrap();
            let files = list(&set).files.into_iter();
            files
                .map(|entry| set.index_name(&entry.path).display().to_string())
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
    fn litter_of_other_systems_and_partial_downloads_are_no_recordings() {
        let folder = tempdir().unwrap();
        let root = folder.path().join(".cache/videos");
        let litter = [
            "._good.mp4",
            ".hidden/h.mp4",
            "@eaDir/good.mp4",
            "$RECYCLE.BIN/S-1-5/$R1.mp4",
            ".Trash-1000/files/old.mp4",
            "System Volume Information/v.mp4",
            "safari.mp4.download/safari.mp4",
            "chrome.mp4.crdownload",
            "aria.mp4",
            "aria.mp4.aria2",
        ];
        for name in ["good.mp4", "day/good.vob", ".DS_Store"]
            .iter()
            .chain(&litter)
        {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let names = |path: &Path| -> (Vec<String>, Vec<String>) {
            let set = RecordingSet::open(path).unwrap();
            let name = |path: &Path| set.index_name(path).display().to_string();
            let listing = list(&set);
            let left_out = listing.left_out.iter().map(|(path, _)| name(path));
            let mut left_out: Vec<_> = left_out.collect();
            left_out.sort();
            let files = listing.files.iter().map(|file| name(&file.path)).collect();
            (files, left_out)
        };
        // The folder given is itself in a hidden one: only what lies below it is judged.
        let (files, left_out) = names(&root);
        assert_eq!(files, ["day/good.vob", "good.mp4"]);
        assert_eq!(
            left_out,
            [
                "$RECYCLE.BIN",
                ".Trash-1000",
                "._good.mp4",
                ".hidden",
                "@eaDir",
                "System Volume Information",
                "aria.mp4",
                "chrome.mp4.crdownload",
                "safari.mp4.download",
            ]
        );
        assert_eq!(names(&root.join("*.mp4")).0, ["good.mp4"]);
        assert_eq!(names(&root.join("**/.hidden/*")).0, [".hidden/h.mp4"]);
        assert_eq!(names(&root.join(".hidden")).0, ["h.mp4"]);
        assert_eq!(
            list(&RecordingSet::open(&root.join("._good.mp4")).unwrap())
                .files
                .len(),
            1
        );
        let set = RecordingSet::open(&root).unwrap();
        let within = |name: &str| set.contains(&set.root.join(name));
        assert!(within("good.mp4") && !within("._good.mp4") && !within(".hidden/h.mp4"));
    }

    #[test]
    fn a_folder_of_nothing_but_litter_names_what_was_left_out() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("film.mp4.part"), "x").unwrap();
        let empty = RecordingSet::open(folder.path())
            .unwrap()
            .why_empty()
            .unwrap();
        assert!(
            empty.contains("film.mp4.part (it is an incomplete download or copy)"),
            "{empty}"
        );
    }
}
