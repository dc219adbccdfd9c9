//! Writes results to files as they come: subtitles (`webvtt`, `srt`) or JSON lines (`jsonl`).
//!
//! A [`Record`] is one result, in the form that the program prints with `--json`. A [`Sink`] takes captions and answers in order
//! of `start_ms` within a source, and summaries when their span is over; it never reorders them.
//! Invariant: after every call the file holds whole cues or lines only, all those that are known to be final.
//!
//! | file | holds |
//! |---|---|
//! | `result_record` | a result as it is written |
//! | `sink_trait` | the interface of a sink |
//! | `sink_format` | the formats, and opening a sink of each |
//! | `output_file` | a file or stream, with errors that name it |
//! | `partial_file` | a file that is written beside the one that it replaces |
//! | `growing_file` | a file that grows, and may be moved away or cut short meanwhile |
//! | `subtitle_cues` | records turned into cues that follow one another without overlap |
//! | `subtitle_sink` | a file of cues, in either format |
//! | `webvtt`, `srt`, `jsonl` | the three formats |
//! | `error` | the errors, each with advice |
//!
//! Subtitles of a recording replace their file as a whole when they are finished, so that a failed run destroys nothing. Those of
//! a live source have no end: they replace their file with the first cue, and can be read while they grow. JSON lines of a
//! live source are added to their file, as logs are; those of recordings begin a new file and keep the earlier one.

mod error;
mod growing_file;
mod jsonl;
mod output_file;
mod partial_file;
mod result_record;
mod sink_format;
mod sink_trait;
mod srt;
mod subtitle_cues;
mod subtitle_sink;
#[cfg(test)]
mod test_records;
mod webvtt;

pub use error::SinkError;
pub use output_file::{OutputFile, WriteMode};
pub use result_record::{AnsweredQuestion, Record, RecordKind};
pub use sink_format::{Format, open, over};
pub use sink_trait::Sink;
