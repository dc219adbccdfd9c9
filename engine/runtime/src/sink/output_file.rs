//! The file or stream that a sink writes to.
//!
//! Each piece is written and flushed as one, so that readers of the growing file see whole cues and lines. Data that a full disk
//! refused stays in the buffer and is written first at the next attempt.

use std::{
    fs::File,
    io::{BufWriter, ErrorKind, Write},
    path::Path,
};

use super::error::SinkError;

/// Size of the buffer for data that could not be flushed.
const BUFFER_BYTES: usize = 64 * 1024;

/// A file or stream, with its name for errors.
pub(super) struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    name: String,
}

impl Output {
    /// Creates or truncates the file at `path`.
    pub(super) fn file(path: &Path) -> Result<Self, SinkError> {
        let file = File::create(path).map_err(|source| open_error(path, source))?;
        Ok(Self::stream(Box::new(file), &path.display().to_string()))
    }

    /// Returns the output to a stream; errors call it `name`.
    pub(super) fn stream(stream: Box<dyn Write + Send>, name: &str) -> Self {
        Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, stream),
            name: name.to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes a piece and flushes it.
    pub(super) fn write(&mut self, piece: &str) -> Result<(), SinkError> {
        let written = self.writer.write_all(piece.as_bytes());
        let flushed = written.and_then(|()| self.writer.flush());
        flushed.map_err(|source| SinkError::write(&self.name, source))
    }

    /// Writes the data left by an earlier error.
    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        self.write("")
    }
}

fn open_error(path: &Path, source: std::io::Error) -> SinkError {
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
        _ => SinkError::write(&name, source),
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use parking_lot::Mutex;

    use tempfile::tempdir;

    use super::*;

    /// A disk with limited room, in bytes.
    struct Disk {
        room: Arc<Mutex<usize>>,
        held: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut room = self.room.lock();
            let fits = bytes.len().min(*room);
            if fits == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            *room -= fits;
            self.held.lock().extend(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn data_that_a_full_disk_refused_is_written_once_there_is_room() {
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
        *room.lock() = 100;
        output.write("four\n").unwrap();
        assert_eq!(held.lock().as_slice(), b"one\ntwo three\nfour\n");
    }

    #[test]
    fn a_missing_folder_and_a_folder_are_different_errors() {
        let folder = tempdir().unwrap();
        let missing = Output::file(&folder.path().join("no/a.vtt")).err().unwrap();
        assert!(matches!(missing, SinkError::FolderMissing { .. }));
        let inside = Output::file(folder.path()).err().unwrap();
        assert!(matches!(inside, SinkError::Folder { .. }));
    }

    #[test]
    fn a_denied_file_is_reported_as_unwritable() {
        let denied = open_error(Path::new("a.vtt"), ErrorKind::PermissionDenied.into());
        assert!(denied.to_string().contains("cannot write to \"a.vtt\""));
    }

    #[test]
    fn a_closed_pipe_is_distinguished_from_other_errors() {
        let closed = SinkError::write("standard output", ErrorKind::BrokenPipe.into());
        assert!(closed.is_closed_pipe());
        assert!(!SinkError::write("a", ErrorKind::StorageFull.into()).is_closed_pipe());
    }
}
