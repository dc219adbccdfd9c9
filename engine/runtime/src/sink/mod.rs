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
//! | `output_file` | a file or stream, written in place, with errors that name it |
//! | `subtitle_cues` | records turned into cues that follow one another without overlap |
//! | `subtitle_sink` | a file of cues, in either format |
//! | `webvtt`, `srt`, `jsonl` | the three formats |
//! | `error` | the errors, each with advice |
//!
//! Files are truncated when they are opened and written in place, not renamed at the end: people and players follow the subtitles
//! of a live camera with `tail -f`, and everything written before a crash stays.

mod error;
mod jsonl;
mod output_file;
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
pub use result_record::{AnsweredQuestion, Record, RecordKind};
pub use sink_format::{Format, open, over};
pub use sink_trait::Sink;
