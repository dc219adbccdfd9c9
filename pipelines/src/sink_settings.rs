//! The kinds of sinks, which write captions, answers and summaries to files, and their settings.
//!
//! This module holds the settings and their documentation; the crate that runs a plan holds a writer for each kind.

use std::path::PathBuf;

use atom_operators::{node::StreamKind, spec::SpecError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a sink that writes one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSinkSpec {
    /// File to write, relative to the working directory; `-` is standard output. Its name is `PATH.partial` until the run
    /// has finished; then it replaces an earlier file. With a live source, the file replaces an earlier one at the first
    /// cue and then grows.
    pub path: PathBuf,
}

/// Settings of a sink that writes JSON lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonlSinkSpec {
    /// File to write, relative to the working directory; `-` is standard output. The file is reopened if it was moved,
    /// and on a hang-up signal (SIGHUP).
    pub path: PathBuf,
    /// Treatment of the lines of earlier runs. `append` adds to them. `rotate` renames their file to `PATH.previous` at
    /// the first new line. `replace` replaces their file when the run has finished, as for subtitles. `auto` appends if a
    /// source is live or a watched folder, and otherwise rotates, because a run processes recordings from their
    /// beginning.
    #[serde(default)]
    pub earlier: EarlierLines,
    /// Also writes drafts: captions from memory, some milliseconds after a segment closes. The line of kind `caption`
    /// with the same source and `start_ms` replaces the draft.
    #[serde(default)]
    pub drafts: bool,
}

/// Treatment of the lines of earlier runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum EarlierLines {
    /// They are appended to if a source is live or a watched folder, and otherwise rotated.
    #[default]
    Auto,
    /// New lines follow them.
    Append,
    /// Their file is renamed with the first new line.
    Rotate,
    /// Their file is replaced when the run has finished.
    Replace,
}

/// A sink's kind with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SinkKind {
    /// Subtitles for web players.
    Webvtt(FileSinkSpec),
    /// Subtitles for nearly every other player.
    Srt(FileSinkSpec),
    /// One JSON object per line.
    Jsonl(JsonlSinkSpec),
}

impl SinkKind {
    /// Returns the kind's name in a pipeline file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webvtt(_) => "webvtt",
            Self::Srt(_) => "srt",
            Self::Jsonl(_) => "jsonl",
        }
    }

    /// Returns one sentence about what this kind does.
    pub(crate) fn about(&self) -> &'static str {
        match self {
            Self::Webvtt(_) => {
                "Writes captions and answers as WebVTT subtitles, one cue per segment."
            }
            Self::Srt(_) => {
                "Writes captions and answers as SubRip (.srt) subtitles, one cue per segment."
            }
            Self::Jsonl(_) => {
                "Writes every caption, answer, summary and event of a standing query as one JSON object per line."
            }
        }
    }

    /// Returns the smallest useful TOML text of this sink.
    pub(crate) fn example(&self) -> &'static str {
        match self {
            Self::Webvtt(_) => {
                "kind = \"webvtt\"\ninputs = [\"captions\"]\npath = \"captions.vtt\"\n"
            }
            Self::Srt(_) => "kind = \"srt\"\ninputs = [\"captions\"]\npath = \"captions.srt\"\n",
            Self::Jsonl(_) => {
                "kind = \"jsonl\"\ninputs = [\"captions\"]\npath = \"captions.jsonl\"\n"
            }
        }
    }

    /// Returns the streams that this sink accepts.
    pub(crate) fn inputs(&self) -> &'static [StreamKind] {
        match self {
            // A summary covers a minute and a cue covers a segment, so the two would overlap in one file.
            Self::Webvtt(_) | Self::Srt(_) => &[StreamKind::Captions, StreamKind::Answers],
            Self::Jsonl(_) => &[
                StreamKind::Captions,
                StreamKind::Answers,
                StreamKind::Summaries,
            ],
        }
    }

    /// Returns the file that this sink writes.
    pub fn path(&self) -> &PathBuf {
        match self {
            Self::Webvtt(spec) | Self::Srt(spec) => &spec.path,
            Self::Jsonl(spec) => &spec.path,
        }
    }

    /// Returns true if the sink also writes drafts of captions.
    pub fn drafts(&self) -> bool {
        matches!(self, Self::Jsonl(spec) if spec.drafts)
    }

    /// Returns what happens to the lines of earlier runs; `None` for subtitles, which are replaced.
    pub fn earlier_lines(&self) -> Option<EarlierLines> {
        match self {
            Self::Webvtt(_) | Self::Srt(_) => None,
            Self::Jsonl(spec) => Some(spec.earlier),
        }
    }

    /// Rejects an empty path.
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        if !self.path().as_os_str().is_empty() {
            return Ok(());
        }
        Err(SpecError {
            key: "path",
            found: "empty".to_owned(),
            expected: "the path of a file",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_an_empty_path() {
        for kind in [
            SinkKind::Webvtt(FileSinkSpec::default()),
            SinkKind::Jsonl(JsonlSinkSpec::default()),
        ] {
            assert_eq!(kind.check().unwrap_err().key, "path", "{}", kind.name());
        }
    }
}
