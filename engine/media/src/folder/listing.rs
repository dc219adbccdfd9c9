//! Lists the recordings of a set as they are now.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::SystemTime,
};

use atom_pipelines::VIDEO_EXTENSIONS;
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
}

/// Lists all recordings of a set. Symbolic links to folders are not followed: they could form a cycle.
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
    let is_recording = |entry: &DirEntry| !entry.file_type().is_dir() && set.matches(entry.path());
    for entry in WalkDir::new(&set.root) {
        match entry {
            Ok(entry) if is_recording(&entry) && entry.path().is_file() => {
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
}

fn is_not_found(error: &walkdir::Error) -> bool {
    let source = error.io_error();
    source.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Reads a file's state; none if it is gone by now.
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
            None if self.pattern.is_some() => "no file is like it".to_owned(),
            None => format!(
                "no video is in it, no name ends in one of {}",
                VIDEO_EXTENSIONS.join(", ")
            ),
        })
    }
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
}
