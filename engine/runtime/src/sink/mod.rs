//! Writes results to files as they come: subtitles (`webvtt`, `srt`) or one JSON object a line (`jsonl`).
//!
//! A [`Record`] is one result, the same that the program prints with `--json`. A [`Sink`] takes captions and
//! answers in order of `start_ms` within a source, and summaries when their stretch is over; it never reorders them.
//! Invariant: after every call the file holds whole cues or lines only, as many as can be known to be final.
//!
//! | file | holds |
//! |---|---|
//! | `record` | a result as the world sees it |
//! | `output` | a file or a stream, written in place, with errors that name it |
//! | `cues` | records made into cues that follow one another without overlap |
//! | `subtitles` | a file of cues, in either format |
//! | `webvtt`, `srt`, `jsonl` | the three formats |
//! | `error` | everything that can go wrong, with what to do about it |
//!
//! Files are truncated when they are opened and written in place, not renamed at the end: people and players follow
//! the subtitles of a live camera with `tail -f`, and what was written before a crash stays.

mod cues;
mod error;
mod jsonl;
mod output;
mod record;
mod srt;
mod subtitles;
mod webvtt;

use std::io::Write;
use std::path::Path;

pub use error::SinkError;
pub use record::{Kind, Question, Record};

use jsonl::Jsonl;
use output::Output;
use subtitles::Subtitles;

/// A place that results go to.
pub trait Sink: Send {
    /// Takes the next result. Within a source, captions and answers come in order of `start_ms`; a summary comes after the last of
    /// its stretch.
    ///
    /// # Errors
    /// When it cannot be written, or comes too late to stand in order; the sink can be used on.
    fn write(&mut self, record: &Record) -> Result<(), SinkError>;

    /// Learns that no caption and no answer of `source` that begins before `through_ms` will come any more.
    ///
    /// Subtitles hold a cue back until they know this or see a later record, since an answer about the same segment
    /// may still join it. A sink that holds nothing back has nothing to do here.
    ///
    /// # Errors
    /// When what was held back cannot be written.
    fn complete(&mut self, _source: &str, _through_ms: u64) -> Result<(), SinkError> {
        Ok(())
    }

    /// Writes all that was held back. Nothing may be written afterwards.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(&mut self) -> Result<(), SinkError>;

    /// Writes what came to or left the best of a standing query; subtitles have no room for it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn query(&mut self, _event: &atom_index::QueryEvent) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The kinds of files there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Subtitles as browsers read them.
    WebVtt,
    /// Subtitles as players read them.
    Srt,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// Every format there is.
    pub const ALL: [Self; 3] = [Self::WebVtt, Self::Srt, Self::Jsonl];

    /// The name in a pipeline file, the sink's `kind`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::WebVtt => "webvtt",
            Self::Srt => "srt",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format of this kind, if it is one.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.kind() == kind)
    }
}

/// Opens a sink that writes to a file, which is made or emptied at once. `sources` are those whose records it will get.
///
/// # Errors
/// When the file cannot be written, or subtitles are to be fed by more or less than one source.
pub fn open(format: Format, path: &Path, sources: &[&str]) -> Result<Box<dyn Sink>, SinkError> {
    let name = path.display().to_string();
    one_source(format, &name, sources)?;
    start(format, Output::file(path)?)
}

/// Opens a sink over any stream, such as standard output; `name` stands for it in errors.
///
/// # Errors
/// As [`open`].
pub fn over(
    format: Format,
    stream: Box<dyn Write + Send>,
    name: &str,
    sources: &[&str],
) -> Result<Box<dyn Sink>, SinkError> {
    one_source(format, name, sources)?;
    start(format, Output::stream(stream, name))
}

/// Two sources have two clocks, so their subtitles cannot share a file.
fn one_source(format: Format, name: &str, sources: &[&str]) -> Result<(), SinkError> {
    if format == Format::Jsonl || sources.len() == 1 {
        return Ok(());
    }
    Err(SinkError::NotOneSource {
        kind: format.kind(),
        name: name.to_owned(),
        sources: sources.join(", "),
    })
}

fn start(format: Format, output: Output) -> Result<Box<dyn Sink>, SinkError> {
    Ok(match format {
        Format::WebVtt => Box::new(Subtitles::start(output, webvtt::HEADER, webvtt::render)?),
        Format::Srt => Box::new(Subtitles::start(output, "", srt::render)?),
        Format::Jsonl => Box::new(Jsonl::start(output)),
    })
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn subtitles_take_exactly_one_source_and_jsonl_any_number() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("out");
        for format in Format::ALL {
            for sources in [&["a", "b"][..], &[]] {
                let opened = open(format, &path, sources);
                assert_eq!(opened.is_ok(), format == Format::Jsonl);
            }
            assert!(open(format, &path, &["a"]).is_ok());
        }
        std::fs::write(&path, "kept").unwrap();
        let refused = open(Format::Srt, &path, &["a", "b"]).err().unwrap();
        let said = refused.to_string();
        assert!(said.contains("a, b") && said.contains("jsonl"), "{said}");
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    }

    #[test]
    fn every_format_is_found_by_its_kind() {
        for format in Format::ALL {
            assert_eq!(Format::of_kind(format.kind()), Some(format));
        }
        assert_eq!(Format::of_kind("vtt"), None);
    }

    #[test]
    fn a_file_is_emptied_at_opening_and_holds_each_record_as_soon_as_it_can() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("out");
        for format in Format::ALL {
            std::fs::write(&path, "old").unwrap();
            let mut sink = open(format, &path, &["door"]).unwrap();
            sink.write(&record::tests::caption(0, 4000, "a ball"))
                .unwrap();
            sink.complete("door", 4000).unwrap();
            let held = std::fs::read_to_string(&path).unwrap();
            assert!(
                held.contains("a ball") && !held.contains("old"),
                "{format:?}: {held}"
            );
            sink.finish().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), held);
        }
    }
}
