//! Tests of output files: full disks, streams, and files that are replaced, moved away or grow.

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
    let mut output = OutputFile::stream(Box::new(disk), "out.jsonl", "");
    output.write("one\n").unwrap();
    let full = output.write("two three\n").unwrap_err();
    assert!(
        full.to_string()
            .contains("no space left on the disk of \"out.jsonl\"")
    );
    *room.lock() = 100;
    output.write("four\n").unwrap();
    assert_eq!(held.lock().as_slice(), b"one\ntwo three\nfour\n");
}

#[test]
fn a_stream_begins_with_its_header_unless_a_failed_run_has_no_result() {
    for (results, complete, expected) in [
        (&["one\n"][..], false, "head\none\n"),
        (&[], true, "head\n"),
        (&[], false, ""),
    ] {
        let held = Arc::default();
        let disk = Disk {
            room: Arc::new(Mutex::new(100)),
            held: Arc::clone(&held),
        };
        let mut output = OutputFile::stream(Box::new(disk), "stdout", "head\n");
        results
            .iter()
            .for_each(|result| output.write(result).unwrap());
        output.finish(complete).unwrap();
        assert_eq!(held.lock().as_slice(), expected.as_bytes());
    }
}

#[test]
fn a_missing_folder_and_a_folder_are_different_errors() {
    let folder = tempdir().unwrap();
    let missing = OutputFile::create(&folder.path().join("no/a.vtt"))
        .err()
        .unwrap();
    assert!(matches!(missing, SinkError::FolderMissing { .. }));
    let inside = OutputFile::create(folder.path()).err().unwrap();
    assert!(matches!(inside, SinkError::Folder { .. }));
}

#[test]
fn a_denied_file_is_reported_as_unwritable() {
    let denied = SinkError::open(Path::new("a.vtt"), ErrorKind::PermissionDenied.into());
    assert!(denied.to_string().contains("cannot write to \"a.vtt\""));
}

#[test]
fn a_closed_pipe_is_distinguished_from_other_errors() {
    let closed = SinkError::write("standard output", ErrorKind::BrokenPipe.into());
    assert!(closed.is_closed_pipe());
    assert!(!SinkError::write("a", ErrorKind::StorageFull.into()).is_closed_pipe());
}

#[test]
fn a_file_that_replaces_nothing_keeps_what_an_unfinished_run_wrote() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("new.vtt");
    for (earlier, expected) in [(None, "new"), (Some(""), "new"), (Some("old"), "old")] {
        let _ = earlier.map(|text| std::fs::write(&path, text).unwrap());
        let mut output = OutputFile::create(&path).unwrap();
        output.write("new").unwrap();
        output.finish(false).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        std::fs::remove_file(&path).unwrap();
    }
    let kept = folder.path().join("new.vtt.partial");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "new");
}

#[test]
fn a_file_of_a_run_without_end_takes_its_place_with_the_first_result() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.vtt");
    let read = || std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, "yesterday").unwrap();
    let mode = WriteMode::ReplaceAtFirstResult(HangupCount::default());
    drop(OutputFile::open(&path, &mode, "WEBVTT\n\n").unwrap());
    assert_eq!(read(), "yesterday");
    let mut output = OutputFile::open(&path, &mode, "WEBVTT\n\n").unwrap();
    output.write("1\n").unwrap();
    assert_eq!(read(), "WEBVTT\n\n1\n");
    std::fs::rename(&path, folder.path().join("a.vtt.1")).unwrap();
    output.write("2\n").unwrap();
    assert_eq!(read(), "WEBVTT\n\n2\n");
    output.finish(false).unwrap();
    assert_eq!(read(), "WEBVTT\n\n2\n");
}

#[test]
fn a_device_is_written_in_place() {
    let mut null = OutputFile::create(Path::new("/dev/null")).unwrap();
    null.write("x").unwrap();
    null.finish(true).unwrap();
    let mut full = OutputFile::create(Path::new("/dev/full")).unwrap();
    let error = full.write("x").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no space left on the disk of \"/dev/full\"")
    );
}
