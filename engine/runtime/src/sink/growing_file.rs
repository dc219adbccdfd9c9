//! A file that grows as long as the run continues, as logs do, and that other programs may move away or cut short.
//!
//! Every piece is appended to what the file holds then. The file is reopened at the request of a hang-up signal, and
//! before a piece if another file, or none, has its name.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use atom_operators::hangup::HangupCount;
use atom_pipelines::FileIdentity;

use super::partial_file::path_beside;

/// A file that grows. Its content begins with `header`, however often it is moved away.
pub(super) struct GrowingFile {
    file: File,
    path: PathBuf,
    header: &'static str,
    hangups: HangupCount,
    /// The hang-up signals that were followed.
    seen: u64,
}

impl GrowingFile {
    /// Opens a file for appending; creates it if there is none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn open(path: &Path, hangups: &HangupCount) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self::over(file, path, ("", hangups)))
    }

    /// Moves a file with content to `NAME.previous`, and begins a new one with its permissions.
    ///
    /// # Errors
    /// If it cannot be moved or written.
    pub(super) fn rotate(path: &Path, hangups: &HangupCount) -> io::Result<Self> {
        let earlier = fs::metadata(path).ok().filter(|found| found.len() > 0);
        if earlier.is_some() {
            fs::rename(path, path_beside(path, ".previous"))?;
        }
        let opened = Self::open(path, hangups)?;
        if let Some(earlier) = earlier {
            opened.file.set_permissions(earlier.permissions())?;
        }
        Ok(opened)
    }

    /// Returns the growing file of an open file, which has been written from its beginning.
    pub(super) fn over(
        file: File,
        path: &Path,
        (header, hangups): (&'static str, &HangupCount),
    ) -> Self {
        Self {
            file,
            path: path.to_owned(),
            header,
            seen: hangups.get(),
            hangups: hangups.clone(),
        }
    }

    /// Reopens the file if that was requested, or if it was moved away. A new or emptied file gets its header.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        let requests = self.hangups.get();
        let own = self.file.metadata()?;
        let own = FileIdentity::Existing {
            device: own.dev(),
            inode: own.ino(),
        };
        if requests != self.seen || FileIdentity::of(&self.path) != own {
            self.file = open(&self.path)?;
            self.seen = requests;
        }
        if !self.header.is_empty() && self.file.metadata()?.len() == 0 {
            self.file.write_all(self.header.as_bytes())?;
        }
        Ok(())
    }

    /// Waits until everything is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for GrowingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens a file for appending. A line that a crash left without its end gets one, so that the next line is whole.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    if !ends_with_line(path) {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Returns false if the last line has no end. A file that cannot be read is taken for whole.
fn ends_with_line(path: &Path) -> bool {
    let last = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        io::Result::Ok(last)
    };
    !last().is_ok_and(|last| last != *b"\n")
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    fn line(file: &mut GrowingFile, text: &str) {
        file.refresh().unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut file = GrowingFile::open(&at("a"), &HangupCount::default()).unwrap();
        line(&mut file, "one\n");
        fs::rename(at("a"), at("a.1")).unwrap();
        line(&mut file, "two\n");
        assert_eq!(fs::read_to_string(at("a.1")).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(at("a")).unwrap(), "two\n");
    }

    #[test]
    fn lines_of_an_earlier_run_are_moved_away() {
        let folder = tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "one").unwrap();
        let mut file = GrowingFile::rotate(&at("a"), &HangupCount::default()).unwrap();
        line(&mut file, "two\n");
        assert_eq!(fs::read_to_string(at("a.previous")).unwrap(), "one");
        assert_eq!(fs::read_to_string(at("a")).unwrap(), "two\n");
    }

    #[test]
    fn a_hang_up_signal_reopens_the_file_before_anything_else_is_written() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a");
        let hangups = HangupCount::default();
        let mut file = GrowingFile::open(&path, &hangups).unwrap();
        fs::remove_file(&path).unwrap();
        hangups.add();
        file.refresh().unwrap();
        assert!(path.exists());
    }

    #[test]
    fn a_file_that_was_cut_short_has_no_zero_bytes() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = GrowingFile::open(&path, &HangupCount::default()).unwrap();
        line(&mut file, "one\n");
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(0)
            .unwrap();
        line(&mut file, "two\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn a_line_that_a_crash_left_unfinished_does_not_spoil_the_next_one() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one\n{\"kind\":").unwrap();
        line(
            &mut GrowingFile::open(&path, &HangupCount::default()).unwrap(),
            "two\n",
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n{\"kind\":\ntwo\n");
    }

    #[test]
    fn a_header_is_written_again_into_a_new_file() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "WEBVTT\n\n").unwrap();
        let opened = open(&path).unwrap();
        let mut file = GrowingFile::over(opened, &path, ("WEBVTT\n\n", &HangupCount::default()));
        line(&mut file, "1\n");
        fs::remove_file(&path).unwrap();
        line(&mut file, "2\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "WEBVTT\n\n2\n");
    }
}
