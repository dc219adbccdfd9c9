//! The interface of a sink.

use atom_index::QueryEvent;

use super::{error::SinkError, result_record::Record};

/// A destination of results.
pub trait Sink: Send {
    /// Writes the next result. Within a source, captions and answers come in order of `start_ms`; a summary comes after the last
    /// caption of its span.
    ///
    /// # Errors
    /// If it cannot be written, or comes too late to be written in order; the sink stays usable.
    fn write(&mut self, record: &Record) -> Result<(), SinkError>;

    /// Announces that no further caption or answer of `source` starts before `through_ms`.
    ///
    /// Subtitles hold a cue back until this call or a later record, since an answer about the same segment may still join it. A
    /// sink that holds nothing back ignores it.
    ///
    /// # Errors
    /// If a cue that was held back cannot be written.
    fn complete(&mut self, _source: &str, _through_ms: u64) -> Result<(), SinkError> {
        Ok(())
    }

    /// Reopens its file if a hang-up signal asked for that, or if the file was moved away.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn refresh(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Writes everything that was held back. It is the last call. `complete` is true if all its sources were worked through to
    /// their end; only then a file that is replaced as a whole loses its earlier content.
    ///
    /// # Errors
    /// If it cannot be written.
    fn finish(&mut self, complete: bool) -> Result<(), SinkError>;

    /// Writes a match that a standing query gained or lost; subtitles ignore it.
    ///
    /// # Errors
    /// If it cannot be written.
    fn query_event(&mut self, _event: &QueryEvent) -> Result<(), SinkError> {
        Ok(())
    }
}
