//! A file or stream that results are written to.
//!
//! Each piece is written and flushed as one, so that readers of the growing file see whole cues and lines. Data that a full disk
//! refused stays in memory and is written first at the next attempt.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::Path,
};

use atom_operators::hangup::HangupCount;
use atom_pipelines::OutputPath;
use tracing::warn;

use super::{
    error::SinkError,
    growing_file::GrowingFile,
    partial_file::{PartialFile, Unfinished},
};

/// The way in which a file is written.
#[derive(Clone, Debug)]
pub enum WriteMode {
    /// Written beside the file, which it replaces when the run has finished.
    Replace,
    /// Replaces the file with the first result and then grows, for runs that have no end. It is reopened after these
    /// hang-up signals.
    ReplaceAtFirstResult(HangupCount),
    /// Moves the file away with the first result, and then grows. It is reopened after these hang-up signals.
    Rotate(HangupCount),
    /// Added to the end of the file, which is reopened after these hang-up signals.
    Append(HangupCount),
}

/// A file or stream, with its name for errors.
pub struct OutputFile {
    destination: Destination,
    name: String,
    /// Data that could not be written yet.
    pending: Vec<u8>,
    header: &'static str,
}

/// The place where the data goes.
enum Destination {
    Stream(Box<dyn Write + Send>),
    /// A stream that begins with the first result.
    StartingStream(Box<dyn Write + Send>),
    Partial(PartialFile),
    /// A partial file that takes its place with the first result.
    Starting(PartialFile, GrowingStart),
    /// A file that is moved away with the first result.
    Rotating(GrowingStart),
    Growing(GrowingFile),
    /// Nowhere: changing from one to another failed.
    Closed,
}

/// The facts that a starting file needs to grow.
struct GrowingStart {
    path: std::path::PathBuf,
    hangups: HangupCount,
}

impl OutputFile {
    /// Creates a file that replaces the one at `path` when it is finished. `-` is standard output; devices and named pipes are
    /// written in place.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(path: &Path) -> Result<Self, SinkError> {
        Self::open(path, &WriteMode::Replace, "")
    }

    /// Opens a file whose content begins with `header`.
    pub(super) fn open(
        path: &Path,
        mode: &WriteMode,
        header: &'static str,
    ) -> Result<Self, SinkError> {
        let name = path.display().to_string();
        let path = match OutputPath::of(path) {
            OutputPath::Stdout => {
                return Ok(Self::stream(Box::new(io::stdout()), "stdout", header));
            }
            OutputPath::Special(path) => {
                return Ok(Self::stream(Box::new(open_special(&path)?), &name, header));
            }
            OutputPath::File(path) => path,
        };
        let destination = match mode {
            WriteMode::Append(hangups) => {
                let opened = GrowingFile::open(&path, hangups);
                Destination::Growing(opened.map_err(|source| SinkError::open(&path, source))?)
            }
            WriteMode::Rotate(hangups) => {
                let opened = OpenOptions::new().append(true).create(true).open(&path);
                opened.map_err(|source| SinkError::open(&path, source))?;
                let hangups = hangups.clone();
                Destination::Rotating(GrowingStart { path, hangups })
            }
            WriteMode::Replace => Destination::Partial(PartialFile::create(&path)?),
            WriteMode::ReplaceAtFirstResult(hangups) => {
                let file = PartialFile::create(&path)?;
                let hangups = hangups.clone();
                Destination::Starting(file, GrowingStart { path, hangups })
            }
        };
        Self::start(destination, &name, header)
    }

    /// Returns the output to a stream; errors call it `name`. The header is written with the first result, or at the end of a
    /// complete run, so that a run that fails without a result prints nothing.
    pub(super) fn stream(stream: Box<dyn Write + Send>, name: &str, header: &'static str) -> Self {
        Self {
            destination: Destination::StartingStream(stream),
            name: name.to_owned(),
            pending: Vec::new(),
            header,
        }
    }

    fn start(
        destination: Destination,
        name: &str,
        header: &'static str,
    ) -> Result<Self, SinkError> {
        let mut output = Self {
            destination,
            name: name.to_owned(),
            pending: header.as_bytes().to_vec(),
            header,
        };
        output.flush()?;
        Ok(output)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes a piece of the results and flushes it.
    ///
    /// # Errors
    /// If it cannot be written, for example because the disk is full.
    pub fn write(&mut self, piece: &str) -> Result<(), SinkError> {
        let prepared = self.prepare();
        prepared.map_err(|source| SinkError::write(&self.name, source))?;
        self.pending.extend_from_slice(piece.as_bytes());
        self.flush()
    }

    /// Reopens the file if that was requested, or if it was moved away.
    pub(super) fn refresh(&mut self) -> Result<(), SinkError> {
        match &mut self.destination {
            // What is left of a line belongs to the file in which the line began.
            Destination::Growing(file) if self.pending.is_empty() => file
                .refresh()
                .map_err(|source| SinkError::write(&self.name, source)),
            _ => Ok(()),
        }
    }

    /// Ends the file. Unless the run is complete, a file that has earlier content keeps it.
    ///
    /// # Errors
    /// If the data left by an earlier error, or the file as a whole, cannot be written.
    pub fn finish(&mut self, complete: bool) -> Result<(), SinkError> {
        let awaits_result = matches!(
            self.destination,
            Destination::Rotating(_) | Destination::StartingStream(_)
        );
        if complete && awaits_result {
            // The run has no result, and neither has its file.
            let prepared = self.prepare();
            prepared.map_err(|source| SinkError::write(&self.name, source))?;
        }
        self.flush()?;
        let ended = match std::mem::replace(&mut self.destination, Destination::Closed) {
            Destination::Partial(file) => self.finish_partial(file, complete),
            // It has no result.
            Destination::Starting(file, _) => self.finish_partial(file, false),
            Destination::Growing(file) => file.sync(),
            Destination::Stream(_)
            | Destination::StartingStream(_)
            | Destination::Rotating(_)
            | Destination::Closed => Ok(()),
        };
        ended.map_err(|source| SinkError::write(&self.name, source))
    }

    fn finish_partial(&self, file: PartialFile, complete: bool) -> io::Result<()> {
        if complete || file.replaces_nothing() {
            return file.commit().map(drop);
        }
        let file_name = &self.name;
        match file.abandon() {
            Unfinished::Kept(partial) => {
                let partial = partial.display();
                warn!(file = %file_name, results = %partial, "the run did not finish: the file keeps its earlier content, and the new results stay in a partial file");
            }
            Unfinished::Lost => {
                warn!(file = %file_name, "the run did not finish: the file keeps its earlier content, and the new results are lost, because its folder is not writable");
            }
            Unfinished::Removed => {}
        }
        Ok(())
    }

    /// Makes the destination ready for the next piece.
    fn prepare(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.destination, Destination::Closed) {
            Destination::StartingStream(stream) => {
                self.pending.extend_from_slice(self.header.as_bytes());
                self.destination = Destination::Stream(stream);
            }
            Destination::Starting(file, start) => {
                let file = file.commit()?;
                let rest = (self.header, &start.hangups);
                let file = GrowingFile::over(file, &start.path, rest);
                self.destination = Destination::Growing(file);
            }
            Destination::Rotating(start) => {
                let file = GrowingFile::rotate(&start.path, &start.hangups)?;
                self.destination = Destination::Growing(file);
            }
            Destination::Partial(mut file) => {
                file.keep_results();
                self.destination = Destination::Partial(file);
            }
            Destination::Growing(mut file) => {
                if self.pending.is_empty() {
                    file.refresh()?;
                }
                self.destination = Destination::Growing(file);
            }
            other => self.destination = other,
        }
        Ok(())
    }

    /// Writes the pending data.
    fn flush(&mut self) -> Result<(), SinkError> {
        let stream: &mut dyn Write = match &mut self.destination {
            Destination::Stream(stream) => stream,
            Destination::Partial(file) | Destination::Starting(file, _) => file,
            Destination::Growing(file) => file,
            Destination::StartingStream(_) | Destination::Rotating(_) | Destination::Closed => {
                return Ok(());
            }
        };
        let written = write_pending(stream, &mut self.pending);
        written.map_err(|source| SinkError::write(&self.name, source))
    }
}

/// Writes data and removes from it what was written, also if the rest is refused.
fn write_pending(stream: &mut dyn Write, pending: &mut Vec<u8>) -> io::Result<()> {
    while !pending.is_empty() {
        match stream.write(pending) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => drop(pending.drain(..written)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    stream.flush()
}

/// Opens a device or a named pipe; a pipe waits for its reader.
fn open_special(path: &Path) -> Result<File, SinkError> {
    let opened = OpenOptions::new().append(true).open(path);
    opened.map_err(|source| SinkError::open(path, source))
}

#[cfg(test)]
mod tests;
