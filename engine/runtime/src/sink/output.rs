//! A file or a stream that a sink writes to.
//!
//! Each piece is written and flushed as one, so that who follows the file sees whole cues and lines. What a full disk
//! kept back stays in the buffer and goes first at the next attempt.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use super::SinkError;

/// Room for what a flush could not write.
const BUFFER_BYTES: usize = 64 * 1024;

pub(super) struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    name: String,
}

impl Output {
    /// Makes or empties the file at `path`.
    pub(super) fn file(path: &Path) -> Result<Self, SinkError> {
        let file = File::create(path).map_err(|source| explain_opening(path, source))?;
        Ok(Self::stream(Box::new(file), &path.display().to_string()))
    }

    /// Writes to a stream that is called `name` in errors.
    pub(super) fn stream(stream: Box<dyn Write + Send>, name: &str) -> Self {
        Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, stream),
            name: name.to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes one whole piece, and hands it on at once.
    pub(super) fn write(&mut self, piece: &str) -> Result<(), SinkError> {
        let written = self.writer.write_all(piece.as_bytes());
        let flushed = written.and_then(|()| self.writer.flush());
        flushed.map_err(|source| SinkError::of_writing(&self.name, source))
    }

    /// Tries once more to write what an earlier failure left.
    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        self.write("")
    }
}

fn explain_opening(path: &Path, source: std::io::Error) -> SinkError {
    let name = path.display().to_string();
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    match source.kind() {
        ErrorKind::NotFound if folder.is_some_and(|folder| !folder.is_dir()) => {
            let folder = folder.map(|f| f.display().to_string()).unwrap_or_default();
            SinkError::FolderMissing { name, folder }
        }
        ErrorKind::IsADirectory => SinkError::Folder { name },
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            SinkError::Unwritable { name, source }
        }
        _ => SinkError::of_writing(&name, source),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tempfile::tempdir;

    use super::*;

    /// A disk with room for so many bytes.
    struct Disk {
        room: Arc<Mutex<usize>>,
        held: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut room = self.room.lock().unwrap();
            let taken = bytes.len().min(*room);
            if taken == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            *room -= taken;
            self.held.lock().unwrap().extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_kept_back_is_written_once_there_is_room() {
        let (room, held) = (Arc::new(Mutex::new(8)), Arc::default());
        let disk = Disk {
            room: Arc::clone(&room),
            held: Arc::clone(&held),
        };
        let mut output = Output::stream(Box::new(disk), "out.jsonl");
        output.write("one\n").unwrap();
        let full = output.write("two three\n").unwrap_err();
        assert!(
            full.to_string()
                .contains("no room left on the disk of \"out.jsonl\"")
        );
        *room.lock().unwrap() = 100;
        output.write("four\n").unwrap();
        assert_eq!(held.lock().unwrap().as_slice(), b"one\ntwo three\nfour\n");
    }

    #[test]
    fn a_missing_folder_and_a_folder_are_told_apart() {
        let folder = tempdir().unwrap();
        let missing = Output::file(&folder.path().join("no/a.vtt")).err().unwrap();
        assert!(matches!(missing, SinkError::FolderMissing { .. }));
        let inside = Output::file(folder.path()).err().unwrap();
        assert!(matches!(inside, SinkError::Folder { .. }));
    }

    #[test]
    fn a_denied_file_is_called_unwritable() {
        let denied = explain_opening(Path::new("a.vtt"), ErrorKind::PermissionDenied.into());
        assert!(denied.to_string().contains("cannot write to \"a.vtt\""));
    }

    #[test]
    fn a_closed_pipe_can_be_told_from_failures() {
        let closed = SinkError::of_writing("standard output", ErrorKind::BrokenPipe.into());
        assert!(closed.closed_pipe());
        assert!(!SinkError::of_writing("a", ErrorKind::StorageFull.into()).closed_pipe());
    }
}
