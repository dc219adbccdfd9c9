//! The identity of a file, which distinguishes an output from an input.
//!
//! Two names of one file, such as hard links and paths through symbolic links, have one identity.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{output_path::OutputPath, recording_names::is_video_file, uri::resolved};

/// The identity of a file: its number on its device, or its resolved path while it does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileIdentity {
    /// A file that exists.
    Existing {
        /// The device.
        device: u64,
        /// The number of the file on its device.
        inode: u64,
    },
    /// A file that does not exist.
    Missing(PathBuf),
}

impl FileIdentity {
    /// Returns the identity of the file at a path.
    pub fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) => Self::Existing {
                device: found.dev(),
                inode: found.ino(),
            },
            Err(_) => Self::Missing(resolved(path.to_owned())),
        }
    }

    /// Returns the identity of the file that an output writes; `None` for standard output and special files, which any
    /// number of outputs may share.
    pub fn of_output(path: &Path) -> Option<Self> {
        match OutputPath::of(path) {
            OutputPath::File(path) => Some(Self::of(&path)),
            OutputPath::Stdout | OutputPath::Special(_) => None,
        }
    }

    /// Returns the first of some files that an output would write over.
    pub fn overwritten(output: &Path, files: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
        let output = Self::of_output(output)?;
        files.into_iter().find(|file| Self::of(file) == output)
    }
}

/// Returns the files that belong to an index: the database and what SQLite keeps beside it.
pub fn index_files(store: &Path) -> Vec<PathBuf> {
    let suffixes = ["", "-wal", "-shm", "-journal"];
    let file = |suffix: &str| {
        let mut path = store.as_os_str().to_owned();
        path.push(suffix);
        path.into()
    };
    suffixes.into_iter().map(file).collect()
}

/// Returns the recording of a folder, or of one of its subfolders, that an output would write over. The folder is only read
/// if the output exists and could be one: it is named as a video, or has several names.
pub(crate) fn overwritten_recording(output: &Path, folder: &Path) -> Option<PathBuf> {
    let OutputPath::File(output) = OutputPath::of(output) else {
        return None;
    };
    let found = fs::metadata(&output).ok().filter(fs::Metadata::is_file)?;
    if found.nlink() < 2 && !is_video_file(&output) {
        return None;
    }
    same_file_in(folder, &FileIdentity::of(&output))
}

fn same_file_in(folder: &Path, wanted: &FileIdentity) -> Option<PathBuf> {
    // A folder that cannot be read is reported when it is scanned.
    fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        match entry.file_type().is_ok_and(|found| found.is_dir()) {
            true => same_file_in(&path, wanted),
            false => (is_video_file(&path) && FileIdentity::of(&path) == *wanted).then_some(path),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_name_of_a_file_has_its_identity() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "x").unwrap();
        fs::hard_link(at("a"), at("hard")).unwrap();
        symlink("a", at("soft")).unwrap();
        for name in ["hard", "soft", "./a"] {
            assert_eq!(
                FileIdentity::of(&at(name)),
                FileIdentity::of(&at("a")),
                "{name}"
            );
            assert_eq!(
                FileIdentity::overwritten(&at(name), [at("a")]),
                Some(at("a"))
            );
        }
        symlink(".", at("same")).unwrap();
        symlink("same/new", at("link")).unwrap();
        for name in ["same/new", "link"] {
            let output = FileIdentity::of_output(&at(name));
            assert_eq!(output, Some(FileIdentity::of(&at("new"))), "{name}");
        }
        assert_ne!(FileIdentity::of(&at("new")), FileIdentity::of(&at("a")));
    }

    #[test]
    fn any_number_of_outputs_may_share_a_special_file() {
        assert_eq!(FileIdentity::of_output("/dev/null".as_ref()), None);
        assert_eq!(FileIdentity::of_output("-".as_ref()), None);
    }

    #[test]
    fn another_name_of_a_recording_in_a_folder_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("clips/day")).unwrap();
        fs::write(at("clips/day/a.mp4"), "x").unwrap();
        fs::write(at("other.vtt"), "x").unwrap();
        fs::hard_link(at("clips/day/a.mp4"), at("out.vtt")).unwrap();
        let found = |name: &str| overwritten_recording(&at(name), &at("clips"));
        assert_eq!(found("out.vtt"), Some(at("clips/day/a.mp4")));
        assert_eq!(found("clips/day/a.mp4"), Some(at("clips/day/a.mp4")));
        assert_eq!(found("other.vtt"), None);
        assert_eq!(found("new.vtt"), None);
    }
}
