//! The observer of a run: gets results as they are sealed, the progress of sources, and the events of recordings.

use std::{io, time::Duration};

use atom_index::QueryEvent;
use atom_operators::qa::ask::Reply;

use crate::{output_event::SourceEvent, run_status::FolderProgress, sink::Record};

/// Receiver of everything a run produces. An error means that it cannot receive any more; the run ends then.
pub trait Observer: Send {
    /// Gets a caption, an answer or a summary.
    fn result(&mut self, record: &Record) -> io::Result<()>;
    /// Gets the draft of a caption, which comes before the caption and is replaced by it. Ignored by default.
    fn draft(&mut self, _record: &Record) -> io::Result<()> {
        Ok(())
    }
    /// Gets the answer to a person's question.
    fn reply(&mut self, _reply: &Reply) -> io::Result<()> {
        Ok(())
    }
    /// Gets a match that a standing query gained or lost.
    fn query_event(&mut self, _event: &QueryEvent) -> io::Result<()> {
        Ok(())
    }
    /// Gets the progress of a source.
    fn progress(&mut self, progress: &Progress) -> io::Result<()>;
    /// Gets the latency of a result of a branch, from the intake of the frame that closed its segment.
    fn latency(&mut self, _branch: &str, _latency: Duration) {}
    /// Gets a change of a recording in a folder.
    fn source_event(&mut self, _event: &SourceEvent) -> io::Result<()> {
        Ok(())
    }
    /// Called last, when nothing more comes.
    fn finish(&mut self) -> io::Result<()>;
}

/// The progress of a source, and of all recordings in folders.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The source.
    pub source: &'a str,
    /// Everything of it before this is out.
    pub complete_through_ms: u64,
    /// True if it has no end.
    pub live: bool,
    /// Its length, 0 if unknown.
    pub length_ms: u64,
    /// The size of its file, if it was found in a folder, else 0.
    pub bytes: u64,
    /// Counts of the recordings found in folders.
    pub folders: &'a FolderProgress,
}

/// An observer that ignores everything.
pub struct NullObserver;

impl Observer for NullObserver {
    fn result(&mut self, _: &Record) -> io::Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
