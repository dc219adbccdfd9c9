//! A file that is written beside the one that it replaces, and takes its place when it is finished.
//!
//! Until then it is named `NAME.partial`, and whoever reads `NAME` reads the earlier content. Permissions and owner stay.
//! Invariant: the earlier content is lost only when the new one is complete and on the disk.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Seek, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, fchown},
    },
    path::{Path, PathBuf},
};

use atom_pipelines::FileIdentity;

use super::error::SinkError;

/// Longest part of a file's name in the name of its partial file, in bytes; file systems allow 255 in all.
const MAX_NAME_BYTES: usize = 240;

/// A file under construction. Dropping it removes it, unless it holds results.
pub(super) struct PartialFile {
    file: File,
    /// Its own path; `None` if its folder cannot be written, so that it has no name.
    path: Option<PathBuf>,
    /// The file that it replaces.
    target: PathBuf,
    /// True if the owner of the target cannot be kept by a renamed file.
    copied: bool,
    has_results: bool,
}

/// The end of a partial file whose run did not finish.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// It holds no results and was removed.
    Removed,
    /// It stays, with its results, under this path.
    Kept(PathBuf),
    /// It had no name, and its results are lost.
    Lost,
}

impl PartialFile {
    /// Creates the partial file of `target`, whose symbolic links are resolved.
    ///
    /// # Errors
    /// If the target or its folder cannot be written, or another program is writing it.
    pub(super) fn create(target: &Path) -> Result<Self, SinkError> {
        let failed = |source| SinkError::open(target, source);
        // Also checks that an existing file may be written.
        let existing = match OpenOptions::new().append(true).open(target) {
            Ok(file) => Some(file.metadata().map_err(failed)?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let path = partial_path(target);
        let (file, path) = match create_locked(&path) {
            Ok(file) => (file, Some(path)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(SinkError::InUse {
                    name: target.display().to_string(),
                    partial: path.display().to_string(),
                });
            }
            // A file can be writable in a folder that is not.
            Err(_) if existing.is_some() => (tempfile::tempfile().map_err(failed)?, None),
            Err(error) => return Err(failed(error)),
        };
        let mut copied = path.is_none();
        if let Some(existing) = existing.filter(|_| !copied) {
            copied = keep_owner(&file, &existing).is_err();
            file.set_permissions(existing.permissions())
                .map_err(failed)?;
        }
        Ok(Self {
            file,
            path,
            target: target.to_owned(),
            copied,
            has_results: false,
        })
    }

    /// Notes that results were written, which are worth keeping when the run fails.
    pub(super) fn keep_results(&mut self) {
        self.has_results = true;
    }

    /// Returns true if no earlier content would be lost by taking the place of the target.
    pub(super) fn replaces_nothing(&self) -> bool {
        fs::metadata(&self.target).is_ok_and(|found| found.len() == 0)
            || fs::symlink_metadata(&self.target).is_err()
    }

    /// Takes the place of the target. Returns the file, which can be written on.
    ///
    /// # Errors
    /// If the disk is full or the target cannot be replaced; the partial file stays then.
    pub(super) fn commit(mut self) -> io::Result<File> {
        self.file.sync_all()?;
        match self.path.clone().filter(|_| !self.copied) {
            Some(path) => self.rename(&path)?,
            None => self.copy()?,
        }
        // From now on dropping it removes nothing.
        self.path = None;
        match self.copied {
            true => OpenOptions::new().append(true).open(&self.target),
            false => self.file.try_clone(),
        }
    }

    fn rename(&mut self, path: &Path) -> io::Result<()> {
        let own = self.file.metadata()?;
        let own = FileIdentity::Existing {
            device: own.dev(),
            inode: own.ino(),
        };
        if FileIdentity::of(path) != own {
            return Err(io::Error::other(
                "another program replaced the partial file",
            ));
        }
        match fs::rename(path, &self.target) {
            Ok(()) => {
                sync_folder(&self.target);
                Ok(())
            }
            // A file that is mounted by itself can be written, but not replaced.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ResourceBusy | ErrorKind::CrossesDevices
                ) =>
            {
                self.copied = true;
                self.copy()
            }
            Err(error) => Err(error),
        }
    }

    /// Copies the content into the target, whose owner or folder does not let it be replaced.
    fn copy(&mut self) -> io::Result<()> {
        let mut content = match &self.path {
            Some(path) => File::open(path)?,
            None => self.file.try_clone()?,
        };
        content.rewind()?;
        let mut target = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&self.target)?;
        io::copy(&mut content, &mut target)?;
        target.sync_all()?;
        if let Some(path) = &self.path {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Ends the file of a run that did not finish.
    pub(super) fn abandon(self) -> Unfinished {
        match (&self.path, self.has_results) {
            (_, false) => Unfinished::Removed,
            (Some(path), true) => Unfinished::Kept(path.clone()),
            (None, true) => Unfinished::Lost,
        }
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if let Some(path) = self.path.as_ref().filter(|_| !self.has_results) {
            // It may have been removed already.
            let _ = fs::remove_file(path);
        }
    }
}

/// Returns the path of the partial file of a target.
fn partial_path(target: &Path) -> PathBuf {
    path_beside(target, ".partial")
}

/// Returns a path in the same folder, with the same name and a suffix.
pub(super) fn path_beside(target: &Path, suffix: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().as_bytes();
    let mut beside = OsString::from(std::ffi::OsStr::from_bytes(
        &name[..name.len().min(MAX_NAME_BYTES)],
    ));
    beside.push(suffix);
    target.with_file_name(beside)
}

/// Creates a file and locks it. One that an earlier, killed run left is removed; it is never written through a link.
///
/// # Errors
/// `WouldBlock` if another program holds the lock.
fn create_locked(path: &Path) -> io::Result<File> {
    let create = || {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create_new(true).open(path)
    };
    let file = match create() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let abandoned = fs::symlink_metadata(path)?.is_file();
            // The lock is held until the file is removed, so that of two programs only one removes it.
            let old = abandoned.then(|| File::open(path)).transpose()?;
            old.as_ref().map_or(Ok(()), lock)?;
            fs::remove_file(path)?;
            create()?
        }
        other => other?,
    };
    lock(&file)?;
    Ok(file)
}

fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
        // Some network drives know no locks.
        Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn keep_owner(file: &File, existing: &fs::Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    match (own.uid(), own.gid()) == (existing.uid(), existing.gid()) {
        true => Ok(()),
        false => fchown(file, Some(existing.uid()), Some(existing.gid())),
    }
}

/// Makes a rename last, where the file system lets a folder be written to the disk.
fn sync_folder(target: &Path) {
    if let Some(Ok(folder)) = target.parent().map(File::open) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::{TempDir, tempdir};

    use super::*;

    fn target(content: &str) -> (TempDir, PathBuf) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("out.vtt");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn with_results(path: &Path) -> PartialFile {
        let mut file = PartialFile::create(path).unwrap();
        file.write_all(b"new").unwrap();
        file.keep_results();
        file
    }

    #[test]
    fn the_earlier_content_stays_until_the_new_one_is_complete() {
        let (_folder, path) = target("old");
        let file = with_results(&path);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let mut file = file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        file.write_all(b"er").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"newer");
        assert!(!partial_path(&path).exists());
    }

    #[test]
    fn results_of_a_run_that_failed_stay_beside_the_earlier_content() {
        let (_folder, path) = target("old");
        assert_eq!(
            with_results(&path).abandon(),
            Unfinished::Kept(partial_path(&path))
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read(partial_path(&path)).unwrap(), b"new");
        // The next run starts over.
        with_results(&path).commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        drop(PartialFile::create(&path).unwrap());
        assert!(!partial_path(&path).exists());
    }

    #[test]
    fn the_permissions_of_a_replaced_file_stay() {
        let (_folder, path) = target("old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        with_results(&path).commit().unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o604
        );
    }

    #[test]
    fn two_programs_do_not_write_the_same_file_at_once() {
        let (_folder, path) = target("old");
        let first = with_results(&path);
        let second = PartialFile::create(&path).err().unwrap();
        assert!(matches!(second, SinkError::InUse { .. }), "{second}");
        first.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_link_in_the_place_of_the_partial_file_is_not_written_through() {
        let (folder, path) = target("old");
        let video = folder.path().join("video");
        fs::write(&video, "frames").unwrap();
        symlink(&video, partial_path(&path)).unwrap();
        with_results(&path).commit().unwrap();
        assert_eq!(fs::read(&video).unwrap(), b"frames");
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_name_of_the_greatest_length_has_a_partial_file_too() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("n".repeat(255));
        with_results(&path).commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
